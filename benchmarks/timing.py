"""Pairs of timings, taken in turn in one run."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

# seconds: below it a timing is mostly noise
_LEAST = 0.1


@dataclass(frozen=True)
class Ratio:
    """The other implementation's time divided by ours: median, least and most over the pairs."""

    what: str
    against: str
    middle: float
    low: float
    high: float


def seconds(work: Callable[[], object], calls: int = 1) -> float:
    """Wall time of a call, the mean of several."""
    start = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - start) / calls


def compare(
    what: str,
    ours: Callable[[], object],
    against: str,
    other: Callable[[], object],
    pairs: int = 9,
    scale: float = 1.0,
) -> Ratio:
    """Time two implementations in turn, after two calls of each that do not count.

    Short work is called several times a timing, by the second call's time.

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
    calls, other_calls = (max(1, round(_LEAST / seconds(work))) for work in (ours, other))
    ratios = []
    for _ in range(pairs):
        mine = seconds(ours, calls)
        ratios.append(scale * seconds(other, other_calls) / mine)
    return Ratio(what, against, median(ratios), min(ratios), max(ratios))
