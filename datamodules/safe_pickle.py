"""Read pickles of arrays, dicts, lists, strings and numbers; anything else is refused.

NumPy's own unpickling trusts the sizes that a pickle names, and the C unpickler the places in its
memory: a changed byte can crash either. Here arrays are put together in Python, from checked parts.
"""

import io
import math
import pickle
import re
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

_NUMPY = re.compile(r"numpy\._?core\.(multiarray|numeric)|numpy")
_PLAIN = (str, bytes, int, float, complex, bool, type(None), np.generic)


def load_pickle(stream: io.BytesIO) -> Any:  # noqa: ANN401
    """Read one pickle.

    Raises:
        pickle.UnpicklingError: it asks for anything but the above; damaged pickles may raise any of
            the errors that Python's own unpickler does.
    """
    return _resolved(_Unpickler(stream).load(), {})


class _Unpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        maker = _MAKERS.get(name if _NUMPY.fullmatch(module) else f"{module}.{name}")
        if maker is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        # a pickle may set attributes on what it is given, so that it is given a new one each time
        return lambda *args: maker(*args)

    def persistent_load(self, pid: object) -> NoReturn:
        raise pickle.UnpicklingError(f"it asks for an outside object {pid!r}")


class _Dtype:
    """Stands for a dtype of plain numbers, strings or objects while the pickle is read."""

    def __init__(self, code: str, *_: bool) -> None:
        if not re.fullmatch(r"\?|[biufcSU]\d{1,6}|O8?", code):
            raise pickle.UnpicklingError(f"it asks for the data type {code!r}")
        self.dtype = np.dtype(code[0] if code[0] == "O" else code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands for an array while the pickle is read."""

    parts: tuple[tuple[int, ...], np.dtype, bool, Any]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, raw = state
        self.parts = (shape, dtype.dtype, bool(fortran), raw)

    def value(self, memo: dict[int, Any]) -> np.ndarray:
        shape, dtype, fortran, raw = self.parts
        count = math.prod(shape)
        if dtype.hasobject:
            flat = np.empty(count if len(raw) == count else -1, dtype)
            for place, held in enumerate(raw):
                flat[place] = _resolved(held, memo)
        else:
            raw = raw.encode("latin1") if isinstance(raw, str) else raw
            flat = np.frombuffer(raw, dtype).copy()
        return flat.reshape(shape, order="F" if fortran else "C")


def _from_buffer(raw: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.parts = (shape, dtype.dtype, order == "F", raw)
    return array


def _scalar(dtype: _Dtype, raw: bytes) -> np.generic:
    value: np.generic = np.frombuffer(raw, dtype.dtype, count=1)[0]
    return value


def _encode(text: str, encoding: str) -> bytes:
    """How protocols before 3 spell bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}")
    return text.encode("latin1")


_MAKERS: dict[str, Callable[..., Any]] = {
    "_reconstruct": lambda *_: _Array(),
    "scalar": _scalar,
    "_frombuffer": _from_buffer,
    "dtype": _Dtype,
    "ndarray": lambda *_: _Array(),
    "_codecs.encode": _encode,
}


def _resolved(held: Any, memo: dict[int, Any]) -> Any:  # noqa: ANN401
    """Put the arrays in the places of their stand-ins; what is shared or circular stays so."""
    if isinstance(held, _PLAIN):
        return held
    if id(held) in memo:
        return memo[id(held)]
    if isinstance(held, _Array):
        memo[id(held)] = held.value(memo)
    elif isinstance(held, list):
        result: list[Any] = []
        memo[id(held)] = result
        result += [_resolved(each, memo) for each in held]
    elif isinstance(held, dict):
        table: dict[Any, Any] = {}
        memo[id(held)] = table
        table.update((_resolved(k, memo), _resolved(v, memo)) for k, v in held.items())
    elif isinstance(held, tuple):
        memo[id(held)] = tuple(_resolved(each, memo) for each in held)
    else:
        raise pickle.UnpicklingError(f"it holds a {type(held).__name__}")
    return memo[id(held)]
