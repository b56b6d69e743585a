"""Read pickles of arrays, dicts, lists, strings and numbers; anything else is refused.

NumPy's own unpickling trusts the sizes that a pickle names, and the C unpickler the places in its
memory: a changed byte can crash either. So does hashing a tuple that is nested deeply: keys are
strings and numbers. Nothing is written out for a message: what lists share is written out as often
as it is shared, which doubles with every level.
"""

import io
import math
import pickle
import re
import struct
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

import numpy as np

# opcode -> what reads it
_READ: dict[int, Callable[..., Any]] = pickle._Unpickler.dispatch
_PLAIN = (str, bytes, int, float, complex, bool, type(None), np.generic)
# classes, sets and what lies outside of the pickle
_FOREIGN = (
    *(pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX),
    *(pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET),
    *(pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.PERSID, pickle.BINPERSID),
    *(pickle.NEXT_BUFFER, pickle.READONLY_BUFFER),
)


def load_pickle(stream: io.BytesIO) -> Any:  # noqa: ANN401
    """Read one pickle.

    Raises:
        pickle.UnpicklingError: it asks for anything but the above; damaged pickles may raise any of
            the errors that Python's own unpickler does.
    """
    return _resolved(_Unpickler(stream).load(), {})


def _keyed(opcode: bytes, keys: slice) -> Callable[[Any], None]:
    """Reads an opcode that fills a dict, once the keys, which lie so on the stack, are checked."""

    def load(unpickler: Any) -> None:  # noqa: ANN401
        if not all(isinstance(key, _PLAIN) for key in unpickler.stack[keys]):
            raise pickle.UnpicklingError("a key is neither a string nor a number")
        _READ[opcode[0]](unpickler)

    return load


class _Unpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        maker = maker_of(module, name)
        if maker is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        # a pickle may set attributes on what it is given, so that it is given a new one each time
        return lambda *args: maker(*args)

    def _load_foreign(self) -> NoReturn:
        raise pickle.UnpicklingError("it asks for a class, a set or an outside object")

    def _load_bytearray8(self: Any) -> None:
        """Python's own takes the memory before it sees whether there are so many bytes."""
        (length,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(length)))

    dispatch: ClassVar[dict[int, Callable[..., Any]]] = {
        **_READ,
        **dict.fromkeys((opcode[0] for opcode in _FOREIGN), _load_foreign),
        pickle.SETITEM[0]: _keyed(pickle.SETITEM, slice(-2, -1)),
        pickle.SETITEMS[0]: _keyed(pickle.SETITEMS, slice(0, None, 2)),
        pickle.DICT[0]: _keyed(pickle.DICT, slice(0, None, 2)),
        pickle.BYTEARRAY8[0]: _load_bytearray8,
    }


def _resolved(held: Any, memo: dict[int, Any]) -> Any:  # noqa: ANN401
    """Put the arrays in the places of their stand-ins; what is shared or circular stays so."""
    if isinstance(held, _PLAIN):
        return held
    if id(held) in memo:
        return memo[id(held)]
    if isinstance(held, Array):
        memo[id(held)] = held.value(lambda inner: _resolved(inner, memo))
    elif isinstance(held, list):
        result: list[Any] = []
        memo[id(held)] = result
        result += [_resolved(each, memo) for each in held]
    elif isinstance(held, dict):
        table: dict[Any, Any] = {}
        memo[id(held)] = table
        table.update((key, _resolved(value, memo)) for key, value in held.items())
    elif isinstance(held, tuple):
        memo[id(held)] = tuple(_resolved(each, memo) for each in held)
    else:
        raise pickle.UnpicklingError(f"it holds a {type(held).__name__}")
    return memo[id(held)]


class Dtype:
    """Stands for a dtype of plain numbers, strings or objects."""

    def __init__(self, code: str, *_: bool) -> None:
        if not re.fullmatch(r"\?|[biufcSU]\d{1,6}|O8?", code):
            raise pickle.UnpicklingError(f"it asks for the data type {code!r}")
        self.dtype = np.dtype(code[0] if code[0] == "O" else code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class Array:
    """Stands for an array."""

    parts: tuple[tuple[int, ...], np.dtype, bool, Any]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, raw = state
        self.parts = (shape, dtype.dtype, bool(fortran), raw)

    def value(self, resolve: Callable[[Any], Any]) -> np.ndarray:
        """The array; `resolve` turns what an array of objects holds into its value."""
        shape, dtype, fortran, raw = self.parts
        if not all(type(length) is int and length >= 0 for length in shape):
            raise pickle.UnpicklingError("the shape of an array is no list of lengths")
        if dtype.hasobject:
            count = math.prod(shape)
            flat = np.empty(count if len(raw) == count else -1, dtype)
            for place, held in enumerate(raw):
                flat[place] = resolve(held)
        else:
            raw = raw.encode("latin1") if isinstance(raw, str) else raw
            flat = np.frombuffer(raw, dtype).copy()
        return flat.reshape(shape, order="F" if fortran else "C")


def _from_buffer(raw: bytes, dtype: Dtype, shape: tuple[int, ...], order: str) -> Array:
    array = Array()
    array.parts = (shape, dtype.dtype, order == "F", raw)
    return array


def _scalar(dtype: Dtype, raw: bytes) -> np.generic:
    value: np.generic = np.frombuffer(raw, dtype.dtype, count=1)[0]
    return value


def _encode(text: str, encoding: str) -> bytes:
    """How protocols before 3 spell bytes."""
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


def maker_of(module: str, name: str) -> Callable[..., Any] | None:
    """What stands for the function that a pickle names, if it is one that makes arrays."""
    return _MAKERS.get(name if _NUMPY.fullmatch(module) else f"{module}.{name}")
