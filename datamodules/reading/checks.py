"""Checks of the contents of files: names, numbers, arrays, and dicts of arrays."""

from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseproof.errors import DataError

LONGEST_NAME = 100  # characters


def is_name(value: Any) -> bool:  # noqa: ANN401
    """Whether a value can name a subject, an action or a camera on one line of a report."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()


def is_number(value: Any) -> bool:  # noqa: ANN401
    """Whether a value is one real number."""
    return isinstance(value, int | float | np.integer | np.floating)


def one_line(error: BaseException) -> str:
    """Make the message of an error short and printable, to stand inside a sentence."""
    text = "".join(c if c.isprintable() else "?" for c in str(error)[:200])
    return text.rstrip(".") or type(error).__name__


def entry(contents: Mapping[str, Any], key: str, name: str) -> dict[str, Any]:
    """Get a dict of dicts, such as subject -> action -> array, from the contents of a file.

    Args:
        contents: contents of the file.
        key: key of the dict.
        name: name of the file, for messages.

    Raises:
        DataError: the key is missing, it has other contents, or the inner keys are not names.
    """
    table = contents.get(key)
    if not isinstance(table, dict) or not all(isinstance(inner, dict) for inner in table.values()):
        holds = ", ".join(repr(each[:LONGEST_NAME]) for each in islice(contents, 10)) or "nothing"
        raise DataError(
            f"{name} has no {key!r} of the form subject -> action -> array: it is not in the "
            f"public Human3.6M layout (it holds {holds})."
        )
    if not all(map(is_name, chain(table, *table.values()))):
        raise DataError(
            f"{name} has a subject or an action in {key!r} whose name is not one line of text of "
            f"at most {LONGEST_NAME} characters: rename it."
        )
    return table


def as_array(values: Any, where: str, coordinates: Sequence[int] = (2, 3)) -> NDArray[np.float32]:  # noqa: ANN401
    """Convert to a float32 array of three axes.

    Args:
        values: array to convert.
        where: description of the array, for messages.
        coordinates: permitted lengths of the last axis.

    Raises:
        DataError: it is not such an array, or has finite numbers of a million or more.
    """
    array = np.asarray(values) if isinstance(values, np.ndarray) else np.empty(0, object)
    if array.dtype.kind not in "fiu" or array.ndim != 3 or array.shape[-1] not in coordinates:
        raise DataError(
            f"{where}: an array of numbers of shape (frames, joints, "
            f"{' or '.join(map(str, coordinates))}) is needed, not "
            f"{type(values).__name__} {getattr(values, 'shape', '')}."
        )
    # neither metres nor pixels, and too large for precise differences of 32-bit numbers
    if (np.isfinite(array) & ~(np.abs(array) < 1e6)).any():
        raise DataError(f"{where}: a number is not below a million: repair or remove the sequence.")
    return np.ascontiguousarray(array, dtype=np.float32)
