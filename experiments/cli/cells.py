"""Cells: the runs of a grid, under names that an agent on any machine finds them by."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.config.setting import Setting
from experiments.config.tables import load_table
from experiments.runs.plan import planned
from experiments.runs.run import Run
from poseproof.errors import UserError


@dataclass(frozen=True)
class Cell:
    """A run by name.

    Attributes:
        table: name of a table that the run belongs to.
        row: name of a row of the table.
        seed: seed of the run.
        folder: name of the run's folder, with the hash of all that determines its weights.
    """

    table: str
    row: str
    seed: int
    folder: str

    def __str__(self) -> str:
        return f"{self.table}/{self.row}/{self.seed}/{self.folder}"

    @classmethod
    def named(cls, name: str) -> "Cell":
        """The cell that `str` gives a name to; a row's own name may hold slashes.

        Raises:
            UserError: it is no such name.
        """
        try:
            table, rest = name.split("/", 1)
            row, seed, folder = rest.rsplit("/", 2)
            return cls(table, row, int(seed), folder)
        except ValueError as error:
            raise UserError(f"{name!r} names no cell: it is table/row/seed/folder.") from error

    def find(self, setting: Setting, results: Path) -> Run:
        """The run itself, on the data and with the code that are here.

        Raises:
            UserError: the same data and code are not here.
        """
        table = load_table(self.table)
        if self.row in table.rows:
            alone = table.model_copy(update={"rows": {self.row: table.rows[self.row]}})
            for run in planned(alone, setting, [self.seed], results).runs:
                if run.folder.name == self.folder:
                    return run
        raise UserError(
            f"There is no {self} here: this machine has other data, configs or code than the one "
            "that registered the sweep. Bring them to the same state, or register it anew."
        )


def cells_of(
    tables: Sequence[str], setting: Setting, seeds: Sequence[int]
) -> tuple[list[Cell], dict[str, str]]:
    """The cells of some tables, those that are the same run once, and tables left out -> why."""
    cells: dict[str, Cell] = {}
    left_out = {}
    for name in tables:
        try:
            runs = planned(load_table(name), setting, seeds, Path()).runs
        except UserError as error:
            left_out[name] = str(error)
            continue
        for run in runs:
            cells.setdefault(run.folder.name, Cell(name, run.row, run.seed, run.folder.name))
    return list(cells.values()), left_out
