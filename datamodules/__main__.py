"""`python -m datamodules FOLDER`: what data sets are there, and whether they can be used."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from datamodules.holdings import Holding
from datamodules.inventory import KNOWN, described, files_of, listed, take_stock
from poseproof.errors import DataError


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what a folder holds.

    Args:
        arguments: of the command line.

    Returns:
        0 when something can be used and nothing is wrong, 1 otherwise.
    """
    parser = argparse.ArgumentParser(prog="python -m datamodules", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    folder = parser.parse_args(arguments).folder
    console = Console()
    names = set()
    read: list[bool] = []
    try:
        for holding in take_stock(folder):
            names.add(holding.name.split(" ")[0])
            read += _print(console, holding)
    except DataError as error:
        console.print(Text(str(error), "red"))
        return 1
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for known, place in KNOWN.items():
        if known not in names:
            rows.add_row(f"[bold]{known}[/]", f"not here; {place}")
    console.print(rows)
    return 0 if read and all(read) else 1


def _print(console: Console, holding: Holding) -> list[bool]:
    """Print a data set; of each of its parts, whether it could be read."""
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    there, missing = files_of(holding)
    rows.add_row("there", Text(listed(there) or "none of the files that are read"))
    if missing:
        rows.add_row("missing", Text(listed(missing), "yellow"))
        rows.add_row("to be had", Text(KNOWN[holding.name.split(" ")[0]]))
    read = []
    for name, part in holding.parts.items():
        try:
            with console.status(f"reading {holding.name}, {name}"):
                lines = described(part.source.read())
        except DataError as error:
            rows.add_row(Text(name), Text(str(error), "red"))
            read.append(False)
            continue
        rows.add_row(Text(name), Text("can be read", "green"))
        for line in lines:
            rows.add_row("", Text(line))
        rows.add_row("to use it", Text(part.use, "bold"))
        read.append(True)
    console.print(Text(f"{holding.name} in {holding.home}", "bold"))
    console.print(rows)
    console.print()
    return read


if __name__ == "__main__":
    raise SystemExit(main())
