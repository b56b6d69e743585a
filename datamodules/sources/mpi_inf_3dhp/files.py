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
        name: of the sequence, such as `TS1` or `S1 Seq1`.
        camera: its number.
        pixels: (F, 17, 2).
        millimetres: (F, 17, 3), camera frame.
        valid: (F,) mask of the valid frames of a test sequence.
    """

    name: str
    camera: str
    pixels: Float32
    millimetres: Float32
    valid: NDArray[np.bool_] | None = None


def read_tests(root: Path, truth: str) -> Iterator[Recording]:
    """Read the six test sequences, by the 3D annotations named.

    Raises:
        DataError: none of the files, not all sequences, or anything wrong with one.
    """
    folder = root / "mpi_inf_3dhp_test_set"
    folder = folder if folder.is_dir() else root
    paths = {name: folder / name / "annot_data.mat" for name in TESTS}
    for name, held in _either(paths, root / "data_test_3dhp.npz", truth, read_test):
        if not isinstance(held, dict):
            raise DataError(f"The annotations of {name} are no dict of data_2d, data_3d and valid.")
        valid = held.get("valid")
        if (
            not isinstance(valid, np.ndarray)
            or valid.dtype.kind not in "biuf"
            or not np.isin(valid, (0, 1)).all()
        ):
            raise DataError(f"The marks of the valid frames of {name} are not an array of 0 and 1.")
        yield Recording(name, "0", *_joints(held, name), valid.ravel() == 1)


def read_trainings(root: Path, truth: str) -> Iterator[Recording]:
    """Read the sixteen training sequences in eight cameras, by the 3D annotations named.

    Raises:
        DataError: none of the files, not all sequences, or anything wrong with one.
    """
    paths = {name: root / name.replace(" ", "/") / "annot.mat" for name in TRAININGS}
    for name, held in _either(paths, root / "data_train_3dhp.npz", truth, read_training):
        several = isinstance(held, list | tuple) or getattr(held, "ndim", 0) == 1
        cameras = held[0] if several and len(held) else None
        if (
            not isinstance(cameras, dict)
            or not all(map(is_name, cameras))
            or not all(isinstance(seen, dict) for seen in cameras.values())
        ):
            raise DataError(f"The annotations of {name} are not of the form camera -> data.")
        for camera, seen in cameras.items():
            yield Recording(name, camera, *_joints(seen, f"{name}, camera {camera}"))


def _either(
    paths: dict[str, Path], npz: Path, truth: str, read: Callable[[Path, str, str], Any]
) -> Iterator[tuple[str, Any]]:
    """Every sequence's contents in the layout of the .npz file, from whichever is there."""
    if there := [name for name, path in paths.items() if path.is_file()]:
        _check_all(paths, there, f"{npz.parent}")
        yield from ((name, read(path, name, truth)) for name, path in paths.items())
    elif npz.is_file():
        if truth != "univ_annot3":
            raise DataError(f"{npz} holds univ_annot3: to judge by {truth} give the .mat files.")
        data = load_npz(npz).get("data")
        if not isinstance(data, dict):
            raise DataError(f"{npz} has no 'data' of the form sequence -> annotations.")
        _check_all(paths, data, f"{npz}")
        yield from ((name, data[name]) for name in paths)
    else:
        first = next(iter(paths.values()))
        raise DataError(f"Neither {first} (and so on) nor {npz} is there: check the folder.")


def _check_all(wanted: Iterable[str], there: Iterable[str], where: str) -> None:
    if missing := [name for name in wanted if name not in set(there)]:
        raise DataError(f"{where} lacks {', '.join(missing)}: all sequences are needed.")


def _joints(held: dict[str, Any], where: str) -> tuple[Float32, Float32]:
    flat = as_array(held.get("data_2d"), f"The 2D annotations of {where}", coordinates=(2,))
    deep = as_array(held.get("data_3d"), f"The 3D annotations of {where}", coordinates=(3,))
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
