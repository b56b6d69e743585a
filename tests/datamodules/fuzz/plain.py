"""What files hold by a plain reading of them, and whether a reader's result is that.

Right is a result whose sequences have the names, frames and frame rate of the plain reading, whose
arrays are finite, of the shapes and type that PoseSequences promises, with the root at the origin
and a person of a person's size in metres, and whose arrays equal the plain reading's to the
precision of 32-bit numbers. Values that satisfy all this cannot be known to be wrong.
"""

from dataclasses import dataclass

import h5py
import numpy as np
import scipy.io
from scipy.spatial.transform import Rotation

from datamodules.sources.human36m.recordings import human36m_cameras
from datamodules.sources.humaneva.source import humaneva_cameras
from tests.datamodules.sources.conftest import (
    AS_H36M,
    TEST_JOINTS,
    TESTS,
    TRAINING_JOINTS,
    TRAININGS,
    VNECT_CAMERAS,
)

KEPT = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
THREEDHP = [TEST_JOINTS.index(name) for name in AS_H36M]
RELEVANT = [TRAINING_JOINTS.index(name) for name in TEST_JOINTS]
FAST = ("S1 Seq2", "S3 Seq1", "S3 Seq2", "S5 Seq1", "S5 Seq2")
HUMAN36M = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}


@dataclass(frozen=True)
class Plain:
    """A sequence: its labels, (F, J, C) in [-1, 1] by width, (F, J, 3) metres before the camera.

    The joints keep their place in the scene, which says how precise 32-bit differences can be.
    """

    subject: str
    take: str
    camera: str
    fps: float
    keypoints: np.ndarray
    joints: np.ndarray
    valid: np.ndarray | None = None


class UnreadableError(Exception):
    """NumPy cannot read the file either."""


def load(path, key):
    """What `numpy.load` has under a key; only for files that a reader has accepted."""
    try:
        with np.load(path, allow_pickle=True) as archive:
            held = archive[key]
            return held.item() if held.dtype.hasobject and held.ndim == 0 else held
    # whatever NumPy and pickle raise
    except Exception as error:
        raise UnreadableError from error


def normalised(pixels, width, height):
    """(..., 2 or 3) pixels, and a score, to [-1, 1] by width."""
    pixels = np.asarray(pixels, np.float32).astype(float)
    centred = pixels[..., :2] / (width / 2) - [1, height / width]
    return np.concatenate([centred, pixels[..., 2:]], -1)


def in_camera(world, orientation, translation):
    """(F, J, 3) metres of the world to the camera's frame."""
    w, x, y, z = orientation
    turn = Rotation.from_quat([x, y, z, w]).as_matrix()
    return (np.asarray(world, np.float32).astype(float) - translation) @ turn


def human36m(folder):
    """Plain readings of Human3.6M's two files."""
    three = load(folder / "data_3d_h36m.npz", "positions_3d")
    two = load(folder / "data_2d_h36m_gt.npz", "positions_2d")
    sequences = []
    for subject in HUMAN36M["train"] + HUMAN36M["test"]:
        for take, world in three[subject].items():
            if (subject, take) == ("S11", "Directions"):
                continue
            for number, camera in enumerate(human36m_cameras()[subject]):
                pixels = two[subject][take][number][: len(world)]
                flat = normalised(pixels, camera.width, camera.height)
                joints = in_camera(world[:, KEPT], camera.orientation, camera.translation)
                sequences.append(Plain(subject, take, camera.id, 50.0, flat, joints))
    return sequences, HUMAN36M


def pose_npz(folder):
    """Plain readings of the two files of a set that is named `own`."""
    three = load(folder / "data_3d_own.npz", "positions_3d")
    file = folder / "data_2d_own_gt.npz"
    two, metadata, cameras = (load(file, k) for k in ("positions_2d", "metadata", "cameras"))
    sequences = []
    for subject, takes in three.items():
        for take, world in takes.items():
            for number, camera in enumerate(cameras[subject]):
                width, height = int(camera["res_w"]), int(camera["res_h"])
                pixels = two[subject][take][number][: len(world)]
                joints = in_camera(world, list(camera["orientation"]), list(camera["translation"]))
                fps = float(metadata.get("fps", 50))
                flat = normalised(pixels, width, height)
                sequences.append(Plain(subject, take, str(camera["id"]), fps, flat, joints))
    return sequences, {part: tuple(names) for part, names in metadata["splits"].items()}


def humaneva(folder):
    """Plain readings of HumanEva's two files, with ground-truth 2D."""
    three = load(folder / "data_3d_humaneva15.npz", "positions_3d")
    two = load(folder / "data_2d_humaneva15_gt.npz", "positions_2d")
    sequences = []
    for subject, cameras in humaneva_cameras().items():
        for take, world in three[subject].items():
            for number, camera in enumerate(cameras):
                flat = normalised(two[subject][take][number][: len(world)], 640, 480)
                joints = in_camera(world, camera.orientation, camera.translation)
                sequences.append(Plain(subject, take, camera.id, 60.0, flat, joints))
    parts = ("train", "Train"), ("test", "Validate")
    return sequences, {key: tuple(f"{part}/S{n}" for n in (1, 2, 3)) for key, part in parts}


def mpi_inf_3dhp_mat(folder):
    """Plain readings of the official files of the test set."""
    held = {}
    keys = ("annot2", "univ_annot3", "valid_frame")
    try:
        for name in TESTS:
            with h5py.File(folder / name / "annot_data.mat") as file:
                held[name] = [file[key][()] for key in keys]
    # whatever h5py raises
    except Exception as error:
        raise UnreadableError from error
    return _tests({name: (f[:, 0], d[:, 0], v) for name, (f, d, v) in held.items()})


def mpi_inf_3dhp_npz(folder):
    """Plain readings of the test set as P-STMO's script writes it."""
    data = load(folder / "data_test_3dhp.npz", "data")
    keys = ("data_2d", "data_3d", "valid")
    return _tests({name: [data[name][key] for key in keys] for name in TESTS})


def mpi_inf_3dhp_train_npz(folder):
    """Plain readings of the training set as P-STMO's script writes it."""
    data = load(folder / "data_train_3dhp.npz", "data")
    return _trainings({name: data[name][0] for name in TRAININGS})


def mpi_inf_3dhp_train(folder):
    """Plain readings of the official files of the training set."""
    read = {}
    for name in TRAININGS:
        try:
            held = scipy.io.loadmat(folder / name.replace(" ", "/") / "annot.mat")
        # whatever SciPy raises
        except Exception as error:
            raise UnreadableError from error
        read[name] = {
            str(camera): {
                f"data_{axes}d": held[key].flat[camera].reshape(-1, 28, axes)[:, RELEVANT]
                for key, axes in (("annot2", 2), ("univ_annot3", 3))
            }
            for camera in VNECT_CAMERAS
        }
    return _trainings(read)


def _trainings(held):
    sequences = []
    for name, cameras in held.items():
        fps = 50.0 if name in FAST else 25.0
        for camera, seen in cameras.items():
            flat = normalised(seen["data_2d"][:, THREEDHP], 2048, 2048)
            deep = seen["data_3d"][:, THREEDHP].astype(np.float32).astype(float) / 1000
            sequences.append(Plain(*name.split(), camera, fps, flat, deep))
    return sequences, {"train": tuple(f"S{n}" for n in range(1, 9)), "test": ()}


def _tests(held):
    sequences = []
    for name, (pixels, millimetres, valid) in held.items():
        size = (1920, 1080) if name in ("TS5", "TS6") else (2048, 2048)
        flat = normalised(pixels[:, THREEDHP], *size)
        joints = millimetres[:, THREEDHP].astype(np.float32).astype(float) / 1000
        judged = np.asarray(valid).ravel() == 1
        sequences.append(Plain(name, name, "0", 25.0, flat, joints, judged))
    return sequences, {"train": (), "test": TESTS}


def difference(sequences, expected, splits):
    """What is not right in a reader's result, or nothing."""
    joints, keypoints = sequences.joints, sequences.keypoints
    if not joints.dtype == keypoints.dtype == np.float32:
        return f"types {joints.dtype}, {keypoints.dtype}"
    count = len(sequences.skeleton.joints)
    if joints.shape[1:] != (count, 3) or keypoints.shape[1:] not in ((count, 2), (count, 3)):
        return f"shapes {joints.shape}, {keypoints.shape}"
    if not np.isfinite(joints).all() or not np.isfinite(keypoints).all() or joints[:, 0].any():
        return "not finite, or not relative to the root"
    stops = [0, *(s.stop for s in sequences.segments)]
    if [s.start for s in sequences.segments] != stops[:-1] or stops[-1] != len(joints):
        return "segments do not cover the frames"
    if len(keypoints) != len(joints):
        return f"{len(keypoints)} frames of 2D, {len(joints)} of 3D"
    for segment in sequences.segments:
        judged = sequences.valid_frames_of([segment.subject])
        judged = judged[(judged >= segment.start) & (judged < segment.stop)]
        reach = np.linalg.norm(joints[judged], axis=-1).max(1)
        if sequences.has_joints and not 0.1 < np.median(reach) < 3.1:
            return f"{segment.take}: a reach of {np.median(reach)}"
    return "" if expected is None else _compare(sequences, expected, splits)


def _compare(sequences, expected, splits):
    if dict(sequences.splits) != dict(splits):
        return f"splits {sequences.splits}, not {splits}"
    labels = [(s.subject, s.take, s.camera.id, s.fps) for s in sequences.segments]
    if labels != [(e.subject, e.take, e.camera, e.fps) for e in expected]:
        return f"sequences {labels}"
    for segment, plain in zip(sequences.segments, expected, strict=True):
        frames = slice(segment.start, segment.stop)
        got = sequences.joints[frames], sequences.keypoints[frames]
        if got[0].shape != plain.joints.shape or got[1].shape != plain.keypoints.shape:
            return f"{segment.take}: shapes {got[0].shape}, {plain.joints.shape}"
        there = plain.joints
        if plain.valid is not None:
            there = np.where(np.isfinite(there), there, 0)
            if not np.array_equal(sequences.valid[frames], plain.valid):
                return f"{segment.take}: other frames are judged"
        relative = there - there[:, :1]
        precision = 1e-6 + 4e-7 * np.abs(there).max()
        if (gap := np.abs(got[0] - relative).max()) > precision:
            return f"{segment.take}: 3D is {gap} m off"
        if not np.allclose(got[1], plain.keypoints, rtol=1e-6, atol=1e-6):
            return f"{segment.take}: 2D is {np.abs(got[1] - plain.keypoints).max()} off"
    return ""
