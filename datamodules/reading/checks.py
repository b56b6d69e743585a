"""Checks of what files hold: names, numbers, arrays, and dicts of them."""

from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseproof.errors import DataError

LONGEST_NAME = 100  # characters


def is_name(held: Any) -> bool:  # noqa: ANN401
    """Whether it can name a subject, an action or a camera, on one line of a report."""
    return isinstance(held, str) and 0 < len(held) <= LONGEST_NAME and held.isprintable()


def is_number(held: Any) -> bool:  # noqa: ANN401
    """Whether it is one real number."""
    return isinstance(held, int | float | np.integer | np.floating)


def one_line(error: BaseException) -> str:
    """What an error says, short and printable, to stand inside of a sentence."""
    said = "".join(c if c.isprintable() else "?" for c in str(error)[:200])
    return said.rstrip(".") or type(error).__name__


def entry(contents: Mapping[str, Any], key: str, name: str) -> dict[str, Any]:
    """A dict of dicts in a file's contents.

    Raises:
        DataError: there is no such key, it holds something else, or the keys are no names.
    """
    held = contents.get(key)
    if not isinstance(held, dict) or not all(isinstance(inner, dict) for inner in held.values()):
        holds = ", ".join(repr(each[:LONGEST_NAME]) for each in islice(contents, 10)) or "nothing"
        raise DataError(
            f"{name} has no {key!r} of the form subject -> action -> array: it is not in the "
            f"public Human3.6M layout (it holds {holds})."
        )
    if not all(map(is_name, chain(held, *held.values()))):
        raise DataError(
            f"{name} has a subject or an action in {key!r} whose name is not one line of text of "
            f"at most {LONGEST_NAME} characters: name it so."
        )
    return held


def as_array(values: Any, where: str, coordinates: Sequence[int] = (2, 3)) -> NDArray[np.float32]:  # noqa: ANN401
    """A float32 array of three axes whose last one holds so many coordinates.

    Raises:
        DataError: it is something else, or holds finite numbers that are not below a million.
    """
    array = np.asarray(values) if isinstance(values, np.ndarray) else np.empty(0, object)
    if array.dtype.kind not in "fiu" or array.ndim != 3 or array.shape[-1] not in coordinates:
        raise DataError(
            f"{where}: an array of numbers of shape (frames, joints, "
            f"{' or '.join(map(str, coordinates))}) is needed, not "
            f"{type(values).__name__} {getattr(values, 'shape', '')}."
        )
    # neither metres nor pixels, and too large for the differences of 32-bit numbers
    if (np.isfinite(array) & ~(np.abs(array) < 1e6)).any():
        raise DataError(f"{where}: a number is not below a million: repair or remove the sequence.")
    return np.ascontiguousarray(array, dtype=np.float32)
