"""Read arrays of numbers from MATLAB files, v7.3 (HDF5) and v5, that are not trusted."""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py

from datamodules.reading.checks import LONGEST_NAME, one_line
from datamodules.reading.hdf5_array import read_array
from datamodules.reading.matlab_v5 import read_v5
from poseproof.errors import DataError

# what is raised on a file that is cut short or changed
_DAMAGED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def read_mat(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Read some variables of a file.

    Only numbers are read: in an HDF5 file, no link to another file, no external storage and no
    object reference is followed.

    Args:
        path: file to read.
        names: names of the variables.

    Returns:
        Name -> array with its axes in MATLAB's order; for a cell array of v5, a list of arrays.

    Raises:
        DataError: the file is missing, damaged, or neither v7.3 nor v5, or a variable is missing or
            is not an array of numbers.
    """
    if not path.is_file():
        raise DataError(f"{path} is not there: check the folder and the name.")
    try:
        with path.open("rb") as file:
            start = file.read(10)
        if h5py.is_hdf5(path):
            return _read_hdf5(path, names)
        if start == b"MATLAB 5.0":
            return _read_v5(path, names)
    except DataError:
        raise
    except _DAMAGED as error:
        raise DataError(
            f"{path} is damaged or not a MATLAB file ({one_line(error)}): fetch it again."
        ) from error
    raise DataError(f"{path} is not a MATLAB file of v7.3 or v5, or is cut short: fetch it again.")


def _read_hdf5(path: Path, names: Sequence[str]) -> dict[str, Any]:
    read = {}
    with h5py.File(path, "r") as file:
        _check_names(path, names, [name for name in file if not name.startswith("#")])
        for name in names:
            # `get` without its link would follow it
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                raise _wrong(path, name)
            read[name] = _array(path, name, file[name])
    return read


def _array(path: Path, name: str, item: Any) -> Any:  # noqa: ANN401
    if not isinstance(item, h5py.Dataset):
        raise _wrong(path, name)
    try:
        # HDF5 holds MATLAB's axes in reverse
        return read_array(item, path.stat().st_size).T
    except ValueError as error:
        raise _wrong(path, name, f" ({one_line(error)})") from error


def _read_v5(path: Path, names: Sequence[str]) -> dict[str, Any]:
    variables = read_v5(path.read_bytes())
    _check_names(path, names, list(variables))
    for name in names:
        if variables[name] is None:
            raise _wrong(path, name)
    return {name: variables[name] for name in names}


def _check_names(path: Path, names: Sequence[str], there: Sequence[str]) -> None:
    if missing := [name for name in names if name not in there]:
        holds = ", ".join(repr(each[:LONGEST_NAME]) for each in there[:10]) or "nothing"
        raise DataError(
            f"{path} has no {', '.join(map(repr, missing))} (it holds {holds}): it is another "
            "file, or cut short."
        )


def _wrong(path: Path, name: str, why: str = "") -> DataError:
    return DataError(f"{path}: {name!r} is not an array of numbers{why}: fetch the file again.")
