"""Claims: whether what a paper says of its table holds in the figures measured."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from scipy import stats

Verdict = Literal["holds", "reversed", "undecided"]
# row -> column -> the figures of the seeds, in their order
Figures = Mapping[str, Mapping[str, Sequence[float]]]

TEST = (
    "Each comparison takes the paired differences over seeds and their 95 % t-interval: it holds "
    "when the interval lies above zero, is reversed when it lies below, and is undecided otherwise "
    "or with a single seed. A claim holds when all of its comparisons do, and is reversed when one "
    "of them is. Intervals are not corrected for the number of comparisons; they speak of the "
    "seeds, on these test frames."
)


@dataclass(frozen=True)
class Comparison:
    """A difference that the paper says is positive.

    Attributes:
        name: what is compared.
        mean: over seeds.
        low: end of the 95 % interval; NaN with one seed.
        high: its other end.
        verdict: of this comparison alone.
    """

    name: str
    mean: float
    low: float
    high: float
    verdict: Verdict

    def __str__(self) -> str:
        if np.isnan(self.low):
            return f"{self.name}: {self.mean:+.1f} (one seed)"
        return f"{self.name}: {self.mean:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"


def judge(claim: Mapping[str, Any], figures: Figures) -> dict[str, str]:
    """Judge one claim; errors are better when smaller.

    Args:
        claim: `text`, and `orders` (each `better`, `worse` rows, `columns`) or `gain` (`better` and
            `worse` rows, the columns `along` which the difference must grow).
        figures: what was measured.

    Returns:
        text, verdict and detail, as `table.json` holds them.
    """
    comparisons = [_compare(name, difference) for name, difference in _differences(claim, figures)]
    verdicts = {comparison.verdict for comparison in comparisons}
    verdict: Verdict = "undecided"
    if "reversed" in verdicts:
        verdict = "reversed"
    elif verdicts == {"holds"}:
        verdict = "holds"
    detail = "; ".join(map(str, comparisons))
    return {"text": claim["text"], "verdict": verdict, "detail": detail}


def _differences(claim: Mapping[str, Any], figures: Figures) -> Iterator[tuple[str, np.ndarray]]:
    def gain(better: str, worse: str, column: str) -> np.ndarray:
        return np.subtract(figures[worse][column], figures[better][column])

    for order in claim.get("orders", ()):
        for worse in order["worse"]:
            for column in order["columns"]:
                name = f"{worse} - {order['better']}, {column}"
                yield name, gain(order["better"], worse, column)
    if trend := claim.get("gain"):
        better, worse, along = trend["better"], trend["worse"], trend["along"]
        for first, second in pairwise(along):
            growth = gain(better, worse, second) - gain(better, worse, first)
            yield f"{worse} - {better}, {second} against {first}", growth


def _compare(name: str, difference: np.ndarray) -> Comparison:
    mean = float(difference.mean())
    if len(difference) < 2:
        return Comparison(name, mean, np.nan, np.nan, "undecided")
    margin = float(stats.sem(difference) * stats.t.ppf(0.975, len(difference) - 1))
    low, high = mean - margin, mean + margin
    verdict: Verdict = "holds" if low > 0 else "reversed" if high < 0 else "undecided"
    return Comparison(name, mean, low, high, verdict)
