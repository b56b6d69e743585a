"""Pairs of timings, taken in turn in one run."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Ratio:
    """How many times as long the other way takes: median, least and most over the pairs."""

    what: str
    against: str
    middle: float
    low: float
    high: float


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(
    what: str,
    ours: Callable[[], object],
    against: str,
    other: Callable[[], object],
    pairs: int = 9,
    scale: float = 1.0,
) -> Ratio:
    """Time two ways in turn, after a call of each that does not count.

    Args:
        what: name of our way.
        ours: our way.
        against: name of the other way.
        other: the other way.
        pairs: timings of each.
        scale: factor on the other way's time, where it does only a part of the work.
    """
    ours()
    other()
    ratios = []
    for _ in range(pairs):
        mine = seconds(ours)
        ratios.append(scale * seconds(other) / mine)
    return Ratio(what, against, median(ratios), min(ratios), max(ratios))
