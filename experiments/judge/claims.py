"""Claims: whether what a paper says of its table holds in the figures measured."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
from scipy import stats

from experiments.judge.evidence import Evidence, constant, total

Verdict = Literal["holds", "reversed", "undecided"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
# row -> column -> what was measured
Figures = Mapping[str, Mapping[str, Evidence]]

TEST = (
    "Each comparison takes differences paired by seed and by take (one recording, all its cameras) "
    "and their 95 % t-interval, whose variance is that over seeds plus that over takes, with "
    "Satterthwaite's degrees of freedom; where a figure is no mean over single poses it is that "
    "over seeds alone. It holds when the interval lies above zero, is reversed when it lies below, "
    "and is undecided otherwise. With one seed the takes alone decide: the interval speaks of "
    "other motion, and not of other seeds. A claim holds when all of its comparisons do, and is "
    "reversed when one of them is; its confidence is that of the weakest, or of the reversed one. "
    "Intervals are not corrected for the number of comparisons."
)


@dataclass(frozen=True)
class Comparison:
    """A difference that the paper says is positive.

    Attributes:
        name: what is compared.
        mean: over seeds; NaN where a figure was not measured.
        low: end of the 95 % interval; NaN where there is neither a second seed nor a second take.
        high: its other end.
        confidence: that the difference is on the side of zero where its mean is, in percent: 1 - p
            of the two-sided test.
        seeds: that it was taken over.
        takes: likewise; 0 where they are not known.
        verdict: of this comparison alone.
    """

    name: str
    mean: float
    low: float
    high: float
    confidence: float
    seeds: int
    takes: int
    verdict: Verdict

    def __str__(self) -> str:
        if np.isnan(self.mean):
            return f"{self.name}: not measured"
        alone = "one seed" if self.seeds == 1 else ""
        if np.isnan(self.low):
            return f"{self.name}: {self.mean:+.1f} ({alone})"
        takes = f", {self.takes} takes" if alone else ""
        said = f"{self.name}: {self.mean:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"
        return f"{said} ({alone}{takes})" if alone else said


def judge(
    claim: Mapping[str, Any], figures: Figures, higher: Collection[str] = ()
) -> dict[str, Any]:
    """Judge one claim.

    Args:
        claim: `text`, and any of
            `orders`, each `better`, `worse` rows, `columns`: the better row's figure is smaller,
            or larger in the columns of `higher`;
            `gain`, `better` and `worse` rows, and the columns `along` which their difference grows;
            `rise`, `rows`, and the columns `along` which their figures grow;
            `trend`, `rows` that get better in this order in `columns`, by the slope of a straight
            line through their figures;
            `below`, `rows`, `columns` and the `limit` that their figures stay below;
            `gains`, each `more` and `less` with a `better` and a `worse` row, `columns`: the one
            pair's difference is larger than the other's.
        figures: what was measured.
        higher: columns whose figures are better when larger.

    Returns:
        text, verdict, confidence (percent, None where undecided), detail and comparisons, as
        `table.json` holds them.
    """
    differences = _differences(claim, figures, higher)
    comparisons = [_compare(name, difference) for name, difference in differences]
    verdicts = {comparison.verdict for comparison in comparisons}
    verdict: Verdict = "undecided"
    confidence = None
    if "reversed" in verdicts:
        verdict = "reversed"
        confidence = max(each.confidence for each in comparisons if each.verdict == verdict)
    elif verdicts == {"holds"}:
        verdict = "holds"
        confidence = min(each.confidence for each in comparisons)
    return {
        "text": claim["text"],
        "verdict": verdict,
        "confidence": confidence,
        "detail": "; ".join(map(str, comparisons)),
        "comparisons": [_plain(each) for each in comparisons],
    }


def _differences(
    claim: Mapping[str, Any], figures: Figures, higher: Collection[str]
) -> Iterator[tuple[str, Evidence]]:
    def figure(row: str, column: str) -> Evidence:
        return figures[row][column]

    def gain(better: str, worse: str, column: str) -> Evidence:
        sign = -1.0 if column in higher else 1.0
        return (figure(worse, column) - figure(better, column)) * sign

    def minus(better: str, worse: str, column: str) -> str:
        return f"{better} - {worse}" if column in higher else f"{worse} - {better}"

    for order in claim.get("orders", ()):
        for worse in order["worse"]:
            for column in order["columns"]:
                name = minus(order["better"], worse, column)
                yield f"{name}, {column}", gain(order["better"], worse, column)
    if growing := claim.get("gain"):
        better, worse, along = growing["better"], growing["worse"], growing["along"]
        for first, second in pairwise(along):
            growth = gain(better, worse, second) - gain(better, worse, first)
            yield f"{minus(better, worse, first)}, {second} against {first}", growth
    if rise := claim.get("rise"):
        for row in rise["rows"]:
            for first, second in pairwise(rise["along"]):
                growth = figure(row, second) - figure(row, first)
                yield f"{row}, {second} against {first}", growth
    if trend := claim.get("trend"):
        rows = trend["rows"]
        places = np.arange(len(rows)) - (len(rows) - 1) / 2
        slopes = dict(zip(rows, places / (places**2).sum(), strict=True))
        for column in trend["columns"]:
            sign = 1.0 if column in higher else -1.0
            slope = total([figure(row, column) * (sign * slopes[row]) for row in rows])
            yield f"gain a row from {rows[0]} to {rows[-1]}, {column}", slope
    if below := claim.get("below"):
        for row in below["rows"]:
            for column in below["columns"]:
                limit = constant(below["limit"])
                yield f"{below['limit']} - {row}, {column}", limit - figure(row, column)
    for pair in claim.get("gains", ()):
        more, less = pair["more"], pair["less"]
        for column in pair["columns"]:
            name = f"({minus(**more, column=column)}) - ({minus(**less, column=column)})"
            yield f"{name}, {column}", gain(**more, column=column) - gain(**less, column=column)


def _compare(name: str, difference: Evidence) -> Comparison:
    seeds, takes = difference.seeds, difference.takes or {}
    mean = float(seeds.mean()) if len(seeds) else np.nan
    # of the mean over seeds, and of the mean over takes: variance and degrees of freedom
    variances = []
    if len(seeds) > 1:
        variances.append((float(seeds.var(ddof=1)) / len(seeds), len(seeds) - 1))
    if len(takes) > 1:
        moves = np.array([float(np.mean(move)) for move in takes.values()])
        of_takes = len(moves) / (len(moves) - 1) * float((moves**2).sum())
        variances.append((of_takes, len(moves) - 1))
    low = high = confidence = np.nan
    if variances:
        variance = sum(each for each, _ in variances)
        spread = sum(each**2 / degrees for each, degrees in variances)
        degrees = variance**2 / spread if spread else np.inf
        margin = float(np.sqrt(variance) * stats.t.ppf(0.975, degrees))
        low, high = mean - margin, mean + margin
        reach = np.inf if mean and not variance else np.abs(mean) / np.sqrt(variance or 1)
        confidence = 100 * float(1 - 2 * stats.t.sf(reach, degrees))
    verdict: Verdict = "holds" if low > 0 else "reversed" if high < 0 else "undecided"
    return Comparison(name, mean, low, high, confidence, len(seeds), len(takes), verdict)


def _plain(comparison: Comparison) -> dict[str, Any]:
    """As JSON, which has no NaN, with what is `said` of it."""
    return {"said": str(comparison)} | {
        name: None if isinstance(value, float) and np.isnan(value) else value
        for name, value in asdict(comparison).items()
    }
