"""Writers of small files in the public layouts of MPI-INF-3DHP and HumanEva, from people who sway.

The functions can be imported, too: `from tests.datamodules.sources.conftest import write_tests`.
"""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import scipy.io
import torch

from datamodules.cameras import world_to_camera
from datamodules.sources.humaneva.source import humaneva_cameras
from tests.datamodules.conftest import Files, sway

TESTS = ("TS1", "TS2", "TS3", "TS4", "TS5", "TS6")
TRAININGS = [f"S{subject} Seq{seq}" for subject in range(1, 9) for seq in (1, 2)]
VNECT_CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
# the names of the data set's own tables, by which tests tell one joint from another
TEST_JOINTS = (
    *("head_top", "neck", "right_shoulder", "right_elbow", "right_wrist"),
    *("left_shoulder", "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle"),
    *("left_hip", "left_knee", "left_ankle", "pelvis", "spine", "head"),
)
TRAINING_JOINTS = (
    *("spine3", "spine4", "spine2", "spine", "pelvis", "neck", "head", "head_top"),
    *("left_clavicle", "left_shoulder", "left_elbow", "left_wrist", "left_hand"),
    *("right_clavicle", "right_shoulder", "right_elbow", "right_wrist", "right_hand"),
    *("left_hip", "left_knee", "left_ankle", "left_foot", "left_toe"),
    *("right_hip", "right_knee", "right_ankle", "right_foot", "right_toe"),
)
# Human3.6M's 17 joints by the names of this data set
AS_H36M = (
    *("pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("spine", "neck", "head", "head_top", "left_shoulder", "left_elbow", "left_wrist"),
    *("right_shoulder", "right_elbow", "right_wrist"),
)
HUMANEVA_JOINTS = (
    *("pelvis", "neck", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder"),
    *("right_elbow", "right_wrist", "left_hip", "left_knee", "left_ankle", "right_hip"),
    *("right_knee", "right_ankle", "head_top"),
)


def named_motion(frames, seed):
    """Joint -> (frames, 3) metres, z up; joints that Human3.6M lacks stand far away."""
    body = dict(zip(AS_H36M, np.moveaxis(sway(frames, seed), 1, 0), strict=True))
    return {name: np.full((frames, 3), 50, np.float32) for name in TRAINING_JOINTS} | body


def in_order(motion, names):
    return np.stack([motion[name] for name in names], axis=1)


def annotate(frames, seed, names=TEST_JOINTS, size=(2048, 2048), scale=1.1):
    """A sequence as its files hold it: annot2 pixels; annot3 and univ_annot3 mm, camera frame.

    The universal skeleton is the person's own, larger by `scale`.
    """
    world = in_order(named_motion(frames, seed), names).astype(float)
    # three metres and a half before a camera at the height of the hips
    camera = np.stack([world[..., 0], 0.9 - world[..., 2], 3.5 + world[..., 1]], -1)
    pixels = camera[..., :2] / camera[..., 2:] * size[0] * 0.8 + np.divide(size, 2)
    return SimpleNamespace(
        annot2=pixels, annot3=camera * 1000, univ_annot3=camera * 1000 * scale, frames=frames
    )


def annotated_tests(frames=24):
    """Sequence -> its annotations; every fifth frame is valid."""
    annotated = {}
    for number, name in enumerate(TESTS):
        size = (1920, 1080) if name in ("TS5", "TS6") else (2048, 2048)
        annotated[name] = annotate(frames + number, seed=number, size=size)
        annotated[name].valid = (np.arange(frames + number) % 5 == number % 5).astype(np.uint8)
    return annotated


def as_test_mat(sequence):
    """The variables of an `annot_data.mat`, with the axes in MATLAB's order."""
    frames = sequence.frames
    return {
        # (frames, 17, C) becomes (C, 17, 1, frames)
        **{
            key: np.moveaxis(getattr(sequence, key), 0, -1).transpose(1, 0, 2)[:, :, None]
            for key in ("annot2", "annot3", "univ_annot3")
        },
        "valid_frame": sequence.valid[None],
        "bb_crop": np.zeros((34, frames)),
        "activity_annotation": np.ones((1, frames), np.uint8),
    }


def write_v73(path, variables):
    """A MATLAB v7.3 file: HDF5 behind a block of 512 bytes, axes in reverse."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in variables.items():
            file.create_dataset(name, data=np.ascontiguousarray(np.transpose(array)))
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM")


def write_v5(path, variables, compress=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, variables, do_compression=compress)


def as_cells(*values):
    """What `write_v5` writes as a cell array of one column."""
    cells = np.empty((len(values), 1), object)
    for number, value in enumerate(values):
        cells[number, 0] = value
    return cells


def write_tests(root, annotated):
    """The folders TS1 to TS6."""
    for name, sequence in annotated.items():
        write_v73(root / name / "annot_data.mat", as_test_mat(sequence))
    return str(root)


def write_tests_npz(root, annotated):
    """What P-STMO's script makes of them."""
    data = {
        name: {"data_2d": s.annot2, "data_3d": s.univ_annot3, "valid": s.valid.astype(float)}
        for name, s in annotated.items()
    }
    np.savez_compressed(root / "data_test_3dhp.npz", data=data)
    return str(root)


def annotated_training(frames=6):
    """Sequence -> one set of annotations, of 28 joints, for each of the 14 cameras."""
    return {
        name: [annotate(frames, 100 * number + c, TRAINING_JOINTS) for c in range(14)]
        for number, name in enumerate(TRAININGS)
    }


def write_training(root, annotated):
    """The folders S1/Seq1 to S8/Seq2, MATLAB v5 with a cell a camera."""
    for name, cameras in annotated.items():
        cells = {key: np.empty((14, 1), object) for key in ("annot2", "annot3", "univ_annot3")}
        for key, cell in cells.items():
            for number, camera in enumerate(cameras):
                cell[number, 0] = getattr(camera, key).reshape(camera.frames, -1)
        subject, seq = name.split(" ")
        numbers = {"cameras": np.arange(14)[None], "frames": np.arange(cameras[0].frames)[:, None]}
        write_v5(root / subject / seq / "annot.mat", cells | numbers)
    return str(root)


def write_training_npz(root, annotated):
    """What P-STMO's script makes of them: 17 joints, eight cameras, and the frame rate."""
    chosen = [TRAINING_JOINTS.index(name) for name in TEST_JOINTS]
    data = {
        name: [
            {
                str(c): {
                    "data_2d": cameras[c].annot2[:, chosen],
                    "data_3d": cameras[c].univ_annot3[:, chosen],
                }
                for c in VNECT_CAMERAS
            },
            25,
        ]
        for name, cameras in annotated.items()
    }
    np.savez_compressed(root / "data_train_3dhp.npz", data=data)
    return str(root)


def filmed_humaneva(world, subject):
    """One (frames, 15, 2) a camera, without distortion, which the cameras' table lacks."""
    views = []
    for camera in humaneva_cameras()[subject]:
        seen = world_to_camera(torch.from_numpy(world).double(), camera).numpy()
        pixels = seen[..., :2] / seen[..., 2:] * camera.focal + camera.center
        views.append(pixels.astype(np.float32))
    return views


def as_coco(pixels, rng):
    """(frames, 17, 2) COCO keypoints of which the 15 joints are the stated midpoints."""
    at = dict(zip(HUMANEVA_JOINTS, np.moveaxis(pixels, 1, 0), strict=True))
    ears = rng.normal(0, 5, at["head_top"].shape)
    face = {"nose": 0, "left_eye": 0, "right_eye": 0}
    coco = {name: np.full_like(at["head_top"], -9) for name in face}
    coco |= {"left_ear": at["head_top"] + ears, "right_ear": at["head_top"] - ears}
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        coco |= {f"{side}_{joint}": at[f"{side}_{joint}"] for side in ("left", "right")}
    return np.stack(list(coco.values()), axis=1).astype(np.float32)


def humaneva(folder, frames=12):
    """HumanEva-I's public files, with ground-truth 2D: two chunks and two more takes a subject."""
    three, two = {}, {}
    for number, subject in enumerate(humaneva_cameras()):
        worlds = {
            take: in_order(named_motion(frames + repeat, 10 * number + repeat), HUMANEVA_JOINTS)
            for repeat, take in enumerate(
                ("Walking 1 chunk0", "Walking 1 chunk2", "Jog 1 chunk0", "Box 1 chunk1")
            )
        }
        three[subject] = worlds
        two[subject] = {take: filmed_humaneva(world, subject) for take, world in worlds.items()}
    symmetry = [[2, 3, 4, 8, 9, 10], [5, 6, 7, 11, 12, 13]]
    metadata = {"layout_name": "humaneva15", "num_joints": 15, "keypoints_symmetry": symmetry}
    return Files(
        folder=folder,
        names=("data_3d_humaneva15.npz", "data_2d_humaneva15_gt.npz"),
        three={"positions_3d": three},
        two={"positions_2d": two, "metadata": metadata},
    )


def detect(files):
    """The same motion by COCO detections, with the unlabelled takes that the public file has."""
    rng = np.random.default_rng(0)
    detected = {
        subject: {take: [as_coco(p, rng) for p in seen] for take, seen in takes.items()}
        for subject, takes in files.two["positions_2d"].items()
    }
    unlabelled = {"Walking 1 chunk1": [None, None, np.zeros((4, 17, 2), np.float32)]}
    detected |= {"Unlabeled/Train/S1": unlabelled, "Unlabeled/S4": unlabelled}
    symmetry = [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]]
    metadata = {"layout_name": "coco", "num_joints": 17, "keypoints_symmetry": symmetry}
    files.two = {"positions_2d": detected, "metadata": metadata}
    files.names = (files.names[0], "data_2d_humaneva15_detectron_pt_coco.npz")
    return files


@pytest.fixture
def annotated():
    return annotated_tests()


@pytest.fixture
def humaneva_files(tmp_path):
    return humaneva(tmp_path)
