"""Read pickles of arrays, dicts, lists, strings and numbers; anything else is refused.

Python's and NumPy's own unpickling trust the sizes and places that a pickle names, so that one
changed byte can crash them or fill the memory; so can the hash of a deeply nested tuple. Here
`pickletools` decodes the instructions, and a small stack machine follows those that build plain
data. Functions are stand-ins for the few that make arrays, and dict keys are strings and numbers.
"""

import io
import pickle
import pickletools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from datamodules.reading.pickled_arrays import Array, Dtype, Maker

_PLAIN = (str, bytes, int, float, complex, bool, type(None), np.generic)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, type] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
# instructions that put their own argument on the stack
_VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "BYTEARRAY8"),
}


def load_pickle(stream: io.BytesIO) -> Any:  # noqa: ANN401
    """Read one pickle.

    Args:
        stream: bytes that begin with the pickle.

    Raises:
        EOFError: the pickle is cut short, or has an unknown instruction.
        pickle.UnpicklingError: the pickle asks for anything but plain data. Contents that do not
            fit each other also raise ValueError, LookupError, TypeError and AttributeError, and
            lists inside each other RecursionError.
    """
    return _resolved(_Machine().run(stream), {})


def _instructions(stream: io.BytesIO) -> Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]]:
    try:
        yield from pickletools.genops(stream)
    except ValueError as error:
        raise EOFError(str(error)) from error


class _Machine:
    """The stack and the memo of a pickle's instructions, as `pickletools` documents them."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        # the stacks below each mark
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self, stream: io.BytesIO) -> Any:  # noqa: ANN401
        """Follow the instructions to the last one, and return the value that it leaves."""
        for opcode, argument, _ in _instructions(stream):
            if opcode.name in _VALUES:
                self.stack.append(argument)
            elif opcode.name in _CONSTANTS:
                self.stack.append(_CONSTANTS[opcode.name])
            elif opcode.name in _EMPTY:
                self.stack.append(_EMPTY[opcode.name]())
            elif opcode.name in _TUPLES:
                self.stack.append(self._popped(_TUPLES[opcode.name]))
            elif opcode.name not in ("PROTO", "FRAME", "STOP"):
                step = getattr(self, f"_{opcode.name.lower()}", None)
                if step is None:
                    raise pickle.UnpicklingError("it asks for a class, a set or an outside object")
                step(argument)
        return self.stack.pop()

    def _popped(self, count: int) -> tuple[Any, ...]:
        if len(self.stack) < count:
            raise pickle.UnpicklingError("a value is missing")
        values = tuple(self.stack[-count:])
        del self.stack[-count:]
        return values

    def _marked(self) -> list[Any]:
        """Remove everything above the last mark, and the mark."""
        values, self.stack = self.stack, self.below.pop()
        return values

    def _top(self, kind: type) -> Any:  # noqa: ANN401
        if type(self.stack[-1]) is not kind:
            raise pickle.UnpicklingError(f"it fills a {type(self.stack[-1]).__name__}")
        return self.stack[-1]

    def _mark(self, _: None) -> None:
        self.below.append(self.stack)
        self.stack = []

    def _pop(self, _: None) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._marked()

    def _pop_mark(self, _: None) -> None:
        self._marked()

    def _dup(self, _: None) -> None:
        self.stack.append(self.stack[-1])

    def _put(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    _binput = _long_binput = _put

    def _memoize(self, _: None) -> None:
        self._put(len(self.memo))

    def _get(self, place: int) -> None:
        self.stack.append(self.memo[place])

    _binget = _long_binget = _get

    def _append(self, _: None) -> None:
        (value,) = self._popped(1)
        self._top(list).append(value)

    def _appends(self, _: None) -> None:
        values = self._marked()
        self._top(list).extend(values)

    def _list(self, _: None) -> None:
        values = self._marked()
        self.stack.append(values)

    def _tuple(self, _: None) -> None:
        values = self._marked()
        self.stack.append(tuple(values))

    def _setitem(self, _: None) -> None:
        values = self._popped(2)
        self._top(dict).update(_pairs(values))

    def _setitems(self, _: None) -> None:
        values = self._marked()
        self._top(dict).update(_pairs(values))

    def _dict(self, _: None) -> None:
        values = self._marked()
        self.stack.append(dict(_pairs(values)))

    def _global(self, names: str) -> None:
        self.stack.append(Maker(*names.split(" ", 1)))

    def _stack_global(self, _: None) -> None:
        module, name = self._popped(2)
        self.stack.append(Maker(module, name))

    def _reduce(self, _: None) -> None:
        maker, arguments = self._popped(2)
        if type(maker) is not Maker or type(arguments) is not tuple:
            raise pickle.UnpicklingError("it calls something that is not a function")
        self.stack.append(maker.function(*arguments))

    def _build(self, _: None) -> None:
        (state,) = self._popped(1)
        if not isinstance(self.stack[-1], Dtype | Array):
            raise pickle.UnpicklingError(f"it sets the state of a {type(self.stack[-1]).__name__}")
        self.stack[-1].set_state(state)


def _pairs(values: Sequence[Any]) -> list[tuple[Any, Any]]:
    keys = values[::2]
    if not all(isinstance(key, _PLAIN) for key in keys):
        raise pickle.UnpicklingError("a key is neither a string nor a number")
    return list(zip(keys, values[1::2], strict=True))


def _resolved(item: Any, memo: dict[int, Any]) -> Any:  # noqa: ANN401
    """Replace stand-ins by their arrays; what is shared or circular stays so."""
    if isinstance(item, _PLAIN):
        return item
    if id(item) in memo:
        return memo[id(item)]
    if isinstance(item, Array):
        memo[id(item)] = item.value(lambda inner: _resolved(inner, memo))
    elif isinstance(item, list):
        result: list[Any] = []
        memo[id(item)] = result
        result += [_resolved(each, memo) for each in item]
    elif isinstance(item, dict):
        table: dict[Any, Any] = {}
        memo[id(item)] = table
        table.update((key, _resolved(value, memo)) for key, value in item.items())
    elif isinstance(item, tuple):
        memo[id(item)] = tuple(_resolved(each, memo) for each in item)
    else:
        raise pickle.UnpicklingError(f"it holds a {type(item).__name__}")
    return memo[id(item)]
