"""`python -m datamodules FOLDER`: list the data sets in a folder and whether they can be used."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from datamodules.inventory import described, files_of, listed, take_stock
from datamodules.sources.format import DataSet, Format
from datamodules.sources.registry import formats
from poseproof.errors import DataError


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the inventory of a folder.

    Args:
        arguments: command-line arguments; those of this process when None.

    Returns:
        0 when there is at least one data set and all of them can be read, 1 otherwise.
    """
    parser = argparse.ArgumentParser(prog="python -m datamodules", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder to search")
    folder = parser.parse_args(arguments).folder
    console = Console()
    found = set()
    readable: list[bool] = []
    try:
        for format, data_set in take_stock(folder):
            found.add(format)
            readable += _print(console, format, data_set)
    except DataError as error:
        console.print(Text(str(error), "red"))
        return 1
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for format in formats():
        if format.find and format not in found:
            rows.add_row(f"[bold]{format.title}[/]", f"not found; {format.available}")
    console.print(rows)
    return 0 if readable and all(readable) else 1


def _print(console: Console, format: Format, data_set: DataSet) -> list[bool]:
    """Print a data set, and return for each of its readings whether it succeeded."""
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    present, missing = files_of(data_set)
    rows.add_row("found", Text(listed(present) or "none of the files that are needed"))
    if missing:
        rows.add_row("missing", Text(listed(missing), "yellow"))
        rows.add_row("available", Text(format.available))
    readable = []
    for label, reading in data_set.readings.items():
        try:
            with console.status(f"reading {data_set.name}, {label}"):
                lines = described(reading.source.read())
        except DataError as error:
            rows.add_row(Text(label), Text(str(error), "red"))
            readable.append(False)
            continue
        rows.add_row(Text(label), Text("can be read", "green"))
        for line in lines:
            rows.add_row("", Text(line))
        rows.add_row("use", Text(reading.use, "bold"))
        readable.append(True)
    console.print(Text(f"{data_set.name} in {data_set.folder}", "bold"))
    console.print(rows)
    console.print()
    return readable


if __name__ == "__main__":
    raise SystemExit(main())
