"""MPII: keypoints and crops against the annotations, and annotations that are not right."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules import MPII, DataError, SubjectProtocol
from datamodules.batch import DataNeeds
from datamodules.sources.mpii.people import read_people
from tests.datamodules.image_writers import (
    MPII_SIZES,
    dot_of,
    mpii_people,
    wrist_of,
    write_annotations,
    write_mpii,
)

# MPII's own order, from the data set's page
JOINTS = (
    *("right_foot", "right_knee", "right_hip", "left_hip", "left_knee", "left_foot", "hip"),
    *("thorax", "neck", "head", "right_wrist", "right_elbow", "right_shoulder"),
    *("left_shoulder", "left_elbow", "left_wrist"),
)


@pytest.fixture
def folder(tmp_path):
    write_mpii(tmp_path)
    return tmp_path


def test_people_joints_and_scores(folder):
    held = MPII(str(folder)).read()
    assert len(held) == 3
    assert not held.has_joints
    assert not held.joints.any()
    assert held.splits == {"train": ("train",), "test": ("valid",)}
    assert held.subjects == ["train", "valid"]
    people = [*mpii_people()["train"][:2], *mpii_people()["valid"]]
    for number, entry in enumerate(people):
        width, height = MPII_SIZES[entry["image"]]
        for place, name in enumerate(held.skeleton.joints):
            x, y, score = held.keypoints[number, place]
            known = name in JOINTS and bool(entry["joints_vis"][JOINTS.index(name)])
            assert score == known
            if known:
                wanted = np.array(entry["joints"][JOINTS.index(name)]) - 0.5
                got = np.array([x + 1, y + height / width]) * width / 2
                np.testing.assert_allclose(got, wanted, atol=1e-3)
            else:
                np.testing.assert_allclose([x, y], held.images.crops[number, :2], atol=1e-6)
        side = held.images.crops[number, 2] * width / 2
        np.testing.assert_allclose(side, 250 * entry["scale"], rtol=1e-5)
        lower = (held.images.crops[number, 1] + height / width) * width / 2
        np.testing.assert_allclose(lower, entry["center"][1] - 0.5 + 15 * entry["scale"], rtol=1e-5)


@pytest.mark.parametrize("size", [64, 256])
def test_a_joint_is_seen_where_its_keypoint_says(folder, size):
    held = MPII(str(folder)).read()
    crops = held.images.read(np.arange(3), size)
    assert crops.shape == (3, size, size, 3)
    for frame, crop in enumerate(crops):
        expected = wrist_of(held.images, held.keypoints, frame)
        np.testing.assert_allclose(dot_of(crop), expected, atol=0.3 / size + 0.001)


def test_lifting_is_refused(folder):
    protocol = SubjectProtocol(MPII(str(folder)))
    with pytest.raises(DataError, match="MPII has 2D keypoints alone"):
        protocol.load("fit", DataNeeds(image_size=64))
    protocol.load("fit", DataNeeds(image_size=64, trains_on_joints=False))
    assert protocol.frames["train"].tolist() == [0, 1]
    assert protocol.frames["test"].tolist() == [2]


def test_the_fingerprint_tells_images_apart(folder):
    before = MPII(str(folder)).read().fingerprint()
    assert MPII(str(folder)).read().fingerprint() == before
    with (folder / "images/000000002.jpg").open("ab") as file:
        file.write(b"\0")
    assert MPII(str(folder)).read().fingerprint() != before


@pytest.mark.parametrize(
    ("field", "value", "phrase"),
    [
        ("image", "../secret.jpg", "`image`"),
        ("image", "a/b.jpg", "`image`"),
        ("image", "photo.png", "`image`"),
        ("image", 7, "`image`"),
        ("image", "x\ny.jpg", "`image`"),
        ("image", "nowhere.jpg", "nowhere.jpg cannot be read"),
        ("center", [1], "`center`"),
        ("center", None, "`center`"),
        ("center", [float("nan"), 3], "`center`"),
        ("center", [10**400, 3], "`center`"),
        ("scale", 0, "`scale`"),
        ("scale", 1e-45, "`scale`"),
        ("scale", 0.009, "`scale`"),
        ("scale", float("inf"), "`scale`"),
        ("scale", True, "`scale`"),
        ("scale", "1", "`scale`"),
        ("joints", [[1, 2]] * 15, "`joints`"),
        ("joints", [[1, 2]] * 15 + [[1, "2"]], "a joint"),
        ("joints", {"a": 1}, "`joints`"),
        ("joints", [[9000, 9000]] * 16, "far outside"),
        ("joints_vis", [1] * 17, "`joints_vis`"),
        ("joints_vis", [2] * 16, "`joints_vis`"),
        ("joints_vis", None, "`joints_vis`"),
    ],
)
def test_a_wrong_field_is_named(folder, field, value, phrase):
    people = mpii_people()
    people["train"][1][field] = value
    write_annotations(folder, people)
    with pytest.raises(DataError) as error:
        MPII(str(folder)).read()
    assert phrase in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "[1]",
        "null",
        "[" * 100_000,
        '[{"image": ',
        "9" * 10_000,
        "\udcff",
        '[{"scale": 1.0, "scale": 2.0}]',
        '[{"more": {"a": 1, "\\u0061": 1}}]',
    ],
)
def test_what_are_no_annotations_is_told(folder, text):
    (folder / "annot/valid.json").write_text(text, errors="surrogateescape")
    with pytest.raises(DataError, match=r"valid\.json"):
        MPII(str(folder)).read()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=17) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["image", "center", "scale", "joints", "joints_vis", "other"]), VALUES)
def test_any_value_of_any_field_is_read_or_told(tmp_path_factory, field, value):
    path = tmp_path_factory.getbasetemp() / "any.json"
    entry = mpii_people()["valid"][0] | {field: value}
    path.write_text(json.dumps([entry]))
    try:
        (person,) = read_people(path)
    except DataError:
        return
    assert len(person.joints) == len(person.known) == 16
    assert np.isfinite(person.joints).all()
    assert 0 < person.scale < 100


@pytest.mark.parametrize(
    "missing", ["annot/train.json", "annot/valid.json", "images/000000003.jpg"]
)
def test_what_is_missing_is_named(folder, missing):
    (folder / missing).unlink()
    with pytest.raises(DataError, match=missing.rsplit("/", 1)[-1]):
        MPII(str(folder)).read()
