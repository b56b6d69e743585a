"""Read .npz files that hold pickled dicts, as the public ones do, without running their code."""

import io
import lzma
import pickle
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.errors import DataError
from datamodules.safe_pickle import load_pickle

# inflating stops here, so that a few kilobytes cannot fill the memory
_LARGEST = 8 * 2**30


def load_npz(path: str | Path) -> dict[str, Any]:
    """Read a whole .npz file.

    Object arrays are read by an unpickler that admits arrays, dicts, lists, tuples, strings and
    numbers and nothing else; no flag turns that off.

    Args:
        path: the file.

    Returns:
        Key -> array; an object array of no dimensions gives what it holds (usually a dict).

    Raises:
        DataError: no such file, no zip archive, cut short, or holding anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} is not there: check the folder and the name.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > _LARGEST:
                raise DataError(f"{path} unpacks to more than 8 GiB: that is no pose file.")
            return {m.filename.removesuffix(".npy"): _array(archive.read(m)) for m in members}
    except _DAMAGED as error:
        raise DataError(
            f"{path} is damaged or no .npz archive ({_sentence(error)}): fetch it again."
        ) from error
    except _MALFORMED as error:
        raise DataError(
            f"{path} holds something else than arrays, dicts, lists, strings and numbers "
            f"({_sentence(error)}): it is not a pose file, and nothing of it was run."
        ) from error


# what zipfile and its decompressors raise on a file that is cut short or no archive
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    struct.error,
)
# what NumPy and pickle raise on bytes that are not what they should be
_MALFORMED = (
    pickle.UnpicklingError,
    AttributeError,
    ImportError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    SyntaxError,
    tokenize.TokenError,
    TypeError,
    UnicodeError,
    RuntimeError,
    ValueError,
)


def _array(raw: bytes) -> Any:  # noqa: ANN401
    stream = io.BytesIO(raw)
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"array format {version}")
    shape, _, dtype = read_header(stream)
    if not dtype.hasobject:
        return np.lib.format.read_array(io.BytesIO(raw), allow_pickle=False)
    held = load_pickle(stream)
    if not isinstance(held, np.ndarray) or held.shape != shape:
        raise ValueError("the pickled array does not fit its header")
    return held.item() if held.ndim == 0 else held


def _sentence(error: BaseException) -> str:
    return str(error).split("\n", 1)[0].rstrip(".") or type(error).__name__
