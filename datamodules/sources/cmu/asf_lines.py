"""The text of ASF and AMC files, line by line; whatever is wrong is told with its line number."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poseproof.errors import DataError

Array = NDArray[np.float64]
# a line's number and its words
Line = tuple[int, list[str]]
# bytes; 80,000 frames of the CMU database
_LARGEST = 2**26


def fault(path: Path, number: int, why: str) -> DataError:
    """The error that names a file and a line."""
    return DataError(f"{path}, line {number}: {why}; fetch the file again.")


def read_lines(path: Path) -> Iterator[Line]:
    """The lines that are neither blank nor comments.

    Raises:
        DataError: there is no such file, it cannot be read, or is too large.
    """
    try:
        if not path.is_file():
            raise DataError(f"{path} is missing or no file: check the folder.")
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path} has more than 64 MiB: that is no motion capture file.")
        with path.open(encoding="latin1") as file:
            for number, line in enumerate(file, 1):
                words = line.split()
                if words and not words[0].startswith("#"):
                    yield number, words
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


class Entry:
    """Lines that begin with a key, at least one: a section, or a bone.

    Args:
        path: the file, for messages.
        lines: of the entry.
    """

    def __init__(self, path: Path, lines: list[Line]) -> None:
        self.path = path
        self.start = lines[0][0]
        self.held: dict[str, list[Line]] = {}
        for number, (key, *words) in lines:
            self.held.setdefault(key, []).append((number, words))

    def words(self, key: str, count: int) -> Line:
        """What follows a key; nothing where it is missing and `count` is 0.

        Raises:
            DataError: the key is missing, or is there twice, or fewer than `count` words follow it.
        """
        (number, words), *others = self.held.get(key, [(self.start, [])])
        if others:
            raise fault(self.path, others[0][0], f"{key!r} is there twice")
        if len(words) < count:
            raise fault(self.path, number, f"{key!r} is missing or has fewer than {count} values")
        return number, words

    def numbers(self, key: str, count: int) -> Array:
        """The first (count,) numbers that follow a key.

        Raises:
            DataError: there are fewer, or they are no numbers below a million.
        """
        number, words = self.words(key, count)
        try:
            values = np.array([float(word) for word in words[:count]])
        except ValueError:
            values = np.full(count, np.nan)
        if not (np.abs(values) < 1e6).all():
            raise fault(self.path, number, f"{key!r} needs {count} numbers below a million")
        return values


def read_blocks(path: Path, lines: list[Line]) -> dict[str, Entry]:
    """The entries between a `begin` and its `end`, by their names.

    Raises:
        DataError: a line stands outside, a `begin` or an `end` is missing, or a name comes twice.
    """
    named: dict[str, Entry] = {}
    block: list[Line] | None = None
    for number, words in lines:
        if words[0] == "begin" and block is None:
            block = []
        elif words[0] == "end" and block:
            entry = Entry(path, block)
            _, (name, *_) = entry.words("name", 1)
            if name in named:
                raise fault(path, number, f"a second bone is called {name[:30]!r}")
            named[name], block = entry, None
        elif block is None or words[0] in ("begin", "end"):
            raise fault(path, number, "a bone must stand between one begin and one end")
        else:
            block.append((number, words))
    if block is not None:
        raise fault(path, lines[-1][0], "the last bone has no end")
    return named
