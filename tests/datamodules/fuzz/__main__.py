"""Changed files by the thousand: a reader says what is wrong in one sentence, or reads right."""

import argparse
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from tests.datamodules.fuzz.inputs import fuzz
from tests.datamodules.fuzz.targets import TARGETS


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.datamodules.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, help="of each format")
    parser.add_argument("--format", choices=TARGETS, action="append", help="all when not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--saved", type=Path, default=Path("fuzz-failures"), metavar="FOLDER")
    options = parser.parse_args(arguments)
    console = Console()
    table = Table("format", "inputs", "rejected", "accepted and right", "others")
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    failures = []
    with Progress(*columns, console=console) as progress:
        for name in options.format or TARGETS:
            task = progress.add_task(name, total=options.inputs)
            advance = partial(progress.advance, task)
            figures = fuzz(name, options.inputs, options.seed, options.saved, advance)
            outcomes = figures.outcomes
            right = f"{outcomes['right'] + outcomes['unread']}"
            if outcomes["unread"]:
                right += f" ({outcomes['unread']} that NumPy cannot read)"
            others = str(outcomes["failed"])
            table.add_row(name, str(outcomes.total()), str(outcomes["rejected"]), right, others)
            failures += figures.failures
    console.print(table)
    for _, why, place in failures:
        console.print(f"{place}: {why.strip().splitlines()[-1]}", highlight=False, markup=False)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
