"""MPIINF3DHP: what it reads of the official files and of P-STMO's, and what it refuses."""

import shutil

import h5py
import numpy as np
import pytest

from datamodules.skeletons import H36M17
from datamodules.sources.mpi_inf_3dhp.files import TRAININGS
from datamodules.sources.mpi_inf_3dhp.source import MPIINF3DHP
from poseproof.errors import DataError, UserError
from tests.datamodules.sources.conftest import (
    AS_H36M,
    TEST_JOINTS,
    TESTS,
    TRAINING_JOINTS,
    VNECT_CAMERAS,
    annotate,
    annotated_training,
    as_cells,
    as_test_mat,
    write_tests,
    write_tests_npz,
    write_training,
    write_training_npz,
    write_v5,
    write_v73,
)


def rewrite(root, name, **changed):
    """One sequence's file again, with other variables; None leaves one out."""
    path = root / name / "annot_data.mat"
    with h5py.File(path) as file:
        held = {key: file[key][()].T for key in file} | changed
    write_v73(path, {key: value for key, value in held.items() if value is not None})


def frames_of(sequences, subject):
    (segment,) = (s for s in sequences.segments if s.subject == subject)
    return slice(segment.start, segment.stop)


def expected_joints(millimetres, names):
    """Metres from the pelvis, joint by joint by its name."""
    at = {name: millimetres[:, number] / 1000 for number, name in enumerate(names)}
    return np.stack([at[name] - at["pelvis"] for name in AS_H36M], axis=1)


def expected_keypoints(pixels, names, width, height):
    chosen = pixels[:, [names.index(name) for name in AS_H36M]]
    return np.stack([2 * chosen[..., 0] / width - 1, (2 * chosen[..., 1] - height) / width], -1)


@pytest.mark.parametrize("folder", ["", "mpi_inf_3dhp_test_set"])
def test_the_official_test_set(folder, tmp_path, annotated):
    write_tests(tmp_path / folder, annotated)
    sequences = MPIINF3DHP(str(tmp_path)).read()
    assert sequences.skeleton is H36M17
    assert sequences.splits == {"train": (), "test": TESTS}
    assert sequences.subjects == sequences.actions == list(TESTS)
    scenes = {"GS": ("TS1", "TS2"), "noGS": ("TS3", "TS4"), "outdoor": ("TS5", "TS6")}
    assert sequences.scenes == {name: scene for scene, names in scenes.items() for name in names}
    assert sequences.joints.dtype == sequences.keypoints.dtype == np.float32
    assert sequences.valid.dtype == bool
    for name, sequence in annotated.items():
        frames = frames_of(sequences, name)
        width, height = (1920, 1080) if name in ("TS5", "TS6") else (2048, 2048)
        joints = expected_joints(sequence.univ_annot3, TEST_JOINTS)
        keypoints = expected_keypoints(sequence.annot2, TEST_JOINTS, width, height)
        np.testing.assert_allclose(sequences.joints[frames], joints, atol=1e-6)
        np.testing.assert_allclose(sequences.keypoints[frames], keypoints, atol=1e-6)
        np.testing.assert_array_equal(sequences.valid[frames], sequence.valid)
        np.testing.assert_array_equal(
            sequences.valid_frames_of([name]), frames.start + np.flatnonzero(sequence.valid)
        )
    assert {(s.camera.width, s.camera.height, s.fps) for s in sequences.segments} == {
        (2048, 2048, 25),
        (1920, 1080, 25),
    }


def test_left_is_left_and_names_agree_with_the_skeleton():
    for ours, theirs in zip(H36M17.joints, AS_H36M, strict=True):
        assert ours.split("_")[0] == theirs.split("_")[0] or (ours, theirs) in {
            ("hip", "pelvis"),
            ("thorax", "neck"),
            ("neck", "head"),
            ("head", "head_top"),
        }


def test_the_truth_can_be_in_the_persons_own_size(tmp_path, annotated):
    root = write_tests(tmp_path, annotated)
    own = MPIINF3DHP(root, truth="annot3").read()
    joints = expected_joints(annotated["TS3"].annot3, TEST_JOINTS)
    np.testing.assert_allclose(own.joints[frames_of(own, "TS3")], joints, atol=1e-6)
    universal = MPIINF3DHP(root).read()
    np.testing.assert_allclose(universal.joints, own.joints * 1.1, atol=1e-5)
    assert own.fingerprint() != universal.fingerprint()


def test_the_npz_of_p_stmo_holds_the_same(tmp_path, annotated):
    official = MPIINF3DHP(write_tests(tmp_path / "official", annotated)).read()
    npz = MPIINF3DHP(write_tests_npz(tmp_path, annotated)).read()
    assert npz.fingerprint() == official.fingerprint()


def test_a_test_set_saved_as_v5_holds_the_same(tmp_path, annotated):
    official = MPIINF3DHP(write_tests(tmp_path / "official", annotated)).read()
    for name, sequence in annotated.items():
        write_v5(tmp_path / "v5" / name / "annot_data.mat", as_test_mat(sequence))
    assert MPIINF3DHP(str(tmp_path / "v5")).read().fingerprint() == official.fingerprint()


@pytest.fixture(scope="module")
def training():
    return annotated_training()


def test_the_training_set_in_either_form(tmp_path, training, annotated):
    official = MPIINF3DHP(write_training(tmp_path / "official", training), split="train").read()
    npz = MPIINF3DHP(write_training_npz(tmp_path, training), split="train").read()
    assert npz.fingerprint() == official.fingerprint()
    assert official.splits == {"train": tuple(f"S{n}" for n in range(1, 9)), "test": ()}
    assert official.valid is None
    assert len(official.segments) == 16 * 8
    assert {s.fps for s in official.segments if s.subject == "S3"} == {50}
    assert {(s.take, s.fps) for s in official.segments if s.subject == "S1"} == {
        ("Seq1", 25),
        ("Seq2", 50),
    }
    cameras = [int(s.camera.id) for s in official.segments if (s.subject, s.take) == ("S2", "Seq2")]
    assert cameras == list(VNECT_CAMERAS)
    for segment in official.segments[::9]:
        held = training[f"{segment.subject} {segment.take}"][int(segment.camera.id)]
        frames = slice(segment.start, segment.stop)
        joints = expected_joints(held.univ_annot3, TRAINING_JOINTS)
        keypoints = expected_keypoints(held.annot2, TRAINING_JOINTS, 2048, 2048)
        np.testing.assert_allclose(official.joints[frames], joints, atol=1e-6)
        np.testing.assert_allclose(official.keypoints[frames], keypoints, atol=1e-6)

    write_tests_npz(tmp_path, annotated)
    whole = MPIINF3DHP(str(tmp_path), split="all").read()
    assert whole.splits == {"train": official.splits["train"], "test": TESTS}
    assert len(whole) == len(official) + sum(s.frames for s in annotated.values())
    assert whole.valid[: len(official)].all()
    assert whole.valid[len(official) :].sum() == sum(s.valid.sum() for s in annotated.values())


def test_training_annotations_are_cut_to_the_frames_of_the_video(tmp_path, training, monkeypatch):
    root = write_training(tmp_path, training)
    monkeypatch.setitem(TRAININGS, "S1 Seq1", 4)
    lengths = {
        (s.subject, s.take): s.stop - s.start
        for s in MPIINF3DHP(root, split="train").read().segments
    }
    assert lengths["S1", "Seq1"] == 4
    assert lengths["S1", "Seq2"] == 6


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_frames_that_are_not_valid_need_no_truth_but_stand_in_windows(value, tmp_path, annotated):
    whole = MPIINF3DHP(write_tests(tmp_path / "whole", annotated)).read()
    for sequence in annotated.values():
        sequence.univ_annot3[sequence.valid == 0] = value
    holey = MPIINF3DHP(write_tests(tmp_path / "holey", annotated)).read()
    np.testing.assert_array_equal(holey.keypoints, whole.keypoints)
    np.testing.assert_array_equal(holey.valid, whole.valid)
    np.testing.assert_array_equal(holey.joints[holey.valid], whole.joints[whole.valid])
    assert not holey.joints[~holey.valid].any()


def spoil(root, name, key, place, value):
    with h5py.File(root / name / "annot_data.mat", "r+") as file:
        file[key][place] = value


def truncate(path, share):
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def change_bytes(path):
    raw = bytearray(path.read_bytes())
    raw[300:308] = b"\xff" * 8
    path.write_bytes(raw)


def link(root, key, target):
    with h5py.File(root / "TS2/annot_data.mat", "r+") as file:
        del file[key]
        file[key] = target(file)


def references(file):
    file["#refs#/a"] = np.zeros((20, 1, 17, 3))
    cells = np.array([[file["#refs#/a"].ref]], dtype=h5py.ref_dtype)
    return file.create_dataset("cells", data=cells)


def beside(root, key):
    """Numbers in a file beside, which may be any on the machine."""
    secret = root / "secret"
    secret.write_bytes(bytes(8 * 25))
    with h5py.File(root / "TS2/annot_data.mat", "r+") as file:
        del file[key]
        file.create_dataset(key, (25, 1), "f8", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])


def virtual(root, key):
    with h5py.File(root / "TS2/annot_data.mat", "r+") as file:
        del file[key]
        layout = h5py.VirtualLayout((25, 1), "f8")
        layout[:] = h5py.VirtualSource(str(root / "TS1/annot_data.mat"), "valid_frame", (25, 1))
        file.create_virtual_dataset(key, layout)


def huge(root, key):
    with h5py.File(root / "TS2/annot_data.mat", "r+") as file:
        del file[key]
        file.create_dataset(key, (10**7, 1, 17, 3), "f8", chunks=(1, 1, 17, 3))


MAT = "TS2/annot_data.mat"
NOT_NUMBERS = "TS2/annot_data.mat: 'univ_annot3' is not an array of numbers"
BROKEN = {
    "no 2D": (lambda r: rewrite(r, "TS2", annot2=None), "has no 'annot2' (it holds 'activity_"),
    "no marks": (lambda r: rewrite(r, "TS2", valid_frame=None), "has no 'valid_frame'"),
    "no truth": (lambda r: rewrite(r, "TS2", univ_annot3=None), "has no 'univ_annot3'"),
    "16 joints": (
        lambda r: rewrite(r, "TS2", univ_annot3=np.zeros((3, 16, 1, 25))),
        "The annotations of TS2 have 16 joints, but the 17",
    ),
    "2D for 3D": (
        lambda r: rewrite(r, "TS2", univ_annot3=np.zeros((2, 17, 1, 25))),
        "The 3D annotations of TS2: an array of numbers of shape (frames, joints, 3)",
    ),
    "two people": (
        lambda r: rewrite(r, "TS2", annot2=np.zeros((2, 17, 2, 25))),
        "The 2D annotations of TS2: an array of numbers of shape (frames, joints, 2)",
    ),
    "24 of 25 marks": (
        lambda r: rewrite(r, "TS2", valid_frame=np.ones((1, 24))),
        "24 marks of valid frames but 25 frames",
    ),
    "24 of 25 poses": (
        lambda r: rewrite(r, "TS2", univ_annot3=np.zeros((3, 17, 1, 24))),
        "25 frames of 2D keypoints but 24 of 3D poses",
    ),
    "no valid frame": (
        lambda r: rewrite(r, "TS2", valid_frame=np.zeros((1, 25))),
        "no frame is marked as valid",
    ),
    "a valid frame without truth": (
        lambda r: spoil(r, "TS2", "univ_annot3", 6, np.nan),
        "subject TS2, action 'TS2', camera 0: the 3D poses are not finite from frame 6 on",
    ),
    "a frame without 2D, not valid": (
        lambda r: spoil(r, "TS2", "annot2", 7, np.nan),
        "the 2D keypoints are not finite from frame 7 on",
    ),
    "a number beyond all": (
        lambda r: spoil(r, "TS2", "annot2", 7, 1e30),
        "The 2D annotations of TS2: a number is not below a million",
    ),
    "metres": (
        lambda r: rewrite(r, "TS2", univ_annot3=annotate(25, 1).annot3.T[:, :, None] / 1000),
        "check the unit, the file may be in metres where its format is in millimetres",
    ),
    "normalised 2D": (
        lambda r: rewrite(r, "TS2", annot2=annotate(25, 1).annot2.T[:, :, None] / 2048),
        "they look normalised",
    ),
    "a missing folder": (lambda r: shutil.rmtree(r / "TS4"), "lacks TS4: all sequences are needed"),
    "no folder": (
        lambda r: [shutil.rmtree(r / name) for name in TESTS],
        "TS1/annot_data.mat (and so on) nor ",
    ),
    "cut short": (lambda r: truncate(r / MAT, 0.7), f"{MAT} is damaged or not a MATLAB file"),
    "cut to nothing": (lambda r: truncate(r / MAT, 0), "not a MATLAB file of v7.3 or v5"),
    "text": (lambda r: (r / MAT).write_text("annot2 = []"), "not a MATLAB file of v7.3 or v5"),
    "a soft link": (
        lambda r: link(r, "univ_annot3", lambda _: h5py.SoftLink("/annot3")),
        NOT_NUMBERS,
    ),
    "a link to a file": (
        lambda r: link(
            r, "univ_annot3", lambda _: h5py.ExternalLink(str(r / "TS1/annot_data.mat"), "annot3")
        ),
        NOT_NUMBERS,
    ),
    "object references": (lambda r: link(r, "univ_annot3", references), NOT_NUMBERS),
    "a group": (
        lambda r: link(r, "univ_annot3", lambda file: file.create_group("group")),
        NOT_NUMBERS,
    ),
    "text for numbers": (
        lambda r: rewrite(r, "TS2", univ_annot3=np.array([b"poses"])),
        NOT_NUMBERS,
    ),
    "storage beside": (lambda r: beside(r, "valid_frame"), "'valid_frame' is not an array"),
    "virtual storage": (lambda r: virtual(r, "valid_frame"), "'valid_frame' is not an array"),
    "forty gigabytes": (lambda r: huge(r, "univ_annot3"), NOT_NUMBERS),
    "v5 of structs": (
        lambda r: write_v5(r / MAT, {"annot2": {"a": 1}, "univ_annot3": 1, "valid_frame": 1}),
        "'annot2' is not an array of numbers",
    ),
    "v5 of text": (
        lambda r: write_v5(r / MAT, {"annot2": "a", "univ_annot3": 1, "valid_frame": 1}),
        "'annot2' is not an array of numbers",
    ),
    "v5 changed": (
        lambda r: (write_v5(r / MAT, as_test_mat(annotate_valid())), change_bytes(r / MAT)),
        f"{MAT} is damaged or not a MATLAB file",
    ),
    "v5 cut short": (
        lambda r: (
            write_v5(r / MAT, as_test_mat(annotate_valid())),
            truncate(r / MAT, 0.5),
        ),
        f"{MAT} is damaged or not a MATLAB file (an element is cut short)",
    ),
}


def annotate_valid():
    sequence = annotate(25, 1)
    sequence.valid = np.ones(25)
    return sequence


def assert_one_sentence(told):
    message = str(told.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert ". " not in message
    assert len(message) < 500


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_official_file_is_told_in_one_sentence(fault, tmp_path, annotated):
    write_tests(tmp_path, annotated)
    spoiled, phrase = BROKEN[fault]
    spoiled(tmp_path)
    with pytest.raises(DataError) as told:
        MPIINF3DHP(str(tmp_path)).read()
    assert phrase in str(told.value)
    assert_one_sentence(told)


class Hostile:
    def __reduce__(self):
        return (print, ("it ran",))


def saved(**contents):
    return lambda root: np.savez(root / "data_test_3dhp.npz", **contents)


def changed(edit):
    def change(root):
        with np.load(root / "data_test_3dhp.npz", allow_pickle=True) as held:
            data = held["data"].item()
        edit(data)
        np.savez(root / "data_test_3dhp.npz", data=data)

    return change


BROKEN_NPZ = {
    "another key": (saved(poses=np.zeros(3)), "has no 'data' of the form sequence"),
    "no dict": (saved(data=np.zeros(3)), "has no 'data' of the form sequence"),
    "five sequences": (changed(lambda d: d.pop("TS6")), "lacks TS6"),
    "no annotations": (changed(lambda d: d.update(TS2=[1])), "TS2 are not a dict of data_2d"),
    "no 2D": (changed(lambda d: d["TS2"].pop("data_2d")), "The 2D annotations of TS2: an array"),
    "no marks": (
        changed(lambda d: d["TS2"].pop("valid")),
        "The marks of the valid frames of TS2 are not an array of 0 and 1",
    ),
    "a person more": (
        changed(lambda d: d["TS2"].update(data_3d=d["TS2"]["data_3d"][:, None])),
        "The 3D annotations of TS2: an array of numbers of shape (frames, joints, 3)",
    ),
    "a program": (saved(data=Hostile()), "nothing of it was run"),
}


@pytest.mark.parametrize("fault", BROKEN_NPZ)
def test_a_broken_npz_is_told_in_one_sentence(fault, tmp_path, annotated, capsys):
    write_tests_npz(tmp_path, annotated)
    spoiled, phrase = BROKEN_NPZ[fault]
    spoiled(tmp_path)
    with pytest.raises(DataError) as told:
        MPIINF3DHP(str(tmp_path)).read()
    assert phrase in str(told.value)
    assert_one_sentence(told)
    assert capsys.readouterr().out == ""


def test_the_npz_cannot_judge_by_the_persons_own_size(tmp_path, annotated):
    root = write_tests_npz(tmp_path, annotated)
    with pytest.raises(DataError, match=r"univ_annot3 only: for annot3 give the \.mat"):
        MPIINF3DHP(root, truth="annot3").read()


def test_a_split_that_there_is_not(tmp_path):
    with pytest.raises(UserError, match="no split 'val': choose test, train or all"):
        MPIINF3DHP(str(tmp_path), split="val").read()


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        (lambda cells: cells.update(annot2=cells["annot2"][:8]), "not (0, 0) for camera 8"),
        (
            lambda cells: cells.update(univ_annot3=cells["annot2"]),
            "an array of (frames, 84) numbers for each of 14 cameras is needed, not (6, 56)",
        ),
        (lambda cells: cells.update(annot2=np.zeros((6, 56))), "not (0, 0) for camera 0"),
        (lambda cells: cells.update(annot2=as_cells("a")), "'annot2' is not an array of numbers"),
    ],
)
def test_broken_training_annotations_are_told(change, phrase, tmp_path, training):
    write_training(tmp_path, training)
    path = tmp_path / "S1/Seq1/annot.mat"
    cells = {
        key: as_cells(*(getattr(c, key).reshape(c.frames, -1) for c in training["S1 Seq1"]))
        for key in ("annot2", "univ_annot3")
    }
    change(cells)
    write_v5(path, cells)
    with pytest.raises(DataError) as told:
        MPIINF3DHP(str(tmp_path), split="train").read()
    assert phrase in str(told.value)
    assert_one_sentence(told)


@pytest.mark.parametrize(
    ("held", "phrase"),
    [
        (lambda data: [], "S1 Seq1 are not of the form camera -> data"),
        (lambda data: [{"0": []}], "S1 Seq1 are not of the form camera -> data"),
        (lambda data: [{"0\n": {}}], "S1 Seq1 are not of the form camera -> data"),
        (lambda data: [{"0": {}}], "The 2D annotations of S1 Seq1, camera 0: an array"),
    ],
)
def test_a_broken_training_npz_is_told(held, phrase, tmp_path, training):
    write_training_npz(tmp_path, training)
    with np.load(tmp_path / "data_train_3dhp.npz", allow_pickle=True) as stored:
        data = stored["data"].item()
    data["S1 Seq1"] = held(data["S1 Seq1"])
    np.savez(tmp_path / "data_train_3dhp.npz", data=data)
    with pytest.raises(DataError) as told:
        MPIINF3DHP(str(tmp_path), split="train").read()
    assert phrase in str(told.value)
    assert_one_sentence(told)
