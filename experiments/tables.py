"""A table: its rows, columns, published figures and claims, read from YAML."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from datamodules.errors import DataError

FOLDER = Path(__file__).parent / "tables"
CONFIGS = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class Training:
    """The protocol that a method is trained under, and its options."""

    protocol: str = "subject"
    set: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One row of a table: a method, and how it differs from its config.

    Attributes:
        method: name of a config in `configs/methods`.
        presets: preset that the user names -> config in `configs/presets`; itself where silent.
        sources: data that the user names -> config in `configs/sources`, likewise.
        epochs: factor on the epochs of method and preset.
        data: the one source that can give the row its data; any when not given.
        source: options of the source, such as the detector of its keypoints.
        train: what to train it under, where no column says.
        seeded: options of the model that take the run's seed.
        options: of the model.
    """

    method: str
    presets: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    epochs: float = 1.0
    data: str | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    train: Training = Training()
    seeded: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measurement:
    """One figure of a trained method: a protocol, its options, and the metric read from it.

    Attributes:
        protocol: name of a config in `configs/protocols`, or "training" for what training logs.
        metric: as the test logs it, without `test/`; a prefix of several for a curve.
        set: options of the protocol.
        train: what the method is trained under; what its row says when not given.
        mean: columns whose mean this one is, seed by seed, instead of a measurement of its own; of
            those that the data have.
        title: for people.
        ruler: which frames, and which mean.
        unit: of its figures; the table's when not given.
        higher: larger figures are better.
    """

    protocol: str = ""
    metric: str = ""
    set: Mapping[str, Any] = field(default_factory=dict)
    train: Training | None = None
    mean: tuple[str, ...] = ()
    title: str = ""
    ruler: str = ""
    unit: str = ""
    higher: bool = False


@dataclass(frozen=True)
class Curve:
    """A figure beside the table: a line, or bars, for each of some rows, or lines across rows.

    Attributes:
        title: for people.
        axis: title of the horizontal axis.
        rows: those that are drawn.
        columns: point -> column of the table, where the points are its columns.
        measured: the points, where they are the metrics of one test.
        lines: line -> point -> row, where the points are rows.
        column: whose figures such lines show.
        running: also draw the mean over all points up to each.
        bars: draw bars: the points have no order.
        unit: of its figures; the table's when not given.
    """

    title: str
    axis: str
    rows: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    measured: Measurement | None = None
    lines: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    column: str = ""
    running: bool = False
    bars: bool = False
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """One table of a paper.

    Attributes:
        name: file name, as in `make reproduce TABLE=name`.
        title: for people.
        paper: where the published figures stand.
        unit: of figures whose column has no other.
        ruler: how they are measured.
        rows: those that are run.
        columns: column -> what is measured.
        published: row -> column -> the paper's figure, where it has one; also of rows not run here.
        claims: what the paper says of them, as `claims.py` reads it.
        curves: figures beside the table.
        notes: what a reader of the results should know.
    """

    name: str
    title: str
    paper: str
    unit: str
    ruler: str
    rows: dict[str, Row]
    columns: dict[str, Measurement]
    published: dict[str, dict[str, float]]
    claims: list[dict[str, Any]]
    curves: dict[str, Curve] = field(default_factory=dict)
    notes: str = ""

    @property
    def measurements(self) -> list[Measurement]:
        """Everything that is read from a run."""
        columns = (column for column in self.columns.values() if not column.mean)
        curves = (curve.measured for curve in self.curves.values() if curve.measured)
        return [*columns, *curves]

    def trainings(self, row: str) -> list[Training]:
        """Everything that a row is trained under, each once."""
        trainings: list[Training] = []
        for measurement in self.measurements:
            if (training := self.training(row, measurement)) not in trainings:
                trainings.append(training)
        return trainings

    def training(self, row: str, measurement: Measurement) -> Training:
        """What a row is trained under for a measurement."""
        return measurement.train or self.rows[row].train


def table_names() -> list[str]:
    """All tables there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_table(name: str) -> Table:
    """Read a table by name.

    Raises:
        DataError: there is no such table.
    """
    if name not in table_names():
        raise DataError(f"There is no table {name!r}: choose one of {', '.join(table_names())}.")
    held = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    common = {"method": held.pop("method")}
    common |= {axis: held.pop(axis) for axis in ("presets", "sources", "train") if axis in held}
    held["rows"] = {key: _row(common | each) for key, each in held["rows"].items()}
    held["columns"] = {key: _measurement(each) for key, each in held["columns"].items()}
    held["curves"] = {key: _curve(each) for key, each in held.get("curves", {}).items()}
    for row, figures in held["published"].items():
        if isinstance(figures, list):
            held["published"][row] = dict(zip(held["columns"], figures, strict=True))
    return Table(name=name, **held)


def _row(held: dict[str, Any]) -> Row:
    """What is not an attribute of a row is an option of its model."""
    own = Row.__dataclass_fields__
    options = {key: value for key, value in held.items() if key not in own}
    given = {key: value for key, value in held.items() if key in own}
    return Row(**_with_training(given), options=options)


def _measurement(held: dict[str, Any]) -> Measurement:
    return Measurement(**_with_training(held))


def _with_training(held: dict[str, Any]) -> dict[str, Any]:
    return held | {"train": Training(**held["train"])} if "train" in held else held


def _curve(held: dict[str, Any]) -> Curve:
    measured = held.pop("measured", None)
    return Curve(**held, measured=_measurement(measured) if measured else None)
