"""Read pickles of arrays, dicts, lists, strings and numbers; anything else is refused.

NumPy's own unpickling trusts the sizes that a pickle names, and the C unpickler the places in its
memory: a changed byte can crash either. So does hashing a tuple that is nested deeply: keys are
strings and numbers. Nothing is written out for a message: what lists share is written out as often
as it is shared, which doubles with every level.
"""

import io
import pickle
import struct
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

import numpy as np

from datamodules.reading.pickled_arrays import Array, maker_of

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
