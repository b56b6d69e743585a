"""Read JSON files that are not trusted: of a limited size, and with every field named once."""

import json
from pathlib import Path
from typing import Any

from poseproof.errors import DataError

# an hour of one person's keypoints; JSON takes twenty times its size in memory
MOST_BYTES = 1 << 27


def load_json(path: Path) -> Any:  # noqa: ANN401
    """Read a whole JSON file.

    Args:
        path: file to read.

    Returns:
        The contents as dicts, lists, strings, numbers (NaN and infinities too), booleans and None.

    Raises:
        DataError: the file cannot be read, is larger than `MOST_BYTES`, or is not valid JSON.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(
                f"{path} is larger than {MOST_BYTES >> 20} MiB: split it into smaller files."
            )
        return json.loads(path.read_bytes(), object_pairs_hook=_fields)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: check the path.") from error
    # bytes that are not text, repeated fields, endless brackets, numbers of thousands of digits
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path} is damaged: it is not valid JSON, or it names a field twice."
        ) from error


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field is named twice")
    return fields
