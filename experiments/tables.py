"""A table: its rows, columns, published figures and claims, read from YAML."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from datamodules.errors import DataError

FOLDER = Path(__file__).parent / "tables"
CONFIGS = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class Measurement:
    """One figure of a trained method: a protocol, its options, and the metric read from it.

    Attributes:
        protocol: name of a config in `configs/protocols`.
        metric: as the test logs it, without `test/`; a prefix of several for a curve.
        set: options of the protocol.
        title: for people.
        ruler: which frames, and which mean.
        rows: of a curve, those that the paper draws.
    """

    protocol: str
    metric: str
    set: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    ruler: str = ""
    rows: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Names the test that measures it, in a run's `metrics.json`."""
        return " ".join([self.protocol, *(f"{k}={v}" for k, v in sorted(self.set.items()))])


@dataclass(frozen=True)
class Table:
    """One table of a paper.

    Attributes:
        name: file name, as in `make reproduce TABLE=name`.
        title: for people.
        paper: where the published figures stand.
        unit: of all figures.
        ruler: how they are measured.
        rows: row -> model options; `method` among them names another method's config.
        columns: column -> what is measured.
        published: row -> column -> the paper's figure.
        claims: what the paper says of them, as `claims.py` reads it.
        method: config of the rows that name none.
        curves: figures beside the table.
        notes: what a reader of the results should know.
    """

    name: str
    title: str
    paper: str
    unit: str
    ruler: str
    rows: dict[str, dict[str, Any]]
    columns: dict[str, Measurement]
    published: dict[str, dict[str, float]]
    claims: list[dict[str, Any]]
    method: str
    curves: dict[str, Measurement] = field(default_factory=dict)
    notes: str = ""

    @property
    def measurements(self) -> list[Measurement]:
        """Every test a run has to sit, once."""
        each = [*self.columns.values(), *self.curves.values()]
        return list({measurement.key: measurement for measurement in each}.values())


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
    for kind in ("columns", "curves"):
        held[kind] = {key: Measurement(**each) for key, each in held.get(kind, {}).items()}
    return Table(name=name, **held)
