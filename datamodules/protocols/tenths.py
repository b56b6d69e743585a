"""Tenths of the test frames by some figure, lowest first, for errors that are reported by tenth."""

import numpy as np

from datamodules.protocols.picks import Frames
from datamodules.rarity import rarity_bins

TENTHS = tuple(f"{low:02d}-{low + 10}" for low in range(0, 100, 10))


def tenths(total: int, frames: Frames, values: np.ndarray) -> Frames:
    """Batch column (total,): the tenth of each of `frames` by its value, -1 for other frames."""
    column = np.full(total, -1)
    column[frames] = rarity_bins(values, len(TENTHS))
    return column
