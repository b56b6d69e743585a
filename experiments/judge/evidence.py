"""Evidence: the figures of a cell over seeds, and what each take adds to them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.runs.frames import Frames

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """Figures of a cell, or a sum of several such with weights, seed by seed.

    Attributes:
        seeds: (S,) one figure a seed; empty where nothing was measured.
        takes: take -> (S,) by how much the take moves a seed's figure away from what it would be
            if the take were like all the others: its weight times its own figure's distance from
            the whole. None where figures are not means over single poses.
    """

    seeds: Float64
    takes: Mapping[str, Float64] | None = None

    def __add__(self, other: "Evidence") -> "Evidence":
        """The sum, seed by seed and take by take."""
        takes = None
        if self.takes is not None and other.takes is not None:
            names = dict.fromkeys([*self.takes, *other.takes])
            still = np.zeros(1)
            takes = {n: self.takes.get(n, still) + other.takes.get(n, still) for n in names}
        return Evidence(_or_nan(self.seeds) + _or_nan(other.seeds), takes)

    def __mul__(self, factor: float) -> "Evidence":
        """The same, so many times."""
        takes = self.takes and {name: factor * moved for name, moved in self.takes.items()}
        return Evidence(factor * self.seeds, takes)

    def __sub__(self, other: "Evidence") -> "Evidence":
        """The difference, seed by seed and take by take."""
        return self + other * -1.0


def constant(value: float) -> Evidence:
    """A figure that does not depend on seeds or takes."""
    return Evidence(np.array([value]), {})


def total(each: Sequence[Evidence]) -> Evidence:
    """The sum of one or several figures."""
    return sum(each[1:], each[0])


def over_seeds(figures: Iterable[float], frames: Sequence[Frames | None], metric: str) -> Evidence:
    """The figures of a metric, one a seed, with the frames of their tests.

    Args:
        figures: one a seed.
        frames: those of the test of each.
        metric: its name in `metrics.json`.
    """
    moves = [each and moved_by_takes(each, metric) for each in frames]
    takes = None
    if moves and all(move is not None for move in moves):
        # the same frames are tested with every seed
        takes = {name: np.array([move[name] for move in moves if move]) for name in moves[0] or ()}
    return Evidence(np.array(list(figures), np.float64), takes)


def moved_by_takes(frames: Frames, metric: str) -> dict[str, float] | None:
    """By how much each take moves a metric's figure.

    A mean over takes of weight w_q and figure m_q is F = sum_q w_q m_q, and take q moves it by
    w_q (m_q - F). These add up to 0.

    Returns:
        Take -> its move; None where the metric is not a mean over frames, over actions or over the
        frames of one action.
    """
    name, by_action, action = metric.partition("_by_action/")
    of_actions = not by_action and name not in frames.errors and name.endswith("_action")
    name = name.removesuffix("_action") if of_actions else name
    if name not in frames.errors:
        return None
    counts, totals = frames.counts, frames.totals(name)
    if by_action:
        counts, totals = (np.where(frames.actions == action, of, 0) for of in (counts, totals))
    if of_actions:
        actions, of = np.unique(frames.actions, return_inverse=True)
        weights = 1 / (len(actions) * np.bincount(of, counts)[of])
    else:
        weights = np.full(len(counts), 1 / counts.sum())
    moves = weights * (totals - counts * (weights * totals).sum())
    return dict(zip(frames.take_names.tolist(), moves.tolist(), strict=True))


def _or_nan(figures: Float64) -> Float64:
    """What was not measured makes NaN of all that it meets."""
    return figures if len(figures) else np.array([np.nan])
