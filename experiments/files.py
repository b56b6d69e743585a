"""Files that are either whole or not there."""

import json
import os
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader, or a run after a crash, never sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)


def write_json(path: Path, contents: Any) -> None:  # noqa: ANN401
    """Write JSON likewise, with every digit of its numbers."""
    write_text(path, json.dumps(contents, indent=1) + "\n")
