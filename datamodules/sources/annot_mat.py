"""Read arrays of numbers from MATLAB files, v7.3 (HDF5) and v5, that are not trusted."""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import loadmat, whosmat
from scipy.io.matlab import MatReadError

from datamodules.errors import DataError
from datamodules.sources.labels import LONGEST_NAME

# an annotation of the longest sequence is a hundredth of it
_MOST_NUMBERS = 2**28
# what h5py and SciPy raise on a file that is cut short, changed, or of another kind
_DAMAGED = (
    ArithmeticError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MatReadError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def read_mat(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Read some of a file's variables.

    Nothing but numbers is read: of an HDF5 file no link out of it, no storage beside it and no
    object reference is followed.

    Args:
        path: the file.
        names: of the variables.

    Returns:
        Name -> array with its axes in MATLAB's order; for a cell array of v5, a list of arrays.

    Raises:
        DataError: no such file, neither v7.3 nor v5, damaged, or a variable that is missing or
            holds something else.
    """
    if not path.is_file():
        raise DataError(f"{path} is not there: check the folder and the name.")
    with path.open("rb") as file:
        start = file.read(10)
    try:
        if h5py.is_hdf5(path):
            return _read_hdf5(path, names)
        if start == b"MATLAB 5.0":
            return _read_v5(path, names)
    except DataError:
        raise
    except _DAMAGED as error:
        said = str(error).split("\n", 1)[0][:200].rstrip(".") or type(error).__name__
        raise DataError(f"{path} is damaged or no MATLAB file ({said}): fetch it again.") from error
    raise DataError(f"{path} is no MATLAB file of v7.3 or v5, or is cut short: fetch it again.")


def _read_hdf5(path: Path, names: Sequence[str]) -> dict[str, Any]:
    read = {}
    with h5py.File(path, "r") as file:
        _check_names(path, names, [name for name in file if not name.startswith("#")])
        for name in names:
            # `get` without its link would follow it
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                raise _wrong(path, name)
            held = file[name]
            if (
                not isinstance(held, h5py.Dataset)
                or held.dtype.kind not in "fiub"
                or held.is_virtual
                or held.external
                or max(held.size or 0, *(held.chunks or ())) > _MOST_NUMBERS
            ):
                raise _wrong(path, name)
            # HDF5 holds MATLAB's axes in reverse
            read[name] = held[()].T
    return read


def _read_v5(path: Path, names: Sequence[str]) -> dict[str, Any]:
    variables = {name: (shape, kind) for name, shape, kind in whosmat(path)}
    _check_names(path, names, list(variables))
    for name in names:
        shape, kind = variables[name]
        if kind in ("struct", "object", "char", "sparse", "function", "opaque", "unknown"):
            raise _wrong(path, name)
        if np.prod(shape, dtype=float) > _MOST_NUMBERS:
            raise _wrong(path, name)
    held = loadmat(path, variable_names=list(names))
    read = {name: list(v.flat) if (v := held[name]).dtype.hasobject else v for name in names}
    for name, value in read.items():
        for array in value if isinstance(value, list) else [value]:
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
                raise _wrong(path, name)
    return read


def _check_names(path: Path, names: Sequence[str], there: Sequence[str]) -> None:
    if missing := [name for name in names if name not in there]:
        holds = ", ".join(repr(each[:LONGEST_NAME]) for each in there[:10]) or "nothing"
        raise DataError(f"{path} has no {', '.join(map(repr, missing))}: it holds {holds}.")


def _wrong(path: Path, name: str) -> DataError:
    return DataError(f"{path}: {name!r} is no array of numbers, which an annotation is.")
