"""What of a table the data at hand can serve, found out before anything is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from datamodules import CrossDatasetProtocol, DataError, PoseSequences
from experiments.config.composer import compose
from experiments.config.setting import CROSS_DATASET, TRAINING, Setting
from experiments.config.tables import Table, Training
from experiments.runs.environment import trained_anew
from experiments.runs.identity import data_key
from experiments.runs.run import Run
from metrics.registry import check_figure
from poseproof.errors import UserError


@dataclass(frozen=True)
class Plan:
    """The runs that a table asks for, on given data.

    Attributes:
        table: the table.
        setting: data and preset.
        fingerprints: row -> key of its data; of the rows that the data serve.
        trainings: row -> what it is trained under, as far as the data allow.
        skipped: row that is not run -> why.
    """

    table: Table
    setting: Setting
    fingerprints: Mapping[str, str]
    trainings: Mapping[str, Sequence[Training]]
    skipped: Mapping[str, str]

    def runs(self, seeds: Sequence[int], results: Path) -> list[Run]:
        """One run of every row and training for every seed.

        Args:
            seeds: of weights, order and dropout.
            results: the folder that `runs` lies in.
        """
        folder = results / "runs"
        return [
            Run(self.table, row, training, seed, self.setting, fingerprint, folder)
            for seed in seeds
            for row, fingerprint in self.fingerprints.items()
            for training in self.trainings[row]
        ]


@dataclass(frozen=True)
class Planned:
    """A plan with its runs and data.

    Attributes:
        plan: of the table.
        seeds: of the runs.
        runs: all of them, done or not.
        data: that most of its rows run on.
        other: what they are tested on beside, if they are.
    """

    plan: Plan
    seeds: Sequence[int]
    runs: Sequence[Run]
    data: PoseSequences
    other: PoseSequences | None

    @property
    def trained_anew(self) -> list[str]:
        """Which of its runs are there from another environment, a sentence each."""
        works = {run.fit.work for run in self.runs}
        return trained_anew(works, self.runs[0].folder.parent)

    def seeds_done(self, row: str) -> set[int]:
        """The seeds with which a row is trained and measured."""
        own = [run for run in self.runs if run.row == row]
        return set(self.seeds) - {run.seed for run in own if run.missing}


def plan(table: Table, setting: Setting) -> tuple[Plan, PoseSequences, PoseSequences | None]:
    """Find out what of a table the data serve.

    Returns:
        The plan, the data that most of its rows run on, and what they are tested on beside.

    Raises:
        UserError: a metric that nothing measures, or no folder of images where one is needed.
        DataError: wrong data, or none that serve a row.
    """
    check_images(table, setting)
    check_metrics(table, setting)
    data, skipped = load_rows(table, setting)
    if not data:
        raise DataError(
            f"No row of {table.name} can be run: {'; '.join(dict.fromkeys(skipped.values()))}."
        )
    other = load_other(table, setting)
    if other:
        setting = replace(setting, other_fingerprint=data_key(other))
    fingerprints = {sequences: data_key(sequences) for sequences in set(data.values())}
    made = Plan(
        table,
        setting,
        {row: fingerprints[sequences] for row, sequences in data.items()},
        {row: possible_trainings(table, row, setting) for row in data},
        skipped,
    )
    plain = [row for row in data if not table.rows[row].source]
    return made, data[(plain or [*data])[0]], other


def planned(table: Table, setting: Setting, seeds: Sequence[int], results: Path) -> Planned:
    """A table's plan, its runs and data.

    Args:
        table: the table.
        setting: data and preset.
        seeds: one run of every row each.
        results: the folder that `runs` lies in.

    Raises:
        DataError: see `plan`.
        UserError: wrong options of a measurement.
    """
    made, data, other = plan(table, setting)
    runs = made.runs(seeds, results)
    for run in runs:
        for test in run.tests.values():
            if test.protocol != TRAINING:
                run.test_composition(test).datamodule()
    return Planned(made, seeds, runs, data, other)


def check_images(table: Table, setting: Setting) -> None:
    """Check that the user has named the folder of images that a table is made from.

    Raises:
        UserError: the folder is missing.
    """
    from_images = any(row.sources for row in table.rows.values())
    if from_images and setting.data == "h36m" and not setting.images:
        raise UserError(
            f"{table.name} is made from images: name the folder of Human3.6M's with --images "
            "(IMAGES=dir)."
        )


def check_metrics(table: Table, setting: Setting) -> None:
    """Check that every metric of a table's columns and curves is one that a test measures.

    Raises:
        UserError: it is not; the message suggests the nearest name.
    """
    places = {f"column {name!r}": column for name, column in table.columns.items()}
    places |= {f"curve {name!r}": c.measured for name, c in table.curves.items() if c.measured}
    for place, measurement in places.items():
        metric, training = measurement.metric, measurement.protocol == TRAINING
        if training and metric != "loss":
            raise UserError(
                f"{table.name}, {place}: a training has no figure {metric!r}; did you mean loss?"
            )
        if measurement.mean or training:
            continue
        try:
            check_figure(metric)
        except UserError:
            try:
                check_figure(metric, own_figures(table, setting))
            except UserError as error:
                raise UserError(f"{table.name}, {place}: {error}") from error


def own_figures(table: Table, setting: Setting) -> set[str]:
    """The names of the figures that the methods of a table's rows measure besides metrics."""
    names: set[str] = set()
    for row in table.rows:
        options = {f"model.init_args.{k}": v for k, v in table.rows[row].options.items()}
        args = setting.args(table.rows[row], table.trainings(row)[0].protocol, options)
        names |= set(compose(args).model().configure_metrics())
    return names


def load_rows(table: Table, setting: Setting) -> tuple[dict[str, PoseSequences], dict[str, str]]:
    """The data of every row, and for the rows that these data cannot serve, why.

    Raises:
        DataError: wrong data.
    """
    data, skipped = {}, {}
    for name, row in table.rows.items():
        if row.data not in (None, setting.data):
            needed = ", ".join([str(row.data), *(f"{k}={v}" for k, v in row.source.items())])
            skipped[name] = f"needs {needed}"
            continue
        try:
            data[name] = compose(setting.args(row, "subject", {})).datamodule().source.load()
        except DataError as error:
            if not row.source:
                raise
            skipped[name] = str(error).rstrip(".")
    return data, skipped


def possible_trainings(table: Table, row: str, setting: Setting) -> list[Training]:
    """What a row is trained under, as far as the data allow: they may lack an action.

    Raises:
        DataError: they allow none.
    """
    possible, refusals = [], []
    row_options = {f"model.init_args.{k}": value for k, value in table.rows[row].options.items()}
    for training in table.trainings(row):
        options = {f"data.init_args.{name}": value for name, value in training.set.items()}
        args = setting.args(table.rows[row], training.protocol, row_options | options)
        if refusal := _refusal(tuple(args)):
            refusals.append(refusal)
        else:
            possible.append(training)
    if not possible:
        raise DataError(refusals[0])
    return possible


def load_other(table: Table, setting: Setting) -> PoseSequences | None:
    """The data that a table tests on beside those that it trains on, if it does.

    Raises:
        DataError: wrong data.
    """
    if CROSS_DATASET not in {each.protocol for each in table.measurements}:
        return None
    args = setting.args(next(iter(table.rows.values())), CROSS_DATASET, {})
    joined = compose(args).datamodule()
    assert isinstance(joined, CrossDatasetProtocol)
    return joined.test_source.load()


# rows of several tables ask the same
@cache
def _refusal(args: tuple[str, ...]) -> str:
    """Why the data cannot train what a command line names; nothing where they can."""
    composition = compose(args)
    try:
        composition.datamodule().load("fit", composition.model().needs)
    except DataError as refusal:
        return str(refusal)
    return ""
