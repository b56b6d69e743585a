"""Read arrays of numbers, and cell arrays of them, from MATLAB files of v5 that are not trusted.

SciPy's reader is compiled, and crashes on some damaged files.
"""

import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

_HEADER = 128
_MATRIX, _COMPRESSED, _CELL = 14, 15, 1
_NUMERIC = range(6, 16)
_COMPLEX = 0x800
_TYPES = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 9: "d", 12: "q", 13: "Q"}
# inflating stops here, so that a few kilobytes cannot fill the memory; numbers do not shrink to a
# hundredth, but in small files they may
_LARGEST, _SHRINKAGE, _SMALL = 2**31, 100, 2**26


def read_v5(raw: bytes) -> dict[str, Any]:
    """Read the variables of a file.

    Args:
        raw: contents of the file, with its header.

    Returns:
        Name -> array with MATLAB's axes, or list of such arrays for a cell array; None for a
        variable of another kind.

    Raises:
        ValueError: the file is cut short or damaged; damaged bytes also raise struct.error,
            zlib.error, KeyError, TypeError and UnicodeDecodeError.
    """
    order = {b"IM": "<", b"MI": ">"}[raw[126:_HEADER]]
    variables, left = {}, min(_LARGEST, max(_SMALL, _SHRINKAGE * len(raw)))
    for kind, body in _elements(memoryview(raw)[_HEADER:], order):
        elements = _inflated(body, order, left) if kind == _COMPRESSED else [(kind, body)]
        for number, matrix in elements:
            left -= len(matrix)
            if number == _MATRIX:
                name, value = _matrix(matrix, order)
                variables[name] = value
    return variables


def _inflated(body: memoryview, order: str, most: int) -> Iterator[tuple[int, memoryview]]:
    return _elements(memoryview(zlib.decompressobj().decompress(body, max(most, 1))), order)


def _elements(raw: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yield the type and the bytes of one element after the other."""
    at = 0
    while at < len(raw):
        kind, size = struct.unpack_from(f"{order}II", raw, at)
        start, at = at + 8, at + 8 + size
        if kind >> 16:  # up to four bytes stand in the place of the size
            kind, size = kind & 0xFFFF, kind >> 16
            start, at = start - 4, start
        elif kind != _COMPRESSED:
            at += -size % 8
        if start + size > min(len(raw), at):
            raise ValueError("an element is cut short")
        yield kind, raw[start : start + size]


def _matrix(body: memoryview, order: str) -> tuple[str, Any]:
    elements = _elements(body, order)
    (_, flags), (_, extent), (_, name) = islice(elements, 3)
    (flag,) = struct.unpack_from(f"{order}I", flags)
    kind, shape = flag & 0xFF, np.frombuffer(extent, f"{order}i")
    if kind == _CELL:
        cells = [_matrix(cell, order)[1] for number, cell in elements if number == _MATRIX]
        flat = all(isinstance(cell, np.ndarray) for cell in cells)
        value: Any = cells if flat and len(cells) == np.prod(shape) else None
    elif kind in _NUMERIC and not flag & _COMPLEX:
        ((number, numbers),) = islice(elements, 1)
        array = np.frombuffer(numbers, order + _TYPES[number])
        if (shape < 0).any():
            raise ValueError("an array has a negative size")
        value = array.reshape(shape, order="F")
    else:
        value = None
    return bytes(name).decode("ascii"), value
