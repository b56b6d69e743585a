"""What a report shows of single predictions: errors of joints and of actions, and sample frames."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.skeletons import Skeleton
from experiments.config.tables import Measurement, Table
from experiments.report.viewer import Scene
from experiments.runs.frames import Frames, Samples
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
    def in_words(self) -> str:
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
        runs: runs of one table, done or not.
        skeleton: joint layout of the data.

    Returns:
        The first of the table's tests that predicts poses, in words, and row -> predictions under
        it. Empty where none does.
    """
    done = [run for run in runs if not run.missing]
    for measurement in done[0].table.measurements if done else ():
        table = done[0].table
        rows = {row: _frames(done, row, measurement) for row in table.rows}
        if any(rows.values()):
            found = {row: _of(each, skeleton) for row, each in rows.items() if each}
            for row, each in found.items():
                each.samples.extend(_rarest(table, done, row, skeleton))
            return _in_words(measurement), found
    return "", {}


def _frames(runs: Sequence[Run], row: str, measurement: Measurement) -> list[Frames]:
    """One a seed."""
    serving = (run for run in runs if run.row == row and run.serves(measurement))
    each = (run.frames(run.test(measurement)) for run in serving)
    return [frames for frames in each if frames]


def _of(frames: Sequence[Frames], skeleton: Skeleton) -> Predictions:
    joints = np.mean([each.joints for each in frames], axis=0)
    names = [name.replace("_", " ") for name in skeleton.joints]
    by_action = [_by_action(each) for each in frames]
    return Predictions(
        joints=dict(zip(names, joints.tolist(), strict=True)),
        actions={name: float(np.mean([of[name] for of in by_action])) for name in by_action[0]},
        samples=list(_scenes(frames[0].samples, skeleton, ("best", "median", "worst"))),
    )


def _by_action(frames: Frames) -> dict[str, float]:
    names, of = np.unique(frames.actions, return_inverse=True)
    means = np.bincount(of, frames.totals("mpjpe")) / np.bincount(of, frames.counts)
    return dict(zip(names.tolist(), means.tolist(), strict=True))


def _rarest(table: Table, runs: Sequence[Run], row: str, skeleton: Skeleton) -> list[Scene]:
    for measurement in table.measurements:
        for frames in _frames(runs, row, measurement)[:1]:
            if frames.samples and "rarest" in frames.samples.kinds:
                return list(_scenes(frames.samples, skeleton, ("rarest",)))
    return []


def _scenes(samples: Samples | None, skeleton: Skeleton, kinds: Sequence[str]) -> Iterator[Scene]:
    if samples is None:
        return
    for number in np.flatnonzero(np.isin(samples.kinds, kinds)).tolist():
        yield Scene(
            title=f"{samples.kinds[number].capitalize()}: {samples.titles[number]}",
            skeleton=skeleton,
            keypoints=samples.keypoints[number],
            predicted=samples.predicted[number],
            truth=samples.truth[number],
            error=float(samples.errors[number]),
            image=_picture(samples.images, number),
            skeleton_image=_picture(samples.skeleton_images, number),
        )


def _picture(pictures: NDArray[np.uint8], number: int) -> NDArray[np.uint8] | None:
    return pictures[number] if len(pictures) else None


def _in_words(test: Measurement) -> str:
    options = (f", {name.replace('_', ' ')} {value}" for name, value in test.set.items())
    return f"{test.protocol.replace('_', ' ')} protocol{''.join(options)}"
