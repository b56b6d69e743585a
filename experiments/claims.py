"""Claims: whether what a paper says of its table holds in the figures measured."""

from collections.abc import Collection, Iterator, Mapping, Sequence
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
        mean: over seeds; NaN where a figure was not measured.
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
        if np.isnan(self.mean):
            return f"{self.name}: not measured"
        if np.isnan(self.low):
            return f"{self.name}: {self.mean:+.1f} (one seed)"
        return f"{self.name}: {self.mean:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"


def judge(
    claim: Mapping[str, Any], figures: Figures, higher: Collection[str] = ()
) -> dict[str, str]:
    """Judge one claim.

    Args:
        claim: `text`, and any of
            `orders`, each `better`, `worse` rows, `columns`: the better row's figure is smaller,
            or larger in the columns of `higher`;
            `gain`, `better` and `worse` rows, and the columns `along` which their difference grows;
            `rise`, `rows`, and the columns `along` which their figures grow;
            `below`, `rows`, `columns` and the `limit` that their figures stay below;
            `gains`, each `more` and `less` with a `better` and a `worse` row, `columns`: the one
            pair's difference is larger than the other's.
        figures: what was measured.
        higher: columns whose figures are better when larger.

    Returns:
        text, verdict and detail, as `table.json` holds them.
    """
    differences = _differences(claim, figures, higher)
    comparisons = [_compare(name, difference) for name, difference in differences]
    verdicts = {comparison.verdict for comparison in comparisons}
    verdict: Verdict = "undecided"
    if "reversed" in verdicts:
        verdict = "reversed"
    elif verdicts == {"holds"}:
        verdict = "holds"
    detail = "; ".join(map(str, comparisons))
    return {"text": claim["text"], "verdict": verdict, "detail": detail}


def _differences(
    claim: Mapping[str, Any], figures: Figures, higher: Collection[str]
) -> Iterator[tuple[str, np.ndarray]]:
    def figure(row: str, column: str) -> np.ndarray:
        """The seeds' figures; one NaN where there are none, which makes NaN of what it meets."""
        seen = figures[row][column]
        return np.array(seen if len(seen) else [np.nan])

    def gain(better: str, worse: str, column: str) -> np.ndarray:
        sign = -1 if column in higher else 1
        return sign * (figure(worse, column) - figure(better, column))

    def minus(better: str, worse: str, column: str) -> str:
        return f"{better} - {worse}" if column in higher else f"{worse} - {better}"

    for order in claim.get("orders", ()):
        for worse in order["worse"]:
            for column in order["columns"]:
                name = minus(order["better"], worse, column)
                yield f"{name}, {column}", gain(order["better"], worse, column)
    if trend := claim.get("gain"):
        better, worse, along = trend["better"], trend["worse"], trend["along"]
        for first, second in pairwise(along):
            growth = gain(better, worse, second) - gain(better, worse, first)
            yield f"{minus(better, worse, first)}, {second} against {first}", growth
    if rise := claim.get("rise"):
        for row in rise["rows"]:
            for first, second in pairwise(rise["along"]):
                growth = figure(row, second) - figure(row, first)
                yield f"{row}, {second} against {first}", growth
    if below := claim.get("below"):
        for row in below["rows"]:
            for column in below["columns"]:
                yield f"{below['limit']} - {row}, {column}", below["limit"] - figure(row, column)
    for pair in claim.get("gains", ()):
        more, less = pair["more"], pair["less"]
        for column in pair["columns"]:
            name = f"({minus(**more, column=column)}) - ({minus(**less, column=column)})"
            yield f"{name}, {column}", gain(**more, column=column) - gain(**less, column=column)


def _compare(name: str, difference: np.ndarray) -> Comparison:
    mean = float(difference.mean())
    if len(difference) < 2:
        return Comparison(name, mean, np.nan, np.nan, "undecided")
    margin = float(stats.sem(difference) * stats.t.ppf(0.975, len(difference) - 1))
    low, high = mean - margin, mean + margin
    verdict: Verdict = "holds" if low > 0 else "reversed" if high < 0 else "undecided"
    return Comparison(name, mean, low, high, verdict)
