"""Files that are either whole or not there."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import gethostname
from typing import Any


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """A draft to write, which takes the file's place when all of it is there.

    A reader, or a run after a crash, never sees a part of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # other machines, too, may write it
    draft = path.with_name(f".{gethostname()}-{os.getpid()}.{path.name}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file that is whole or not there."""
    with write_whole(path) as draft:
        draft.write_text(text)


def write_json(path: Path, contents: Any) -> None:  # noqa: ANN401
    """Write JSON likewise, with every digit of its numbers."""
    write_text(path, json.dumps(contents, indent=1) + "\n")
