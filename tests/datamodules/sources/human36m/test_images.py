"""Human36MImages: which file is which frame, and files that are missing or damaged."""

import numpy as np
import pytest

from datamodules import DataError, Human36M, Human36MImages, Segment
from datamodules.sources.human36m.recordings import folder_of, human36m_cameras
from tests.datamodules.image_writers import dot_of, wrist_of, write_human36m_images

STRIDE = 12


@pytest.fixture
def folders(human36m_files, tmp_path):
    images = tmp_path / "images"
    return write_human36m_images(human36m_files, images, STRIDE), images


def source(folders, **options):
    root, images = map(str, folders)
    return Human36MImages(root, images, **{"stride": STRIDE} | options)


def test_every_frame_has_its_image(folders):
    held = source(folders).read()
    # takes of 21 and 22 frames by four cameras
    assert len(held) == 7 * 2 * 4 * 2
    assert {segment.fps for segment in held.segments} == {50 / STRIDE}
    full = Human36M(str(folders[0])).read()
    for segment, whole in zip(held.segments, full.segments, strict=True):
        kept = slice(segment.start, segment.stop)
        every = slice(whole.start, whole.stop, STRIDE)
        np.testing.assert_array_equal(held.joints[kept], full.joints[every])
        np.testing.assert_array_equal(held.keypoints[kept], full.keypoints[every])
        assert (segment.subject, segment.take) == (whole.subject, whole.take)
    frames = np.arange(0, len(held), 5)
    for frame, crop in zip(frames, held.images.read(frames, 128), strict=True):
        expected = wrist_of(held.images, held.keypoints, frame)
        np.testing.assert_allclose(dot_of(crop), expected, atol=0.003)


def test_files_of_other_frames_are_not_needed(folders):
    assert len(source(folders, stride=2 * STRIDE).read()) == 7 * 2 * 4
    with pytest.raises(DataError, match=r"_000002\.jpg is not there"):
        source(folders, stride=1).read()


@pytest.mark.parametrize("number", [1, 13])
def test_a_missing_image_is_named_before_training(folders, number):
    name = f"s_09_act_15_subact_02_ca_03/s_09_act_15_subact_02_ca_03_{number:06}.jpg"
    (folders[1] / name).unlink()
    with pytest.raises(DataError, match=f"{name} is not there"):
        source(folders).read()


def test_damaged_images_are_named(folders):
    name = "s_09_act_15_subact_02_ca_03"
    first, second = (folders[1] / name / f"{name}_{number:06}.jpg" for number in (1, 13))
    second.write_bytes(second.read_bytes()[:-100])
    held = source(folders).read()
    (segment,) = (
        s
        for s in held.segments
        if (s.subject, s.action, s.camera.id) == ("S9", "WalkDog", "58860488")
    )
    with pytest.raises(DataError, match=f"{second} is cut short"):
        held.images.read(np.array([segment.start + 1]), 32)
    first.write_bytes(b"no image")
    with pytest.raises(DataError, match=f"{first} is not a JPEG"):
        source(folders).read()


def test_changed_files_are_told_apart(folders):
    before = source(folders).read().fingerprint()
    assert source(folders).read().fingerprint() == before
    name = "s_01_act_02_subact_01_ca_01"
    with (folders[1] / name / f"{name}_000013.jpg").open("ab") as file:
        file.write(b"\0")
    assert source(folders).read().fingerprint() != before


@pytest.mark.parametrize(
    ("subject", "take", "folder"),
    # of the data set's table of takes
    [
        ("S1", "Eating 2", "s_01_act_04_subact_01"),
        ("S1", "Photo", "s_01_act_12_subact_02"),
        ("S5", "Discussion 3", "s_05_act_03_subact_02"),
        ("S6", "Waiting 3", "s_06_act_13_subact_01"),
        ("S7", "Walking 2", "s_07_act_14_subact_02"),
        ("S8", "WalkTogether 2", "s_08_act_16_subact_02"),
        ("S9", "SittingDown", "s_09_act_10_subact_01"),
        ("S11", "Phoning 2", "s_11_act_06_subact_02"),
    ],
)
def test_takes_stand_where_the_data_set_has_them(subject, take, folder):
    for number, camera in enumerate(human36m_cameras()[subject], 1):
        segment = Segment(0, 1, subject, take.split(" ")[0], take, camera, 50.0)
        assert folder_of(segment) == f"{folder}_ca_{number:02}"


def test_a_take_of_another_name_is_refused(human36m_files, tmp_path):
    with pytest.raises(DataError, match="S5, action 'Directions': its takes are Directions 1 and"):
        human36m_files.three["positions_3d"]["S1"].pop("Directions 1")
        human36m_files.two["positions_2d"]["S1"].pop("Directions 1")
        Human36MImages(human36m_files.write(), str(tmp_path)).read()


@pytest.mark.parametrize(
    ("pixels", "words"),
    [([[500, 400]] * 17, "a crop of 0 image"), ([[0, 0]] * 16 + [[9e5, 0]], "1.12e+03 image")],
)
def test_keypoints_that_fit_no_crop_are_named(human36m_files, tmp_path, pixels, words):
    images = tmp_path / "images"
    write_human36m_images(human36m_files, images, STRIDE)
    human36m_files.two["positions_2d"]["S9"]["WalkDog"][1][STRIDE] = pixels
    with pytest.raises(DataError) as error:
        source((human36m_files.write(), images)).read()
    assert "subject S9, action 'WalkDog', camera 55011271, frame 12:" in str(error.value)
    assert words in str(error.value)


def test_a_stride_of_nothing_is_refused():
    with pytest.raises(ValueError, match="stride of 1 or more"):
        Human36MImages("a", "b", stride=0)
