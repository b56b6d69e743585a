"""What a report shows of single predictions: errors of joints and of actions, and sample frames."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.skeletons import Skeleton
from experiments.config.tables import Measurement, Table
from experiments.report.viewer import Scene
from experiments.runs.details import Details
from experiments.runs.run import Run


@dataclass(frozen=True)
class Predictions:
    """Of one row under one test.

    Attributes:
        joints: joint -> mean distance in mm, over frames and seeds.
        actions: action -> MPJPE in mm, over its frames and over seeds.
        samples: frames of the first seed: best, median and worst, and the rarest where one of the
            row's tests knows them.
    """

    joints: dict[str, float]
    actions: dict[str, float]
    samples: list[Scene]

    @property
    def said(self) -> str:
        """The errors of the first sample of each kind, in words."""
        first: dict[str, float | None] = {}
        for scene in self.samples:
            first.setdefault(scene.title.split(":")[0].lower(), scene.error)
        return ", ".join(f"{kind} {error:.1f}" for kind, error in first.items()) + " mm"


@dataclass(frozen=True)
class Bar:
    """A figure drawn as a bar.

    Attributes:
        value: mm.
        share: its length, percent of the largest's.
        best: whether it is the smallest of its line.
    """

    value: float
    share: int
    best: bool


def bars(figures: Mapping[str, Mapping[str, float]]) -> dict[str, list[Bar]]:
    """Lines of bars, one a row of the table, all on one scale.

    Args:
        figures: row -> line -> mm; all rows have the same lines.
    """
    rows = list(figures.values())
    largest = max(value for row in rows for value in row.values())
    lines = {line: [row[line] for row in rows] for line in rows[0]}
    return {
        line: [Bar(value, round(100 * value / largest), value == min(values)) for value in values]
        for line, values in lines.items()
    }


def predictions(runs: Sequence[Run], skeleton: Skeleton) -> tuple[str, dict[str, Predictions]]:
    """Gather what the runs' tests have left.

    Args:
        runs: of one table, done or not.
        skeleton: of the data.

    Returns:
        The first of the table's tests that predicts poses, in words, and row -> predictions under
        it. Empty where none does.
    """
    done = [run for run in runs if not run.missing]
    for measurement in done[0].table.measurements if done else ():
        table = done[0].table
        rows = {row: _details(done, row, measurement) for row in table.rows}
        if any(rows.values()):
            found = {row: _of(held, skeleton) for row, held in rows.items() if held}
            for row, each in found.items():
                each.samples.extend(_rarest(table, done, row, skeleton))
            return _said(measurement), found
    return "", {}


def _details(runs: Sequence[Run], row: str, measurement: Measurement) -> list[Details]:
    """One a seed."""
    serving = (run for run in runs if run.row == row and run.serves(measurement))
    return [held for run in serving if (held := run.details(run.test(measurement)))]


def _of(details: Sequence[Details], skeleton: Skeleton) -> Predictions:
    joints = np.mean([held.joints for held in details], axis=0)
    names = [name.replace("_", " ") for name in skeleton.joints]
    by_action = [_by_action(held) for held in details]
    return Predictions(
        joints=dict(zip(names, joints.tolist(), strict=True)),
        actions={name: float(np.mean([of[name] for of in by_action])) for name in by_action[0]},
        samples=list(_scenes(details[0], skeleton, ("best", "median", "worst"))),
    )


def _by_action(details: Details) -> dict[str, float]:
    totals = details.totals[details.metrics.tolist().index("mpjpe")]
    names, of = np.unique(details.actions, return_inverse=True)
    means = np.bincount(of, totals) / np.bincount(of, details.counts)
    return dict(zip(names.tolist(), means.tolist(), strict=True))


def _rarest(table: Table, runs: Sequence[Run], row: str, skeleton: Skeleton) -> list[Scene]:
    for measurement in table.measurements:
        for held in _details(runs, row, measurement)[:1]:
            if "rarest" in held.kinds:
                return list(_scenes(held, skeleton, ("rarest",)))
    return []


def _scenes(details: Details, skeleton: Skeleton, kinds: Sequence[str]) -> Iterator[Scene]:
    for number in np.flatnonzero(np.isin(details.kinds, kinds)).tolist():
        yield Scene(
            title=f"{details.kinds[number].capitalize()}: {details.titles[number]}",
            skeleton=skeleton,
            keypoints=details.keypoints[number],
            predicted=details.predicted[number],
            truth=details.truth[number],
            error=float(details.errors[number]),
            image=_picture(details.images, number),
            skeleton_image=_picture(details.skeleton_images, number),
        )


def _picture(pictures: NDArray[np.uint8], number: int) -> NDArray[np.uint8] | None:
    return pictures[number] if len(pictures) else None


def _said(test: Measurement) -> str:
    options = (f", {name.replace('_', ' ')} {value}" for name, value in test.set.items())
    return f"{test.protocol.replace('_', ' ')} protocol{''.join(options)}"
