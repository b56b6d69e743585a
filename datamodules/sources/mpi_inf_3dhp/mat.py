"""The official annotations of MPI-INF-3DHP, in the layout that P-STMO's .npz files have."""

from pathlib import Path
from typing import Any

import numpy as np

from datamodules.sequences import Float32
from datamodules.sources.mpi_inf_3dhp.annot_mat import read_mat
from poseproof.errors import DataError

TESTS = tuple(f"TS{number}" for number in range(1, 7))
# frames of the videos, and those at 50 fps instead of 25, as mpii_get_sequence_info.m says
_FRAMES = (
    *(6416, 12430, 6502, 6081, 12488, 12283, 6171, 6675),
    *(12820, 12312, 6188, 6145, 6239, 6320, 6468, 6054),
)
_FAST = ("S1 Seq2", "S3 Seq1", "S3 Seq2", "S5 Seq1", "S5 Seq2")
TRAININGS = {f"S{n // 2 + 1} Seq{n % 2 + 1}": frames for n, frames in enumerate(_FRAMES)}
FPS = {name: 50.0 if name in _FAST else 25.0 for name in TRAININGS} | dict.fromkeys(TESTS, 25.0)
# of the fourteen cameras, the eight that VNect trained on, and P-STMO's files hold
_CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
# of the 28 joints of the training annotations, those of the test annotations
_RELEVANT = [7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6]


def read_test(path: Path, _: str, truth: str) -> dict[str, Any]:
    """Read an `annot_data.mat`: data_2d (F, 17, 2) pixels, data_3d (F, 17, 3) mm, valid.

    Raises:
        DataError: as `read_mat`.
    """
    held = read_mat(path, ["annot2", truth, "valid_frame"])
    return {
        "data_2d": _one_person(held["annot2"]),
        "data_3d": _one_person(held[truth]),
        "valid": held["valid_frame"],
    }


def read_training(path: Path, name: str, truth: str) -> list[dict[str, dict[str, Any]]]:
    """Read an `annot.mat`: camera -> data_2d (F, 17, 2) pixels, data_3d (F, 17, 3) mm.

    Raises:
        DataError: as `read_mat`, or a camera is missing or has other than 28 joints.
    """
    held = read_mat(path, ["annot2", truth])
    return [
        {
            str(camera): {
                f"data_{axes}d": _relevant(held[key], camera, axes, path)[: TRAININGS[name]]
                for axes, key in ((2, "annot2"), (3, truth))
            }
            for camera in _CAMERAS
        }
    ]


def _one_person(array: Any) -> Any:  # noqa: ANN401
    """MATLAB's (C, 17, 1, F) as (F, 17, C)."""
    whole = isinstance(array, np.ndarray) and array.ndim == 4 and array.shape[2] == 1
    return array[:, :, 0].T if whole else array


def _relevant(cells: Any, camera: int, axes: int, path: Path) -> Float32:  # noqa: ANN401
    """A camera's (F, 28 x axes) as (F, 17, axes)."""
    cell = cells[camera] if isinstance(cells, list) and camera < len(cells) else np.empty((0, 0))
    if cell.ndim != 2 or cell.shape[1] != 28 * axes:
        raise DataError(
            f"{path}: an array of (frames, {28 * axes}) numbers for each of 14 cameras is needed, "
            f"not {cell.shape} for camera {camera}."
        )
    return cell.reshape(-1, 28, axes)[:, _RELEVANT].astype(np.float32)
