"""MPIINF3DHP: the test set and the training set of MPI-INF-3DHP."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from datamodules.cameras import Camera
from datamodules.sequences import PoseSequences
from datamodules.skeletons import H36M17
from datamodules.sources.mpi_inf_3dhp.files import (
    FPS,
    TESTS,
    TRAININGS,
    Recording,
    read_tests,
    read_trainings,
)
from datamodules.sources.source import Source
from datamodules.views import View, assemble
from poseproof.errors import UserError

# hip, right leg, left leg, spine, neck, head, top of the head, left arm, right arm
_TO_H36M = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
_SCENES = dict(zip(TESTS, ("GS", "GS", "noGS", "noGS", "outdoor", "outdoor"), strict=True))
# the world is the camera's own frame, and the intrinsics are of a camera without distortion
_STUDIO = Camera(
    id="0",
    width=2048,
    height=2048,
    center=(1017.3794860438494, 1043.062824876024),
    focal=(1500.0686135995716, 1500.6590966853348),
    radial=(0.0, 0.0, 0.0),
    tangential=(0.0, 0.0),
    orientation=(1.0, 0.0, 0.0, 0.0),
    translation=(0.0, 0.0, 0.0),
)
_OUTDOOR = replace(
    _STUDIO,
    width=1920,
    height=1080,
    center=(939.9278168524228, 560.2072491988034),
    focal=(1683.482559482185, 1671.927242063379),
)
_UNKNOWN = (float("nan"), float("nan"))


class MPIINF3DHP(Source):
    """Reads MPI-INF-3DHP (Mehta et al., 3DV 2017): the official files or those of P-STMO's scripts.

    Test set: `TS1/annot_data.mat` to TS6 (in the root or its `mpi_inf_3dhp_test_set`), or else
    `data_test_3dhp.npz`. Six sequences, each a subject, of scenes GS (TS1, TS2: green screen), noGS
    (TS3, TS4) and outdoor (TS5, TS6). Of their frames 603, 540, 505, 553, 276 and 452 are valid and
    may be tested on. Images are 2048 x 2048 pixels, outdoors 1920 x 1080; intrinsics are those of
    the released SRNet code. Training set: `S1/Seq1/annot.mat` to S8, Seq2, of which the eight
    cameras that VNect used are read, or else `data_train_3dhp.npz`; 2048 x 2048 pixels, 25 or 50
    fps. The intrinsics of its cameras are in none of these files, and NaN here.

    2D is the annotated one. The action is the name of the sequence: activities change inside it. No
    file states the frame rate of the test set; 25 fps is assumed, as of most training videos.

    Limbs, pelvis and spine keep their names in the 17 joints of Human3.6M, although another rig
    recorded them; this data set's neck becomes the thorax, its head the neck (or nose), and the top
    of the head the head.

    Args:
        root: folder of the files.
        split: set to read.
        truth: 3D annotations to use: `univ_annot3`, scaled to the height of Human3.6M's skeleton,
            by which the official evaluation measures, or `annot3`, in the person's own size.
    """

    def __init__(
        self,
        root: str,
        split: Literal["test", "train", "all"] = "test",
        truth: Literal["univ_annot3", "annot3"] = "univ_annot3",
    ) -> None:
        self.root = root
        self.split = split
        self.truth = truth

    def read(self) -> PoseSequences:
        """Read and check the files.

        Raises:
            DataError: anything is wrong with them.
        UserError: there is no such split.
        """
        if self.split not in ("test", "train", "all"):
            raise UserError(f"There is no split {self.split!r}: choose test, train or all.")
        views: list[View] = []
        splits: dict[str, tuple[str, ...]] = {"train": (), "test": ()}
        if self.split != "test":
            views += map(_view, read_trainings(Path(self.root), self.truth))
            splits["train"] = tuple(dict.fromkeys(name[:2] for name in TRAININGS))
        if self.split != "train":
            views += map(_view, read_tests(Path(self.root), self.truth))
            splits["test"] = TESTS
        return assemble(views, H36M17, splits, f"MPI-INF-3DHP ({self.truth})", _SCENES)


def _view(recording: Recording) -> View:
    """Make a view: a test sequence is a subject of its own, a training sequence a take of one."""
    subject, _, take = recording.name.partition(" ")
    camera = _OUTDOOR if _SCENES.get(subject) == "outdoor" else _STUDIO
    if take:
        camera = replace(_STUDIO, id=recording.camera, center=_UNKNOWN, focal=_UNKNOWN)
    return View(
        subject=subject,
        action=take or subject,
        take=take or subject,
        camera=camera,
        fps=FPS[recording.name],
        keypoints=recording.pixels[:, _TO_H36M],
        joints=recording.millimetres[:, _TO_H36M] / np.float32(1000),
        valid=recording.valid,
    )
