"""A table: its rows, columns, published figures and claims, read from YAML."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from experiments.config.claims import Claim
from experiments.config.schema import (
    ColumnName,
    Context,
    RowName,
    Schema,
    choice,
    named,
    parse,
    read_yaml,
)
from poseproof.errors import UserError

FOLDER = Path(__file__).parents[1] / "tables"
CONFIGS = Path(__file__).parents[1] / "configs"
# presets that users choose and tables may give other configs; smoke is a cut of quick
PRESETS = ("quick", "paper")
# a figure of the training itself, which no test measures
TRAINING = "training"
# fields of a row that a table may give once for all of its rows
_OF_ALL_ROWS = ("method", "presets", "sources", "train")


def _config(axis: str, name: str, info: ValidationInfo) -> str:
    """The name of one of the suite's configs, or the path of a user's, as `Training` says."""
    if not info.context or (axis, name) == ("protocols", TRAINING):
        return name
    if name.endswith(".yaml"):
        path = (info.context.path.parent / name).resolve()
        if not path.exists():
            raise ValueError(
                f"{path} does not exist: give the path from the table's folder to a YAML file."
            )
        return str(path.with_suffix(""))
    known = sorted(path.stem for path in (CONFIGS / axis).glob("*.yaml"))
    if name not in known:
        raise ValueError(
            f"there is no config {name!r} in {axis}; {choice(name, known)} "
            "A config of your own is named by its path, with .yaml."
        )
    return name


def _preset(name: str) -> str:
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; {choice(name, PRESETS)}")
    return name


MethodConfig = Annotated[str, AfterValidator(partial(_config, "methods"))]
ProtocolConfig = Annotated[str, AfterValidator(partial(_config, "protocols"))]
PresetConfig = Annotated[str, AfterValidator(partial(_config, "presets"))]
SourceConfig = Annotated[str, AfterValidator(partial(_config, "sources"))]
PresetName = Annotated[str, AfterValidator(_preset)]
Names = Annotated[tuple[str, ...], Field(strict=False)]


class Training(Schema):
    """The protocol that a method is trained under, and its options.

    A field that names a config, here and below, holds the name of one of the suite's, or the
    absolute path of a user's own without its `.yaml`. A table gives that path relative to its own
    folder, and with `.yaml`.

    Attributes:
        protocol: config in `configs/protocols`.
        set: options of the protocol.
    """

    protocol: ProtocolConfig = "subject"
    set: Mapping[str, Any] = {}


class Row(Schema):
    """One row of a table: a method, and how it differs from its config.

    In a YAML every further name is an option of the model.

    Attributes:
        method: config in `configs/methods`.
        presets: preset that the user names -> config in `configs/presets`; a preset that is not
            among them is its own config.
        sources: data that the user names -> config in `configs/sources`, likewise.
        epochs: factor on the epochs of method and preset.
        data: the only source that has the row's data; None where any has.
        source: options of the source, such as the detector of its keypoints.
        train: training of the method for columns that name none.
        seeded: options of the model that take the run's seed.
        options: options of the model.
    """

    method: MethodConfig
    presets: Mapping[PresetName, PresetConfig] = {}
    sources: Mapping[SourceConfig, SourceConfig] = {}
    epochs: Annotated[float, Field(gt=0)] = 1.0
    data: SourceConfig | None = None
    source: Mapping[str, str] = {}
    train: Training = Training()
    seeded: Names = ()
    options: Mapping[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, data: Any) -> Any:  # noqa: ANN401
        if not isinstance(data, dict):
            return data
        own = {k: v for k, v in data.items() if k in cls.model_fields or not isinstance(k, str)}
        others = {key: value for key, value in data.items() if key not in own}
        return own | {"options": named(own.get("options", {})) | others} if others else own


class Measurement(Schema):
    """One figure of a trained method: a protocol, its options, and the metric read from it.

    Attributes:
        protocol: config in `configs/protocols`, or "training" for the figures of the training.
        metric: name of the figure in the test's log, without `test/`; of a curve the part of the
            names that its points share.
        set: options of the protocol.
        train: training of the method; that of the row where None.
        mean: names of earlier columns whose mean this one is, seed by seed, instead of a
            measurement of its own; columns that the data do not have are left out.
        title: title for people.
        ruler: which frames are measured, and which mean is taken.
        unit: unit of the figures; that of the table where empty.
        higher: whether larger figures are better.
        control: whether the column is there only to be compared with others; no row of it is best.
    """

    protocol: ProtocolConfig = ""
    metric: str = ""
    set: Mapping[str, Any] = {}
    train: Training | None = None
    mean: Annotated[tuple[ColumnName, ...], Field(strict=False)] = ()
    title: str = ""
    ruler: str = ""
    unit: str = ""
    higher: bool = False
    control: bool = False

    @model_validator(mode="after")
    def _check_one_origin(self) -> "Measurement":
        if bool(self.mean) == bool(self.protocol):
            raise ValueError("it needs either a protocol and a metric, or the mean of columns.")
        if self.protocol and not self.metric:
            raise ValueError("its metric is missing, such as mpjpe.")
        return self


class Curve(Schema):
    """A figure beside the table: a line, or bars, for each of some rows, or lines across rows.

    Attributes:
        title: title for people.
        axis: title of the horizontal axis.
        rows: names of the rows that are drawn.
        columns: point -> column of the table, where the points are columns.
        measured: measurement whose metrics are the points, where they are those of one test.
        lines: line -> point -> row, where the points are rows.
        column: name of the column whose figures such lines show.
        running: whether the mean over all points up to each is drawn too.
        bars: whether bars are drawn, for points that have no order.
        unit: unit of the figures; that of the table where empty.
    """

    title: str
    axis: str
    rows: Annotated[tuple[RowName, ...], Field(strict=False)] = ()
    columns: Mapping[str, ColumnName] = {}
    measured: Measurement | None = None
    lines: Mapping[str, Mapping[str, RowName]] = {}
    column: ColumnName = ""
    running: bool = False
    bars: bool = False
    unit: str = ""

    @model_validator(mode="after")
    def _check_one_origin(self) -> "Curve":
        if [bool(self.columns), bool(self.measured), bool(self.lines)].count(True) != 1:
            raise ValueError("it needs its points: one of columns, measured and lines.")
        if self.lines and not self.column:
            raise ValueError("its column is missing, whose figures the lines show.")
        return self


class Table(Schema):
    """One table of a paper.

    Attributes:
        name: name of its file, as in `make reproduce TABLE=name`.
        title: title for people.
        rows: rows that are run, by name.
        columns: columns, by name.
        claims: claims of the paper, and those of the suite's own checks.
        paper: where the published figures are printed; empty where none are.
        unit: unit of the figures of columns that have no other.
        ruler: how the figures are measured.
        published: row -> column -> figure that the paper has; also of rows that are not run here.
            In a YAML a list of as many figures as there are columns will do.
        curves: figures beside the table, by name.
        notes: remarks for readers of the results.
    """

    name: str
    title: str
    rows: dict[str, Row]
    columns: dict[str, Measurement]
    claims: Annotated[tuple[Claim, ...], Field(strict=False)] = ()
    paper: str = ""
    unit: str = "mm"
    ruler: str = (
        "In the camera frame, relative to the root, over the test frames of the column's protocol; "
        "weights of the last epoch."
    )
    published: Mapping[str, Mapping[ColumnName, float]] = {}
    curves: Mapping[str, Curve] = {}
    notes: str = ""

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, data: Any) -> Any:  # noqa: ANN401
        """Give every row what the table says once of all of them; name published figures."""
        own = {key: value for key, value in data.items() if key not in _OF_ALL_ROWS}
        common = {key: data[key] for key in _OF_ALL_ROWS if key in data}
        if isinstance(rows := data.get("rows"), dict):
            own["rows"] = {
                name: common | row if isinstance(row, dict) else row for name, row in rows.items()
            }
        columns, published = data.get("columns"), data.get("published")
        if isinstance(columns, dict) and isinstance(published, dict):
            own["published"] = {
                row: dict(zip(columns, figures, strict=True))
                if isinstance(figures, list) and len(figures) == len(columns)
                else figures
                for row, figures in published.items()
            }
        return own

    @model_validator(mode="after")
    def _check_means(self) -> "Table":
        before: set[str] = set()
        for name, column in self.columns.items():
            if later := [each for each in column.mean if each not in before]:
                raise ValueError(
                    f"column {name!r} is a mean of {later[0]!r}: put {later[0]!r} before it."
                )
            before.add(name)
        return self

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
        """The training of a row for a measurement."""
        return measurement.train or self.rows[row].train


def table_names() -> list[str]:
    """The names of all tables of the suite."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_table(name: str) -> Table:
    """Read a table.

    Args:
        name: name of one of the suite's tables, or the path of a user's own YAML.

    Raises:
        UserError: there is no such table, or its YAML is not as the classes above say.
    """
    if not name.endswith(".yaml"):
        if name not in table_names():
            raise UserError(
                f"There is no table {name!r}; {choice(name, table_names())} "
                "A table of your own is named by its path, with .yaml."
            )
        return _read(FOLDER / f"{name}.yaml")
    path = Path(name)
    if path.stem in table_names():
        raise UserError(f"The suite already has a table {path.stem}: give yours another name.")
    return _read(path)


def _read(path: Path) -> Table:
    data = read_yaml(path)
    rows, columns = (_names(data.get(key)) for key in ("rows", "columns"))
    return parse(Table, data | {"name": path.stem}, Context(path, rows, columns))


def _names(data: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(filter(lambda key: isinstance(key, str), data)) if isinstance(data, dict) else ()
