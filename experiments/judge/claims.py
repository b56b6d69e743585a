"""Verdicts: whether what a paper claims of its table holds in the figures measured."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from scipy import stats

from experiments.config.claims import Claim
from experiments.judge.evidence import Evidence, constant

Verdict = Literal["holds", "reversed", "undecided"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

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
class Difference:
    """A difference that the paper says is positive.

    Attributes:
        name: figures that are compared, for people.
        mean: mean of the difference over seeds; NaN where a figure was not measured.
        low: lower end of the 95 % interval; NaN where there is neither a second seed nor a second
            take.
        high: upper end of the 95 % interval; NaN likewise.
        confidence: confidence that the true difference has the sign of the mean, in percent: 1 - p
            of the two-sided test.
        seeds: number of seeds that the difference was taken over.
        takes: number of takes that it was taken over; 0 where they are not known.
        verdict: verdict on this comparison alone.
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
        text = f"{self.name}: {self.mean:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"
        return f"{text} ({alone}{takes})" if alone else text


@dataclass(frozen=True)
class MeasuredFigures:
    """The figures that a table's runs have measured, as the kinds of comparisons read them.

    Attributes:
        measured: row -> column -> figure over all seeds.
        higher: names of the columns whose figures are better when larger.
    """

    measured: Mapping[str, Mapping[str, Evidence]]
    higher: Collection[str] = ()

    def figure(self, row: str, column: str) -> Evidence:
        """The figure of a row in a column."""
        return self.measured[row][column]

    def score(self, row: str, column: str) -> Evidence:
        """The same, negated in columns where a smaller figure is better: larger is better."""
        return self.figure(row, column) * (1.0 if column in self.higher else -1.0)

    def gain(self, better: str, worse: str, column: str) -> Evidence:
        """By how much one row is better than another: positive where it is."""
        sign = -1.0 if column in self.higher else 1.0
        return (self.figure(worse, column) - self.figure(better, column)) * sign

    def gain_name(self, better: str, worse: str, column: str) -> str:
        """The gain for people: the larger figure minus the smaller one, if the row is better."""
        return f"{better} - {worse}" if column in self.higher else f"{worse} - {better}"

    def constant(self, value: float) -> Evidence:
        """A number as a figure, the same with every seed."""
        return constant(value)


def judge(claim: Claim, figures: MeasuredFigures) -> dict[str, Any]:
    """Judge one claim.

    Args:
        claim: claim of a table.
        figures: figures that the table's runs have measured.

    Returns:
        text, verdict, confidence (percent, None where undecided), detail and comparisons, as
        `table.json` has them.
    """
    differences = [pair for each in claim.comparisons for pair in each.differences(figures)]
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
        "text": claim.text,
        "verdict": verdict,
        "confidence": confidence,
        "detail": "; ".join(map(str, comparisons)),
        "comparisons": [_plain(each) for each in comparisons],
    }


def _compare(name: str, difference: Evidence) -> Difference:
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
    return Difference(name, mean, low, high, confidence, len(seeds), len(takes), verdict)


def _plain(comparison: Difference) -> dict[str, Any]:
    """As JSON, which has no NaN, with the comparison as a `text`."""
    return {"text": str(comparison)} | {
        name: None if isinstance(value, float) and np.isnan(value) else value
        for name, value in asdict(comparison).items()
    }
