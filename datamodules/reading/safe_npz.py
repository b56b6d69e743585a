"""Read .npz files of pickled dicts, such as the public ones, without running their code."""

import io
import math
import pickle
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.reading.checks import one_line
from datamodules.reading.safe_pickle import load_pickle
from poseproof.errors import DataError

# inflating stops here, so that a few kilobytes cannot fill the memory
_LARGEST = 8 * 2**30
# poses do not shrink to a hundredth; what unpacks to 64 MiB may
_SHRINKAGE, _SMALL = 100, 2**26


def load_npz(path: str | Path) -> dict[str, Any]:
    """Read a whole .npz file.

    Object arrays are read by an unpickler that admits arrays, dicts, lists, tuples, strings and
    numbers and nothing else; no flag turns that off.

    Args:
        path: file to read.

    Returns:
        Key -> array; for an object array without dimensions, its content, usually a dict.

    Raises:
        DataError: the file is missing, not a zip archive, cut short, or has any other contents.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} is not there: check the folder and the name.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_size(path, sum(member.file_size for member in members))
            arrays = {m.filename.removesuffix(".npy"): _array(archive, m) for m in members}
            if len(arrays) < len(members):
                raise ValueError("two arrays have one name")
            return arrays
    except DataError:
        raise
    except _DAMAGED as error:
        raise DataError(
            f"{path} is damaged or no .npz archive ({one_line(error)}): fetch it again."
        ) from error
    except _MALFORMED as error:
        raise DataError(
            f"{path} holds something other than arrays, dicts, lists, strings and numbers "
            f"({one_line(error)}): it is not a pose file, and nothing of it was run."
        ) from error


# what zipfile and its decompressor raise on a file that is cut short or no archive
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, struct.error)
# what NumPy and pickle raise on bytes that are not what they should be
_MALFORMED = (
    *(pickle.UnpicklingError, SyntaxError, tokenize.TokenError),
    *(AttributeError, ImportError, LookupError, TypeError, ValueError),
    *(MemoryError, OverflowError, RuntimeError),
)


def _check_size(path: Path, unpacked: int) -> None:
    if unpacked > _LARGEST:
        raise DataError(f"{path} unpacks to more than 8 GiB: that is no pose file.")
    if unpacked > max(_SMALL, _SHRINKAGE * path.stat().st_size):
        raise DataError(f"{path} unpacks to over {_SHRINKAGE} times its size: it holds no poses.")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:  # noqa: ANN401
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise zipfile.BadZipFile("it is packed as NumPy does not pack")
    with archive.open(member) as packed:
        # inflates no more than is declared, as `archive.read` would
        raw = packed.read(member.file_size)
    stream = io.BytesIO(raw)
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"array format {version}")
    shape, fortran, dtype = read_header(stream)
    if dtype.hasobject:
        value = load_pickle(stream)
        if not isinstance(value, np.ndarray) or value.shape != shape:
            raise ValueError("the pickled array does not fit its header")
        return value.item() if value.ndim == 0 else value
    if dtype.kind not in "biufcSU" or math.prod(shape) * dtype.itemsize != len(raw) - stream.tell():
        raise ValueError("the array does not fit its header")
    flat = np.frombuffer(raw, dtype, offset=stream.tell()).copy()
    return flat.reshape(shape, order="F" if fortran else "C")
