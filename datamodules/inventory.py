"""Take stock of a folder: what data sets are there, whether they read, and what is missing."""

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from datamodules.holdings import Holding, holdings_of
from datamodules.sequences import PoseSequences
from poseproof.errors import DataError

_SCRIPTS = "made by the scripts of github.com/facebookresearch/VideoPose3D (DATASETS.md)"
# data set -> where it is to be had
KNOWN = {
    "Human3.6M": f"licence at vision.imar.ro/human3.6m; files {_SCRIPTS}",
    "HumanEva": f"licence at humaneva.is.tue.mpg.de; files {_SCRIPTS}",
    "MPI-INF-3DHP": "licence and files at vcai.mpi-inf.mpg.de/3dhp-dataset; .npz files made by the "
    "scripts of github.com/paTRICK-swk/P-STMO",
    "MPII": "images at human-pose.mpi-inf.mpg.de; annot/train.json and valid.json from "
    "github.com/leoxiaobin/deep-high-resolution-net.pytorch",
    "CMU": "free at mocap.cs.cmu.edu, the ASF/AMC files of each subject",
    "PoseNpz": "your own data in the public Human3.6M layout: see the documentation of PoseNpz",
}
# of a data set's own layout, and no data set
_INSIDE = ("subjects", "mpi_inf_3dhp_test_set", "images", "annot")
_MOST = 12  # names a line


def take_stock(folder: Path) -> Iterator[Holding]:
    """The data sets in a folder, and in those folders in it that can be read.

    Raises:
        DataError: there is no such folder, or it cannot be read.
    """
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
        raise DataError(f"{folder} is no folder that can be read: name one that holds data sets.")
    inside = (h for h in folder.iterdir() if h.is_dir() and os.access(h, os.R_OK | os.X_OK))
    for home in (folder, *sorted(home for home in inside if home.name not in _INSIDE)):
        yield from holdings_of(home)


def files_of(holding: Holding) -> tuple[list[str], list[str]]:
    """Its files that are there, and those that are missing."""
    files = dict.fromkeys(path for part in holding.parts.values() for path in part.files)
    sorted_out: tuple[list[str], list[str]] = [], []
    for path in files:
        sorted_out[not path.is_file()].append(str(path.relative_to(holding.home)))
    return sorted_out


def described(sequences: PoseSequences) -> list[str]:
    """What was read, line by line."""
    frames = f"{len(sequences):,} frames"
    if sequences.valid is not None:
        frames += f", {int(sequences.valid.sum()):,} of them to be tested on"
    cameras = {segment.camera.id for segment in sequences.segments}
    rates = sorted({segment.fps for segment in sequences.segments})
    score = ", a score of each keypoint" * (sequences.keypoints.shape[-1] == 3)
    images = ", an image of each" * (sequences.images is not None)
    flat = ", no 3D truth" * (not sequences.has_joints)
    subjects = [f"{part} on {listed(names)}" for part, names in sequences.splits.items() if names]
    return [
        f"{frames}, {len(sequences.segments):,} sequences at "
        f"{' and '.join(f'{rate:g}' for rate in rates)} fps, cameras {listed(sorted(cameras))}, "
        f"{len(sequences.skeleton.joints)} joints{score}{images}{flat}",
        f"{len(sequences.subjects)} subjects: {'; '.join(subjects)}",
        f"{len(sequences.actions)} actions: {listed(sequences.actions)}",
    ]


def listed(names: Sequence[str]) -> str:
    """The names, those at the end by their number alone where there are many."""
    rest = len(names) - _MOST
    return ", ".join(islice(names, _MOST)) + (f" and {rest} more" if rest > 0 else "")
