"""JSON from anywhere: of a reasonable size, and without a field that is there twice."""

import json
from pathlib import Path
from typing import Any

from poseproof.errors import DataError

# an hour of one person; JSON takes twenty times its size in memory
MOST_BYTES = 1 << 27
_MOST_FILES = 200_000


def load_json(path: Path, most_bytes: int = MOST_BYTES) -> Any:  # noqa: ANN401
    """What a JSON file holds.

    Raises:
        DataError: it cannot be read, is too large, or is no JSON.
    """
    try:
        if path.stat().st_size > most_bytes:
            raise DataError(f"{path} is larger than {most_bytes >> 20} MiB: cut it into clips.")
        return json.loads(path.read_bytes(), object_pairs_hook=_fields, parse_constant=_no_constant)
    except OSError as error:
        raise DataError(f"{path} cannot be read: check the path.") from error
    # text that is no text, a field that is there twice, brackets without end, a number of thousands
    # of digits
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} is damaged: it is no JSON, names a field twice, or holds a NaN."
        ) from error


def json_names(folder: Path) -> list[str]:
    """The names of the JSON files in a folder.

    Raises:
        DataError: there is none, or so many, or so much in them, as no clip has.
    """
    try:
        sizes = {path.name: path.stat().st_size for path in folder.glob("*.json")}
    except OSError as error:
        raise DataError(f"{folder} cannot be read: check the path.") from error
    if not sizes:
        raise DataError(f"{folder} holds no .json files: give a folder of one file a frame.")
    if len(sizes) > _MOST_FILES or sum(sizes.values()) > MOST_BYTES:
        raise DataError(
            f"{folder} holds more than {_MOST_FILES} files or {MOST_BYTES >> 20} MiB: cut it into "
            "clips."
        )
    return sorted(sizes)


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field is there twice, with one value or another")
    return fields


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")
