"""A sweep: tables whose runs W&B's agents share, or a search over options, read from YAML."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from experiments.config.schema import Context, Schema, choice, parse, read_yaml
from experiments.config.tables import Row, load_table, table_names
from poseproof.errors import UserError

FOLDER = Path(__file__).parents[1] / "sweeps"


def _table(name: str) -> str:
    if name not in table_names():
        raise ValueError(f"there is no table {name!r}; {choice(name, table_names())}")
    return name


class Sweep(Schema):
    """What W&B's agents work off: the cells of tables, or a search.

    Attributes:
        name: name of its file, as in `make sweep SWEEP=name`.
        title: title for people.
        tables: names of the tables whose rows are run with every seed.
        row: method of a search, with its presets and training, as in a table.
        search: W&B's own description of a search: `method`, `metric`, `parameters` and so on.
    """

    name: str
    title: str
    tables: Annotated[tuple[Annotated[str, AfterValidator(_table)], ...], Field(strict=False)] = ()
    row: Row | None = None
    search: Mapping[str, Any] = {}

    @model_validator(mode="after")
    def _check_search(self) -> "Sweep":
        if bool(self.tables) == bool(self.search) or bool(self.row) != bool(self.search):
            raise ValueError("it needs either tables, or a row and a search.")
        if self.search:
            metric = self.search.get("metric")
            name = metric.get("name") if isinstance(metric, dict) else None
            if not isinstance(name, str) or not name.startswith("val/"):
                raise ValueError(
                    f"search, metric: {name!r} would choose on other data than a held-out "
                    "training subject: name a metric that begins with val/, such as val/mpjpe."
                )
        return self


def sweep_names() -> list[str]:
    """The names of the sweeps that have a file of their own."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_sweep(name: str) -> Sweep:
    """Read a sweep; any table is one too.

    Args:
        name: name of a sweep or of a table.

    Raises:
        UserError: there is no such sweep, or its YAML is not as the class above says.
    """
    if name in table_names():
        return Sweep(name=name, title=load_table(name).title, tables=(name,))
    if name not in sweep_names():
        known = [*sweep_names(), *table_names()]
        raise UserError(f"There is no sweep {name!r}; {choice(name, known)}")
    path = FOLDER / f"{name}.yaml"
    return parse(Sweep, read_yaml(path) | {"name": name}, Context(path))
