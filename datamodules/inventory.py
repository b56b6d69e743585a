"""The inventory of a folder: which data sets it has, what is in them, and which files lack."""

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from datamodules.sequences import PoseSequences
from datamodules.sources.format import DataSet, Format
from datamodules.sources.registry import formats
from poseproof.errors import DataError

_MOST = 12  # names a line


def take_stock(folder: Path) -> Iterator[tuple[Format, DataSet]]:
    """Find the data sets in a folder, and in those of its subfolders that can be read.

    Raises:
        DataError: the folder does not exist or cannot be read.
    """
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
        raise DataError(f"{folder} is not a folder that can be read: name one with data sets.")
    inside = {name for format in formats() for name in format.folders}
    subfolders = (each for each in folder.iterdir() if each.is_dir() and each.name not in inside)
    readable = (each for each in subfolders if os.access(each, os.R_OK | os.X_OK))
    for home in (folder, *sorted(readable)):
        for format in formats():
            for data_set in format.find(home) if format.find else ():
                yield format, data_set


def files_of(data_set: DataSet) -> tuple[list[str], list[str]]:
    """The data set's files that exist and those that are missing, as paths inside its folder."""
    readings = data_set.readings.values()
    files = dict.fromkeys(path for reading in readings for path in reading.files)
    present: list[str] = []
    missing: list[str] = []
    for path in files:
        (present if path.is_file() else missing).append(str(path.relative_to(data_set.folder)))
    return present, missing


def described(sequences: PoseSequences) -> list[str]:
    """Describe what was read, in one line each for frames, subjects and actions."""
    frames = f"{len(sequences):,} frames"
    if sequences.valid is not None:
        frames += f", {int(sequences.valid.sum()):,} of them valid for testing"
    cameras = {segment.camera.id for segment in sequences.segments}
    rates = sorted({segment.fps for segment in sequences.segments})
    score = ", a score for each keypoint" * (sequences.keypoints.shape[-1] == 3)
    images = ", an image for each frame" * (sequences.images is not None)
    flat = ", no 3D truth" * (not sequences.has_joints)
    splits = [f"{split} on {listed(who)}" for split, who in sequences.splits.items() if who]
    return [
        f"{frames}, {len(sequences.segments):,} sequences at "
        f"{' and '.join(f'{rate:g}' for rate in rates)} fps, cameras {listed(sorted(cameras))}, "
        f"{len(sequences.skeleton.joints)} joints{score}{images}{flat}",
        f"{len(sequences.subjects)} subjects: {'; '.join(splits)}",
        f"{len(sequences.actions)} actions: {listed(sequences.actions)}",
    ]


def listed(names: Sequence[str]) -> str:
    """Join the first names with commas, and count the others."""
    rest = len(names) - _MOST
    return ", ".join(islice(names, _MOST)) + (f" and {rest} more" if rest > 0 else "")
