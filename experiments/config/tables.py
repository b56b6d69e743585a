"""A table: its rows, columns, published figures and claims, read from YAML."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.config.table_checks import check_names, config_named, made, names_in, read_yaml
from poseproof.errors import DataError

FOLDER = Path(__file__).parents[1] / "tables"
CONFIGS = Path(__file__).parents[1] / "configs"
# what a table says once of all its rows
_OF_ALL_ROWS = ("method", "presets", "sources", "train")


@dataclass(frozen=True)
class Training:
    """The protocol that a method is trained under, and its options.

    What names a config, here and below, may also be the absolute path of a user's own, without its
    `.yaml`; in a table it is given relative to the table, with it.
    """

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
        control: it tells what other columns are to be seen beside; no row of it is best.
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
    control: bool = False


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
        rows: those that are run.
        columns: column -> what is measured.
        claims: what the paper says of them, as `claims.py` reads it.
        paper: where the published figures stand; nothing where none are.
        unit: of figures whose column has no other.
        ruler: how they are measured.
        published: row -> column -> the paper's figure, where it has one; also of rows not run here.
        curves: figures beside the table.
        notes: what a reader of the results should know.
    """

    name: str
    title: str
    rows: dict[str, Row]
    columns: dict[str, Measurement]
    claims: list[dict[str, Any]]
    paper: str = ""
    unit: str = "mm"
    ruler: str = (
        "In the camera frame, relative to the root, over the test frames of the column's protocol; "
        "weights of the last epoch."
    )
    published: dict[str, dict[str, float]] = field(default_factory=dict)
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
    """Read a table.

    Args:
        name: of one of the suite's, or the path of a user's own YAML.

    Raises:
        DataError: there is no such table, or its YAML is not as the classes above say.
    """
    if not name.endswith(".yaml"):
        if name not in table_names():
            known = ", ".join(table_names())
            raise DataError(f"There is no table {name!r}: give a YAML file, or one of {known}.")
        return _Reader(FOLDER / f"{name}.yaml").table()
    path = Path(name)
    if path.stem in table_names():
        raise DataError(f"The suite has a table {path.stem} already: give yours another name.")
    return _Reader(path).table()


@dataclass(frozen=True)
class _Reader:
    """Reads one YAML."""

    path: Path

    def table(self) -> Table:
        where, held = self.path.name, read_yaml(self.path)
        common = {key: held.pop(key) for key in _OF_ALL_ROWS if key in held}
        readers = {"rows": self.row, "columns": self.measurement, "curves": self.curve}
        for key, read in readers.items():
            given = common if key == "rows" else {}
            for name, own in names_in(held.get(key, {}), f"{where}, {key},").items():
                place = f"{where}, {key[:-1]} {name!r},"
                held[key][name] = read(given | names_in(own, place), place)
        for row, figures in names_in(held.get("published", {}), f"{where}, published,").items():
            if isinstance(figures, list) and len(figures) == len(held.get("columns", ())):
                held["published"][row] = dict(zip(held["columns"], figures, strict=True))
        table = made(Table, held | {"name": self.path.stem}, where)
        check_names(table, where)
        return table

    def row(self, held: dict[str, Any], where: str) -> Row:
        """What is not an attribute of a row is an option of its model."""
        own = Row.__dataclass_fields__
        options = {key: value for key, value in held.items() if key not in own}
        given = {key: value for key, value in held.items() if key in own}
        if "method" in given:
            given["method"] = self.config("methods", given["method"])
        for axis in ("presets", "sources"):
            if axis in given:
                names = names_in(given[axis], f"{where} {axis},")
                given[axis] = {key: self.config(axis, name) for key, name in names.items()}
        return made(Row, self.with_training(given, where) | {"options": options}, where)

    def measurement(self, held: dict[str, Any], where: str) -> Measurement:
        if held.get("protocol", "training") != "training":
            held["protocol"] = self.config("protocols", held["protocol"])
        return made(Measurement, self.with_training(held, where), where)

    def curve(self, held: dict[str, Any], where: str) -> Curve:
        if "measured" in held:
            held["measured"] = self.measurement(names_in(held["measured"], where), where)
        return made(Curve, held, where)

    def with_training(self, held: dict[str, Any], where: str) -> dict[str, Any]:
        if "train" not in held:
            return held
        training = dict(names_in(held["train"], f"{where} train,"))
        if "protocol" in training:
            training["protocol"] = self.config("protocols", training["protocol"])
        return held | {"train": made(Training, training, f"{where} train,")}

    def config(self, axis: str, name: Any) -> Any:  # noqa: ANN401
        return config_named(name, CONFIGS / axis, self.path)
