"""HumanEva: what it reads of the public files, and what it refuses."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from datamodules.skeletons import HUMANEVA15
from datamodules.sources.humaneva.source import HumanEva, humaneva_cameras
from poseproof.errors import DataError
from tests.datamodules.sources.conftest import HUMANEVA_JOINTS, detect

TRAIN, TEST = (tuple(f"{part}/S{n}" for n in (1, 2, 3)) for part in ("Train", "Validate"))
TAKES = ("Walking 1 chunk0", "Walking 1 chunk2", "Jog 1 chunk0", "Box 1 chunk1")


def by_place(sequences):
    """(Subject, take, camera) -> the frames of it."""
    return {(s.subject, s.take, s.camera.id): slice(s.start, s.stop) for s in sequences.segments}


def relative(world, orientation):
    """Root-relative joints in the camera frame."""
    w, x, y, z = orientation
    turned = Rotation.from_quat([x, y, z, w]).inv().apply(world.reshape(-1, 3).astype(float))
    turned = turned.reshape(world.shape)
    return turned - turned[:, :1]


def test_15_joints_of_three_cameras(humaneva_files):
    sequences = HumanEva(humaneva_files.write()).read()
    assert sequences.skeleton is HUMANEVA15
    assert sequences.splits == {"train": TRAIN, "test": TEST}
    assert tuple(sequences.subjects) == TRAIN + TEST
    assert sequences.actions == [f"{a} S{n}" for a in ("Box", "Jog", "Walking") for n in (1, 2, 3)]
    assert sequences.valid is None
    assert sequences.scenes == {}
    assert {(s.fps, s.camera.width, s.camera.height) for s in sequences.segments} == {
        (60, 640, 480)
    }
    assert {(s.take, s.subject, s.action) for s in sequences.segments} == {
        (take, subject, f"{take.split(' ')[0]} {subject[-2:]}")
        for take in TAKES
        for subject in TRAIN + TEST
    }
    frames = by_place(sequences)
    assert len(frames) == len(sequences.segments) == 6 * 4 * 3
    for (subject, take, camera), place in frames.items():
        number = ("C1", "C2", "C3").index(camera)
        world = humaneva_files.three["positions_3d"][subject][take]
        joints = relative(world, humaneva_cameras()[subject][number].orientation)
        np.testing.assert_allclose(sequences.joints[place], joints, atol=5e-6)
        pixels = humaneva_files.two["positions_2d"][subject][take][number]
        keypoints = pixels / 320 - [1, 0.75]
        np.testing.assert_allclose(sequences.keypoints[place], keypoints, atol=1e-6)


def test_the_joints_have_the_names_of_the_skeleton():
    same = {"thorax": "neck", "head": "head_top"}
    assert tuple(same.get(joint, joint) for joint in HUMANEVA15.joints) == HUMANEVA_JOINTS


def test_cameras_are_those_of_the_calibration_files():
    """C1 against R and t of another public reader, which hold world to camera, mm."""
    r = [
        [-0.143362, 0.989627, 0.009217],
        [0.167173, 0.033395, -0.985362],
        [-0.975449, -0.139723, -0.170226],
    ]
    t = [-88.085494, 804.781346, 4315.339452]
    for subject in ("Train/S1", "Validate/S1", "Train/S3", "Validate/S3"):
        w, x, y, z = humaneva_cameras()[subject][0].orientation
        turn = Rotation.from_quat([x, y, z, w]).inv().as_matrix()
        np.testing.assert_allclose(turn, r, atol=1e-6)
        centre = -np.transpose(r) @ t / 1000
        np.testing.assert_allclose(humaneva_cameras()[subject][0].translation, centre, atol=2e-3)


def test_cameras_look_at_each_other():
    """All cameras of a subject face the same place: it is before each, near the optical axis."""
    for cameras in humaneva_cameras().values():
        assert [camera.id for camera in cameras] == ["C1", "C2", "C3"]
        for camera in cameras:
            w, x, y, z = camera.orientation
            seen = Rotation.from_quat([x, y, z, w]).inv().apply(-np.array(camera.translation))
            assert 3 < seen[2] < 5
            assert np.abs(seen[:2] / seen[2]).max() < 0.4


def test_coco_detections_become_the_15_joints(humaneva_files):
    truth = HumanEva(humaneva_files.write()).read()
    detected = HumanEva(detect(humaneva_files).write(), keypoints="detectron_pt_coco").read()
    assert detected.splits == truth.splits
    assert tuple(detected.subjects) == TRAIN + TEST
    np.testing.assert_array_equal(detected.joints, truth.joints)
    places = [HUMANEVA15.joints.index(joint) for joint in ("pelvis", "thorax")]
    rest = [joint for joint in range(15) if joint not in places]
    np.testing.assert_allclose(detected.keypoints[:, rest], truth.keypoints[:, rest], atol=1e-6)
    hips, shoulders = (
        truth.keypoints[
            :, [HUMANEVA15.joints.index(f"{side}_{joint}") for side in ("left", "right")]
        ].mean(1)
        for joint in ("hip", "shoulder")
    )
    np.testing.assert_allclose(
        detected.keypoints[:, places], np.stack([hips, shoulders], 1), atol=1e-6
    )


def test_detections_keep_their_score(humaneva_files):
    files = detect(humaneva_files)
    rng = np.random.default_rng(1)
    for takes in files.two["positions_2d"].values():
        for seen in takes.values():
            seen[:] = [
                None if p is None else np.concatenate([p, rng.random((*p.shape[:2], 1))], 2)
                for p in seen
            ]
    sequences = HumanEva(files.write(), keypoints="detectron_pt_coco").read()
    place = by_place(sequences)["Validate/S2", "Jog 1 chunk0", "C2"]
    held = files.two["positions_2d"]["Validate/S2"]["Jog 1 chunk0"][1][..., 2]
    scores = sequences.keypoints[place, :, 2]
    np.testing.assert_allclose(scores[:, 4], held[:, 9], atol=1e-6)
    np.testing.assert_allclose(scores[:, 0], held[:, [11, 12]].mean(1), atol=1e-6)
    np.testing.assert_allclose(scores[:, 14], held[:, [3, 4]].mean(1), atol=1e-6)


def test_actions_do_not_read_as_one(humaneva_files):
    sequences = HumanEva(humaneva_files.write()).read()
    walks = {s.take for s in sequences.segments if s.action == "Walking S2"}
    assert walks == {"Walking 1 chunk0", "Walking 1 chunk2"}


def test_chosen_actions_alone(humaneva_files):
    sequences = HumanEva(humaneva_files.write(), actions=["Jog", "Walking"]).read()
    assert sequences.actions == [f"{a} S{n}" for a in ("Jog", "Walking") for n in (1, 2, 3)]
    with pytest.raises(DataError, match="holds no sequences"):
        HumanEva(humaneva_files.write(), actions=["Swim"]).read()


WORLD = ("three", "positions_3d", "Train/S2", "Jog 1 chunk0")
PIXELS = ("two", "positions_2d", "Train/S2", "Jog 1 chunk0")
LAYOUT = ("two", "metadata", "layout_name")


def put(keys, edit):
    """A change of what stands under the keys; None takes it away."""

    def change(files):
        held = vars(files)
        for key in keys[:-1]:
            held = held[key]
        value = edit(held.pop(keys[-1]))
        if value is not None:
            held[keys[-1]] = value

    return change


BROKEN = {
    "no 3D of a subject": (
        put(WORLD[:3], lambda _: None),
        "data_3d_humaneva15.npz lacks Train/S2: all of Train/S1, Train/S2",
    ),
    "no 2D of a subject": (put(PIXELS[:3], lambda _: None), "lacks subject Train/S2"),
    "no 2D of a take": (put(PIXELS, lambda _: None), "lacks subject Train/S2, action 'Jog 1"),
    "no 3D": (put(WORLD[:2], lambda _: None), "has no 'positions_3d' of the form"),
    "two cameras": (put(PIXELS, lambda seen: seen[:2]), "2D of 2 cameras, but"),
    "20 joints": (put(WORLD, lambda a: np.tile(a, (1, 2, 1))[:, :20]), "shape (14, 20, 3)"),
    "millimetres": (put(WORLD, lambda a: a * 1000), "divide by 1000"),
    "a hole": (put(WORLD, lambda a: np.where(a == a[3, 2], np.nan, a)), "not finite from frame 3"),
    "fewer frames in 2D": (put(PIXELS, lambda seen: [p[:9] for p in seen]), "9 frames of 2D"),
    "normalised": (put(PIXELS, lambda seen: [p / 640 for p in seen]), "they look normalised"),
    "no layout": (put(LAYOUT, lambda _: None), "in the unnamed joint order, but 'humaneva15'"),
    "20 joints in 2D": (put(LAYOUT, lambda _: "humaneva20"), "in the 'humaneva20' joint order"),
    "said to be COCO": (put(LAYOUT, lambda _: "coco"), "15 keypoints, but COCO's 17 are needed"),
    "no list": (put(PIXELS, lambda _: 3), "a list of one array for each camera is needed"),
}


def assert_one_sentence(told):
    message = str(told.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert ". " not in message
    assert len(message) < 500


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_files_are_told_in_one_sentence(fault, humaneva_files):
    spoil, phrase = BROKEN[fault]
    spoil(humaneva_files)
    with pytest.raises(DataError) as told:
        HumanEva(humaneva_files.write()).read()
    assert phrase in str(told.value)
    assert_one_sentence(told)


@pytest.mark.parametrize(
    ("edit", "phrase"),
    [
        (lambda seen: [seen[0], None, seen[2]], "an array of numbers of shape"),
        (lambda seen: [p[:, :15] for p in seen], "15 keypoints, but COCO's 17 are needed"),
        (lambda seen: seen[0][0, 0, 0], "a list of one array for each camera is needed"),
        (lambda seen: None, "lacks subject Train/S2, action 'Jog 1 chunk0'"),
        (lambda seen: [], "lacks subject Train/S2, action 'Jog 1 chunk0'"),
    ],
)
def test_broken_detections_are_told_in_one_sentence(edit, phrase, humaneva_files):
    files = detect(humaneva_files)
    put(PIXELS, edit)(files)
    with pytest.raises(DataError) as told:
        HumanEva(files.write(), keypoints="detectron_pt_coco").read()
    assert phrase in str(told.value)
    assert_one_sentence(told)


class Hostile:
    def __reduce__(self):
        return (print, ("it ran",))


def test_a_hostile_file_is_not_run(humaneva_files, capsys):
    humaneva_files.three["positions_3d"]["Train/S1"]["Box 1 chunk1"] = Hostile()
    with pytest.raises(DataError, match="nothing of it was run") as told:
        HumanEva(humaneva_files.write()).read()
    assert_one_sentence(told)
    assert capsys.readouterr().out == ""


def test_a_missing_file_is_named(humaneva_files):
    with pytest.raises(DataError, match=r"data_2d_humaneva15_cpn\.npz is not there"):
        HumanEva(humaneva_files.write(), keypoints="cpn").read()
