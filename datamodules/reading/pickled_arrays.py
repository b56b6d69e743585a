"""Stand-ins for arrays and for the functions that make them, while a pickle is read."""

import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np


class Dtype:
    """Stands for a dtype of plain numbers, strings or objects."""

    def __init__(self, code: str, *_: bool) -> None:
        if not re.fullmatch(r"\?|[biufcSU]\d{1,6}|O8?", code):
            raise pickle.UnpicklingError(f"it asks for the data type {code!r}")
        self.dtype = np.dtype(code[0] if code[0] == "O" else code)

    def set_state(self, state: tuple[Any, ...]) -> None:
        """Take the byte order from a pickled state."""
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class Array:
    """Stands for an array, which is made from checked parts once the pickle is read."""

    contents: tuple[tuple[int, ...], np.dtype, bool, Any]

    def set_state(self, state: tuple[Any, ...]) -> None:
        """Take the shape, data type, order and contents from a pickled state."""
        _, shape, dtype, fortran, raw = state
        self.contents = (shape, dtype.dtype, bool(fortran), raw)

    def value(self, resolve: Callable[[Any], Any]) -> np.ndarray:
        """Make the array.

        Args:
            resolve: function that turns each item of an array of objects into its value.
        """
        shape, dtype, fortran, raw = self.contents
        if not all(type(length) is int and length >= 0 for length in shape):
            raise pickle.UnpicklingError("the shape of an array is not a list of lengths")
        if dtype.hasobject:
            count = math.prod(shape)
            flat = np.empty(count if len(raw) == count else -1, dtype)
            for place, item in enumerate(raw):
                flat[place] = resolve(item)
        else:
            raw = raw.encode("latin1") if isinstance(raw, str) else raw
            flat = np.frombuffer(raw, dtype).copy()
        return flat.reshape(shape, order="F" if fortran else "C")


def _from_buffer(raw: bytes, dtype: Dtype, shape: tuple[int, ...], order: str) -> Array:
    array = Array()
    array.contents = (shape, dtype.dtype, order == "F", raw)
    return array


def _scalar(dtype: Dtype, raw: bytes) -> np.generic:
    value: np.generic = np.frombuffer(raw, dtype.dtype, count=1)[0]
    return value


def _encode(text: str, encoding: str) -> bytes:
    """Make bytes as pickle protocols before 3 do."""
    if encoding != "latin1":
        raise pickle.UnpicklingError("it asks for another encoding than latin1")
    return text.encode("latin1")


_NUMPY = re.compile(r"numpy\._?core\.(multiarray|numeric)|numpy")
_MAKERS: dict[str, Callable[..., Any]] = {
    "_reconstruct": lambda *_: Array(),
    "scalar": _scalar,
    "_frombuffer": _from_buffer,
    "dtype": Dtype,
    "ndarray": lambda *_: Array(),
    "_codecs.encode": _encode,
}


class Maker:
    """Stands for a function that a pickle names, which must be one that makes arrays."""

    def __init__(self, module: str, name: str) -> None:
        key = name if _NUMPY.fullmatch(module) else f"{module}.{name}"
        if key not in _MAKERS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        self.function = _MAKERS[key]
