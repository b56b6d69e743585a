"""The formats: a small valid set of files, how it is changed, and its reader."""

from functools import cache, partial
from zlib import crc32

import numpy as np

from datamodules.sources.cmu.source import CMUMocap
from datamodules.sources.human36m.recordings import human36m_cameras
from datamodules.sources.human36m.source import Human36M
from datamodules.sources.humaneva.source import HumanEva
from datamodules.sources.mpi_inf_3dhp.source import MPIINF3DHP
from datamodules.sources.pose_npz.source import PoseNpz
from tests.datamodules.conftest import HUMAN36M_SUBJECTS, RECORDED, described, filmed, sway
from tests.datamodules.fuzz import (
    archives,
    image_targets,
    keypoint_targets,
    matlab,
    motion_text,
    plain,
    plain_motion,
)
from tests.datamodules.fuzz.raw_bytes import pick
from tests.datamodules.fuzz.target import Target
from tests.datamodules.sources.cmu.test_source import amc_text, angles_of, asf_text
from tests.datamodules.sources.conftest import (
    VNECT_CAMERAS,
    annotated_tests,
    annotated_training,
    as_test_mat,
    humaneva,
)


def changed(name, seed, number):
    """The files of input `number`, the same on every machine."""
    rng = np.random.default_rng([seed, crc32(name.encode()), number])
    return TARGETS[name].change(rng)


def write(files, folder):
    for name, raw in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)


@cache
def _human36m():
    three, two = {}, {}
    for number, subject in enumerate(HUMAN36M_SUBJECTS):
        three[subject], two[subject] = {}, {}
        # S11's first is left out by the reader
        for take in ("Directions", "Walking 1") if subject == "S11" else ("Walking 1",):
            body = sway(4, seed=number)
            recorded = np.full((4, 32, 3), 50, np.float32)
            recorded[:, RECORDED] = body
            three[subject][take] = recorded
            two[subject][take] = filmed(body, human36m_cameras()[subject])
    return {
        "data_3d_h36m.npz": {"positions_3d": three},
        "data_2d_h36m_gt.npz": {"positions_2d": two, "metadata": {"num_joints": 17}},
    }


@cache
def _pose_npz():
    rig = human36m_cameras()["S5"][:2]
    three = {
        subject: {t: sway(4, seed=ord(subject) + len(t)) for t in ("Sitting", "Walking 1")}
        for subject in "AB"
    }
    two = {s: {t: filmed(world, rig) for t, world in takes.items()} for s, takes in three.items()}
    return {
        "data_3d_own.npz": {"positions_3d": three},
        "data_2d_own_gt.npz": {
            "positions_2d": two,
            "cameras": {subject: [described(camera) for camera in rig] for subject in "AB"},
            "metadata": {
                "layout_name": "h36m",
                "num_joints": 17,
                "fps": 25.0,
                "splits": {"train": ["A"], "test": ["B"]},
            },
        },
    }


def _npz(contents, read, plain_reading):
    @cache
    def valid():
        return {name: archives.pack(archives.members_of(h)) for name, h in contents().items()}

    def change(rng):
        files = dict(valid())
        victim = pick(rng, list(files))
        other = pick(rng, list(files.values()))
        return files | {victim: archives.change(contents()[victim], rng, other)}

    return Target(valid, change, read, plain_reading)


@cache
def _humaneva():
    files = humaneva(None, frames=3)
    for held in (files.three["positions_3d"], files.two["positions_2d"]):
        for takes in held.values():
            del takes["Walking 1 chunk2"], takes["Box 1 chunk1"]
    return dict(zip(files.names, (files.three, files.two), strict=True))


@cache
def _annotated():
    return {n: (a, as_test_mat(a)) for n, a in annotated_tests(frames=8).items()}


@cache
def _tests_npz():
    data = {
        name: {"data_2d": a.annot2, "data_3d": a.univ_annot3, "valid": a.valid.astype(float)}
        for name, (a, _) in _annotated().items()
    }
    return {"data_test_3dhp.npz": {"data": data}}


@cache
def _training_npz():
    data = {
        name: [
            {
                str(c): {
                    "data_2d": cameras[c].annot2[:, plain.RELEVANT],
                    "data_3d": cameras[c].univ_annot3[:, plain.RELEVANT],
                }
                for c in VNECT_CAMERAS
            },
            25,
        ]
        for name, cameras in annotated_training(frames=3).items()
    }
    return {"data_train_3dhp.npz": {"data": data}}


@cache
def _tests_mat():
    """Path -> variables that are read, in HDF5's order of axes."""
    return {
        f"{name}/annot_data.mat": {
            key: np.ascontiguousarray(held[key].T)
            for key in ("annot2", "univ_annot3", "valid_frame")
        }
        for name, (_, held) in _annotated().items()
    }


@cache
def _training_mat():
    held = {}
    for name, cameras in annotated_training(frames=3).items():
        cells = {key: np.empty((14, 1), object) for key in ("annot2", "univ_annot3")}
        for key, cell in cells.items():
            for number, camera in enumerate(cameras):
                cell[number, 0] = getattr(camera, key).reshape(camera.frames, -1)
        held[f"{name.replace(' ', '/')}/annot.mat"] = cells
    return held


def _mat(variables, pack, change_one, read, plain_reading):
    @cache
    def valid():
        return {path: pack(held) for path, held in variables().items()}

    def change(rng):
        victim = pick(rng, list(valid()))
        return valid() | {victim: change_one(variables()[victim], rng)}

    return Target(valid, change, read, plain_reading)


def _3dhp(split):
    return lambda folder: MPIINF3DHP(str(folder), split).read()


@cache
def _tree():
    """Path -> text; of a motion the first 70 frames, for haste."""
    return {
        f"subjects/{subject}/{subject}{end}": text
        for subject in ("01", "02")
        for end, text in (
            (".asf", asf_text()),
            ("_01.amc", amc_text(angles_of(int(subject))).partition("\n71\n")[0] + "\n"),
        )
    }


def _motion(end):
    @cache
    def valid():
        return {path: text.encode("latin1") for path, text in _tree().items()}

    def change(rng):
        victim = pick(rng, [path for path in _tree() if path.endswith(end)])
        other = pick(rng, list(_tree().values()))
        return valid() | {victim: motion_text.change(_tree()[victim], rng, other)}

    def read(folder):
        return CMUMocap(str(folder), test_subjects=("S02",)).read()

    return Target(valid, change, read, plain_motion.cmu)


TARGETS = {
    "human36m": _npz(_human36m, lambda folder: Human36M(str(folder)).read(), plain.human36m),
    "pose_npz": _npz(_pose_npz, lambda folder: PoseNpz(str(folder), "own").read(), plain.pose_npz),
    "humaneva": _npz(_humaneva, lambda folder: HumanEva(str(folder)).read(), plain.humaneva),
    "mpi_inf_3dhp_mat": _mat(
        _tests_mat, matlab.pack_v73, matlab.change_v73, _3dhp("test"), plain.mpi_inf_3dhp_mat
    ),
    "mpi_inf_3dhp_train": _mat(
        _training_mat,
        partial(matlab.pack_v5, compressed=True),
        matlab.change_v5,
        _3dhp("train"),
        plain.mpi_inf_3dhp_train,
    ),
    "mpi_inf_3dhp_npz": _npz(_tests_npz, _3dhp("test"), plain.mpi_inf_3dhp_npz),
    "mpi_inf_3dhp_train_npz": _npz(_training_npz, _3dhp("train"), plain.mpi_inf_3dhp_train_npz),
    "asf": _motion(".asf"),
    "amc": _motion(".amc"),
    "mpii_json": image_targets.mpii(image_targets.change_annotations),
    "mpii_jpeg": image_targets.mpii(image_targets.change_picture),
    "human36m_images": image_targets.human36m_images(_human36m),
    "own_npz": keypoint_targets.npz_target(),
    **{f"own_{name}": keypoint_targets.json_target(name) for name in keypoint_targets.JSON},
}
