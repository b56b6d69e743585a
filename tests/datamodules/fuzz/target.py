"""What a format is to the fuzzing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datamodules.sequences import PoseSequences
from tests.datamodules.fuzz import plain

Files = dict[str, bytes]


@dataclass(frozen=True)
class Target:
    """A format.

    Attributes:
        valid: path in the folder -> bytes of files that are right.
        change: the same with one file changed.
        read: reads a folder of them.
        plain: what the folder holds by a plain reading, and the splits.
        difference: of what is read from what is plainly there, or nothing.
    """

    valid: Callable[[], Files]
    change: Callable[[np.random.Generator], Files]
    read: Callable[[Path], PoseSequences]
    plain: Callable[[Path], tuple[list, dict]]
    difference: Callable[[PoseSequences, list | None, dict | None], str] = plain.difference
