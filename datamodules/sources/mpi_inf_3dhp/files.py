"""The files of MPI-INF-3DHP: the official ones, or those that P-STMO's scripts make of them."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datamodules.reading.checks import as_array, is_name
from datamodules.reading.matlab import read_mat
from datamodules.reading.safe_npz import load_npz
from datamodules.sequences import Float32
from poseproof.errors import DataError


class Recording(NamedTuple):
    """A sequence in one camera, in the joint order of the test annotations.

    Attributes:
        name: name of the sequence, such as `TS1` or `S1 Seq1`.
        camera: number of the camera.
        pixels: (F, 17, 2) 2D annotations.
        millimetres: (F, 17, 3) 3D annotations, camera frame.
        valid: (F,) mask of the valid frames of a test sequence.
    """

    name: str
    camera: str
    pixels: Float32
    millimetres: Float32
    valid: NDArray[np.bool_] | None = None


def read_tests(root: Path, truth: str) -> Iterator[Recording]:
    """Read the six test sequences.

    Args:
        root: folder of the files.
        truth: name of the 3D annotations to use.

    Raises:
        DataError: the files are missing or incomplete, or anything is wrong with one.
    """
    folder = root / "mpi_inf_3dhp_test_set"
    folder = folder if folder.is_dir() else root
    paths = {name: folder / name / "annot_data.mat" for name in TESTS}
    for name, annotations in _either(paths, root / "data_test_3dhp.npz", truth, read_test):
        if not isinstance(annotations, dict):
            raise DataError(
                f"The annotations of {name} are not a dict of data_2d, data_3d and valid: convert "
                "them again."
            )
        valid = annotations.get("valid")
        if (
            not isinstance(valid, np.ndarray)
            or valid.dtype.kind not in "biuf"
            or not np.isin(valid, (0, 1)).all()
        ):
            raise DataError(
                f"The marks of the valid frames of {name} are not an array of 0 and 1: convert the "
                "annotations again."
            )
        yield Recording(name, "0", *_joints(annotations, name), valid.ravel() == 1)


def read_trainings(root: Path, truth: str) -> Iterator[Recording]:
    """Read the sixteen training sequences in eight cameras.

    Args:
        root: folder of the files.
        truth: name of the 3D annotations to use.

    Raises:
        DataError: the files are missing or incomplete, or anything is wrong with one.
    """
    paths = {name: root / name.replace(" ", "/") / "annot.mat" for name in TRAININGS}
    for name, annotations in _either(paths, root / "data_train_3dhp.npz", truth, read_training):
        several = isinstance(annotations, list | tuple) or getattr(annotations, "ndim", 0) == 1
        cameras = annotations[0] if several and len(annotations) else None
        if (
            not isinstance(cameras, dict)
            or not all(map(is_name, cameras))
            or not all(isinstance(seen, dict) for seen in cameras.values())
        ):
            raise DataError(
                f"The annotations of {name} are not of the form camera -> data: convert them again."
            )
        for camera, seen in cameras.items():
            yield Recording(name, camera, *_joints(seen, f"{name}, camera {camera}"))


def _either(
    paths: dict[str, Path], npz: Path, truth: str, read: Callable[[Path, str, str], Any]
) -> Iterator[tuple[str, Any]]:
    """Yield the annotations of every sequence in the layout of the .npz file, from either kind."""
    if there := [name for name, path in paths.items() if path.is_file()]:
        _check_all(paths, there, f"{npz.parent}")
        yield from ((name, read(path, name, truth)) for name, path in paths.items())
    elif npz.is_file():
        if truth != "univ_annot3":
            raise DataError(
                f"{npz} has the annotations univ_annot3 only: for {truth} give the .mat files."
            )
        data = load_npz(npz).get("data")
        if not isinstance(data, dict):
            raise DataError(
                f"{npz} has no 'data' of the form sequence -> annotations: convert them again."
            )
        _check_all(paths, data, f"{npz}")
        yield from ((name, data[name]) for name in paths)
    else:
        first = next(iter(paths.values()))
        raise DataError(f"Neither {first} (and so on) nor {npz} is there: check the folder.")


def _check_all(wanted: Iterable[str], there: Iterable[str], where: str) -> None:
    if missing := [name for name in wanted if name not in set(there)]:
        raise DataError(f"{where} lacks {', '.join(missing)}: all sequences are needed.")


def _joints(annotations: dict[str, Any], where: str) -> tuple[Float32, Float32]:
    flat = as_array(annotations.get("data_2d"), f"The 2D annotations of {where}", coordinates=(2,))
    deep = as_array(annotations.get("data_3d"), f"The 3D annotations of {where}", coordinates=(3,))
    for array in (flat, deep):
        if array.shape[1] != 17:
            raise DataError(
                f"The annotations of {where} have {array.shape[1]} joints, but the 17 of the "
                "test annotations are needed."
            )
    return flat, deep


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
    """Read an `annot_data.mat`.

    Args:
        path: file to read.
        _: name of the sequence, which is not needed.
        truth: name of the 3D annotations to use.

    Returns:
        data_2d (F, 17, 2) in pixels, data_3d (F, 17, 3) in millimetres, and the marks `valid`.

    Raises:
        DataError: `read_mat` refuses the file.
    """
    variables = read_mat(path, ["annot2", truth, "valid_frame"])
    return {
        "data_2d": _one_person(variables["annot2"]),
        "data_3d": _one_person(variables[truth]),
        "valid": variables["valid_frame"],
    }


def read_training(path: Path, name: str, truth: str) -> list[dict[str, dict[str, Any]]]:
    """Read an `annot.mat`.

    Args:
        path: file to read.
        name: name of the sequence, such as `S1 Seq1`.
        truth: name of the 3D annotations to use.

    Returns:
        A list of one dict: camera -> data_2d (F, 17, 2) in pixels, data_3d (F, 17, 3) in
        millimetres.

    Raises:
        DataError: `read_mat` refuses the file, or a camera is missing or does not have 28 joints.
    """
    variables = read_mat(path, ["annot2", truth])
    return [
        {
            str(camera): {
                f"data_{axes}d": _relevant(variables[key], camera, axes, path)[: TRAININGS[name]]
                for axes, key in ((2, "annot2"), (3, truth))
            }
            for camera in _CAMERAS
        }
    ]


def _one_person(array: Any) -> Any:  # noqa: ANN401
    """Convert MATLAB's (C, 17, 1, F) to (F, 17, C)."""
    whole = isinstance(array, np.ndarray) and array.ndim == 4 and array.shape[2] == 1
    return array[:, :, 0].T if whole else array


def _relevant(cells: Any, camera: int, axes: int, path: Path) -> Float32:  # noqa: ANN401
    """Convert a camera's (F, 28 x axes) to (F, 17, axes)."""
    cell = cells[camera] if isinstance(cells, list) and camera < len(cells) else np.empty((0, 0))
    if cell.ndim != 2 or cell.shape[1] != 28 * axes:
        raise DataError(
            f"{path}: an array of (frames, {28 * axes}) numbers for each of 14 cameras is needed, "
            f"not {cell.shape} for camera {camera}."
        )
    return cell.reshape(-1, 28, axes)[:, _RELEVANT].astype(np.float32)
