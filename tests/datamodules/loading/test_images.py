"""Crops: where they lie, how they are cut out, and what is said of files that are not right."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.loading.pictures import CROP_MARGIN, ImageFiles, crops_around, cut
from datamodules.reading.jpeg import jpeg_size, read_jpeg
from poseproof.errors import DataError
from tests.datamodules.fuzz.pictures import hidden, segment, split
from tests.datamodules.image_writers import dot_of, write_dot


def test_crops_hold_the_keypoints_in_a_square():
    points = np.random.default_rng(0).normal(size=(50, 17, 3)).astype(np.float32)
    for crop, keypoints in zip(crops_around(points), points[..., :2], strict=True):
        uv = (keypoints - crop[:2]) / crop[2] + 0.5
        edge = (1 - 1 / CROP_MARGIN) / 2
        widest = np.ptp(uv, axis=0).argmax()
        np.testing.assert_allclose([uv.min(0)[widest], uv.max(0)[widest]], [edge, 1 - edge], 1e-4)
        np.testing.assert_allclose((uv.min(0) + uv.max(0)) / 2, 0.5, atol=1e-5)


@pytest.mark.parametrize("side", [32, 64, 96, 256])
@pytest.mark.parametrize("corner", [(0, 0), (17, 5), (-40, 12), (100, 90)])
def test_whole_pixels_are_the_means_of_their_cells(side, corner):
    size, (left, top) = 32, corner
    image = np.random.default_rng(1).integers(0, 256, (130, 150, 3), np.uint8)
    padded = np.zeros((700, 700, 3))
    padded[300:430, 300:450] = image
    square = padded[300 + top : 300 + top + side, 300 + left : 300 + left + side]
    cell = side // size
    means = square.reshape(size, cell, size, cell, 3).mean(axis=(1, 3))
    got = cut(image, left + side / 2, top + side / 2, side, size)
    assert got.dtype == np.uint8
    np.testing.assert_allclose(got, means, atol=1.01)


@settings(max_examples=40, deadline=None)
@given(st.floats(100, 300), st.floats(100, 200), st.floats(60, 900), st.sampled_from([32, 64, 128]))
def test_a_place_of_the_image_is_found_in_the_crop(x, y, side, size):
    image = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(image, (200 * 16 - 8, 150 * 16 - 8), 12 * 16, (0, 0, 255), -1, cv2.LINE_AA, 4)
    expected = (np.array([200, 150]) - [x, y]) / side + 0.5
    radius = 13 / side
    # in the crop, and larger there than a pixel, whose centre alone could be told otherwise
    if not (radius < expected.min() and expected.max() < 1 - radius and 12 * size > side):
        return
    crop = cut(image, x, y, side, size)[..., ::-1]
    np.testing.assert_allclose(dot_of(crop), expected, atol=0.35 / size)


@pytest.fixture
def photo(tmp_path):
    write_dot(tmp_path / "photo.jpg", (120, 80), 60, 40)
    return tmp_path / "photo.jpg"


def test_a_sound_file_is_read_as_stored(photo):
    image = read_jpeg(photo)
    assert image.shape == (80, 120, 3)
    np.testing.assert_array_equal(image, cv2.imread(str(photo)))
    with photo.open("rb") as file:
        assert jpeg_size(file, photo) == (120, 80)


def test_progressive_files_too(photo):
    cv2.imwrite(str(photo), read_jpeg(photo), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    assert read_jpeg(photo).shape == (80, 120, 3)
    photo.write_bytes(photo.read_bytes()[:-30])
    with pytest.raises(DataError, match="cut short"):
        read_jpeg(photo)


def test_every_cut_is_told(photo):
    raw = photo.read_bytes()
    for length in range(0, len(raw) - 1, 7):
        photo.write_bytes(raw[:length])
        with pytest.raises(DataError, match=r"photo\.jpg is"):
            read_jpeg(photo)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_give_a_size_or_a_sentence(raw):
    for start in (b"", b"\xff\xd8", b"\xff\xd8\xff\xc0"):
        try:
            width, height = jpeg_size(BytesIO(start + raw), "x.jpg")
        except DataError:
            continue
        assert 0 < width * height <= 50_000_000


def test_a_bomb_is_not_unpacked(photo):
    raw = bytearray(photo.read_bytes())
    at = raw.index(b"\xff\xc0") + 5
    raw[at : at + 4] = b"\xff\xff\xff\xff"
    photo.write_bytes(raw)
    with pytest.raises(DataError, match="65535 x 65535 pixels"):
        read_jpeg(photo)


def with_fill(raw, count=3):
    """Fill bytes before every marker of the header, which the standard allows."""
    marks = [b"\xff" + bytes([mark]) for mark in (0xE0, 0xDB, 0xC0, 0xC4, 0xDA)]
    for mark in marks:
        raw = raw.replace(mark, b"\xff" * count + mark)
    return raw


@pytest.mark.parametrize("count", [1, 2, 3])
def test_markers_may_be_filled_up(photo, count):
    expected = read_jpeg(photo)
    photo.write_bytes(with_fill(photo.read_bytes(), count))
    np.testing.assert_array_equal(read_jpeg(photo), expected)
    with photo.open("rb") as file:
        assert jpeg_size(file, photo) == (120, 80)


@pytest.mark.parametrize("before", [b"\xff", b"\xff\xd0", b"\xff\x01", b"\xff\x00"])
def test_a_frame_cannot_hide_behind_another(photo, before):
    # to who takes what stands before the large frame for a segment, the small one is the first
    segments, scan = split(photo.read_bytes())
    large = segment(0xC0, b"\x08" + (20_000).to_bytes(2, "big") * 2 + b"\1\1\x11\0")
    photo.write_bytes(hidden(segments, scan, large, before))
    words = "20000 x 20000 pixels" if before == b"\xff" else "damaged or cut short"
    with pytest.raises(DataError, match=words):
        read_jpeg(photo)


def test_a_frame_that_the_scan_cannot_fill_is_not_unpacked(photo):
    raw = bytearray(photo.read_bytes())
    at = raw.index(b"\xff\xc0") + 5
    raw[at : at + 4] = (7000).to_bytes(2, "big") * 2
    photo.write_bytes(raw)
    with pytest.raises(DataError, match="cut short"):
        read_jpeg(photo)


@pytest.mark.parametrize("progressive", [0, 1])
def test_the_smallest_files_of_a_size_are_read(photo, progressive):
    # one colour, with the shortest codes for it
    flags = [cv2.IMWRITE_JPEG_OPTIMIZE, 1, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
    assert cv2.imwrite(str(photo), np.zeros((4000, 3000), np.uint8), flags)
    assert photo.stat().st_size < 4000 * 3000 / 200
    assert read_jpeg(photo).shape == (4000, 3000, 3)


def test_scans_without_end_are_not_read(photo):
    cv2.imwrite(str(photo), np.zeros((600, 800), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    raw = photo.read_bytes()
    last = raw[raw.rindex(b"\xff\xda") : -2][:10]
    photo.write_bytes(raw[:-2] + 10_000 * last + raw[-2:])
    with pytest.raises(DataError, match="over 100 scans"):
        read_jpeg(photo)


def test_a_header_that_ends_inside_of_the_frame_gives_no_size(photo):
    raw = photo.read_bytes()
    for length in range(5, 9):
        with pytest.raises(DataError, match="cut short"):
            jpeg_size(BytesIO(raw[: raw.index(b"\xff\xc0") + length]), photo)


def files(path, width=120, height=80):
    return ImageFiles(
        path.parent,
        [path.name],
        np.array([width]),
        np.array([height]),
        np.array([[0, 0, 2]], np.float32),
        np.array([path.stat().st_size]),
    )


def test_what_is_outside_the_image_is_black(photo):
    (crop,) = files(photo).read(np.array([0]), 60)
    # a square of the image's width around its middle: 20 pixels above and below are not in it
    assert not crop[:9].any()
    assert not crop[51:].any()
    assert (crop[11:49] > 50).any(axis=-1).all()
    np.testing.assert_allclose(dot_of(crop), 0.5, atol=0.005)


def test_no_frames_are_no_crops(photo):
    assert files(photo).read(np.empty(0, np.int64), 16).shape == (0, 16, 16, 3)


@pytest.mark.parametrize(("width", "height"), [(60, 40), (120, 90), (121, 80)])
def test_images_of_another_size_are_refused(photo, width, height):
    with pytest.raises(DataError, match=f"120 x 80 pixels, but {width} x {height}"):
        files(photo, width, height).read(np.array([0]), 16)


@pytest.mark.parametrize("change", ["missing", "folder", "empty", "png", "text"])
def test_what_is_no_image_is_told(photo, change):
    held = files(photo)
    photo.unlink()
    if change == "folder":
        photo.mkdir()
    elif change == "png":
        photo.write_bytes(cv2.imencode(".png", np.zeros((80, 120, 3), np.uint8))[1].tobytes())
    elif change != "missing":
        photo.write_bytes(b"" if change == "empty" else b"this is no image")
    with pytest.raises(DataError, match=r"photo\.jpg (cannot be read|is not a JPEG file)"):
        held.read(np.array([0]), 16)


def test_damage_inside_is_told_or_survived(photo):
    raw = photo.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(100):
        changed = bytearray(raw)
        for at in rng.integers(len(raw), size=3):
            changed[at] = rng.integers(256)
        photo.write_bytes(changed)
        try:
            assert read_jpeg(photo).dtype == np.uint8
        except DataError as error:
            assert "photo.jpg" in str(error)
