"""Reproduce a table: train every row, measure every column, judge every claim."""

import argparse
import logging
import os
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from datamodules import DataError
from experiments.cli import one_sentence_for_mistakes
from experiments.memory import keep_freed_memory
from experiments.plan import load_other, load_rows, possible_trainings
from experiments.report import print_table, print_tables, write_report
from experiments.runs import TRAINING, Run, Setting, datamodule
from experiments.summary import summarise
from experiments.tables import CONFIGS, Table, load_table, table_names
from experiments.workers import Workers, one_by_one

# what a source needs to be told
SOURCES = {
    "synthetic": (),
    "npz": ("root", "name"),
    "cmu": ("root",),
    "h36m": ("root",),
    "humaneva": ("root",),
    "3dhp": ("root",),
}
PRESETS = ("quick", "paper")


def reproduce(
    table: Table, setting: Setting, seeds: Sequence[int], results: Path, jobs: int = 1
) -> dict[str, Any]:
    """Run what is missing of a table and write its report.

    Args:
        table: the table.
        setting: data and preset.
        seeds: one run of every row each.
        results: folder for `<table>/table.json`, `table.md`, `index.html`, and `runs`, which the
            tables share.
        jobs: runs at once, each in a process of its own where there are several.

    Returns:
        The contents of `table.json`.

    Raises:
        DataError: wrong data or options, before anything is trained.
    """
    data, skipped = load_rows(table, setting)
    fingerprints = {sequences: sequences.fingerprint() for sequences in set(data.values())}
    other = load_other(table, setting)
    if other:
        setting = replace(setting, other_fingerprint=other.fingerprint())
    trainings = {row: possible_trainings(table, row, setting) for row in data}
    runs = [
        Run(table, row, training, seed, setting, fingerprints[sequences], results / "runs")
        for seed in seeds
        for row, sequences in data.items()
        for training in trainings[row]
    ]
    tests = ((run, test) for run in runs for test in run.tests.values())
    for args in {tuple(run.test_args(test)) for run, test in tests if test.protocol != TRAINING}:
        datamodule(args)
    # rows that are the same run are run once
    todo = list({run.folder: run for run in runs if run.missing}.values())
    console = Console()
    own = next(iter(data[row] for row in data if not table.rows[row].source))
    title = f"{own.title}, tested on {other.title}" if other else own.title
    console.print(f"[bold]{table.title}[/] on {title}, preset {setting.preset}")
    done = sum(not run.missing for run in runs)
    console.print(f"{len(runs)} runs, {done} of them done already", highlight=False)
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} epochs"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    ]
    # before the progress bar has a thread
    workers = Workers(todo, jobs) if jobs > 1 else None
    with Progress(*columns, console=console, speed_estimate_period=600) as progress:
        task = progress.add_task("", total=sum(run.epochs for run in todo))
        seen: Counter[Path] = Counter()

        def on_epoch(run: Run) -> None:
            seen[run.folder] += 1
            progress.update(task, advance=1, description=f"{run.row}, seed {run.seed}")

        def on_done(run: Run) -> None:
            # those that it had behind it when it was stopped
            progress.update(task, advance=run.epochs - seen[run.folder])
            progress.console.print(_line(run), highlight=False)

        if workers:
            workers.execute(on_epoch, on_done)
        else:
            one_by_one(todo, on_epoch, on_done)
    contents = summarise(table, setting, seeds, runs, own, other, skipped)
    write_report(results / table.name, contents, runs, own.skeleton)
    return contents


def _line(run: Run) -> str:
    figures = []
    for name, column in run.table.columns.items():
        if run.serves(column) and (value := run.figures(column).get(column.metric)) is not None:
            figures.append(f"{name} {value:.1f} {column.unit or run.table.unit}")
    return f"{run.row} seed {run.seed}: {', '.join(figures)}"


def main(args: Sequence[str] | None = None) -> None:
    """Run from the command line, as the Makefile does."""
    parser = argparse.ArgumentParser(prog="python -m experiments.reproduce", description=__doc__)
    parser.add_argument("table", nargs="?", help=f"one of {', '.join(table_names())}")
    parser.add_argument("--list", action="store_true", help="list the tables and their state")
    parser.add_argument("--data", choices=SOURCES, default="synthetic")
    parser.add_argument("--root", help="folder of the data; not for synthetic")
    parser.add_argument("--name", help="the data set's name in its file names; for npz")
    parser.add_argument("--test-data", choices=SOURCES, help="to test on, across data sets")
    parser.add_argument("--test-root", help="its folder")
    parser.add_argument("--test-name", help="its name")
    parser.add_argument("--images", help="folder of Human3.6M's images, for tables from images")
    parser.add_argument("--preset", choices=PRESETS, default="quick")
    parser.add_argument("--seeds", type=_seeds, default=[0], help="such as 0,1,2")
    parser.add_argument("--jobs", type=int, help="runs at once; as many as cores for quick on CPU")
    parser.add_argument("--results", type=Path, default=Path("results"))
    options = parser.parse_args(args)
    if options.list or options.table is None:
        print_tables(options.results)
        return
    given = _source(parser, options, options.data)
    other = None
    if options.test_data:
        held = yaml.safe_load((CONFIGS / f"sources/{options.test_data}.yaml").read_text())
        other = held["data"]["init_args"]["source"]
        other.setdefault("init_args", {}).update(
            _source(parser, options, options.test_data, "test_")
        )
    if options.images and options.data != "h36m":
        parser.error(f"--images is not needed for {options.data}")
    on_gpu = torch.cuda.is_available()
    if on_gpu and (options.jobs or 1) > 1:
        parser.error("--jobs is for runs without a GPU, which takes them one by one")
    jobs = options.jobs or (1 if on_gpu or options.preset != "quick" else _cores())
    if options.preset == "quick" or jobs > 1:
        # its products are too small to share out: one thread is as fast as two, and far faster
        # beside other work; nor do its figures depend on the number of cores
        torch.set_num_threads(1)
    keep_freed_memory()
    _quieten()
    with one_sentence_for_mistakes():
        setting = Setting(
            options.data, tuple(given.items()), options.preset, other, images=options.images
        )
        table = load_table(options.table)
        from_images = any(row.sources for row in table.rows.values())
        if from_images and options.data == "h36m" and not options.images:
            raise DataError(
                f"{table.name} is made from images: name the folder of Human3.6M's with --images "
                "(IMAGES=dir)."
            )
        try:
            contents = reproduce(table, setting, options.seeds, options.results, jobs)
        except (KeyboardInterrupt, SystemExit):  # Lightning makes the second of the first
            print("Stopped: the same command goes on from here.", file=sys.stderr)
            sys.exit(130)
        print_table(contents, options.results / table.name)


def _source(
    parser: argparse.ArgumentParser, options: argparse.Namespace, data: str, prefix: str = ""
) -> dict[str, str]:
    """What the user tells a source; ends with one sentence where that is too little or too much."""
    given = {}
    for key in ("root", "name"):
        value = getattr(options, prefix + key)
        if (value is None) == (key in SOURCES[data]):
            must = "must be given" if value is None else "is not needed"
            parser.error(f"--{(prefix + key).replace('_', '-')} {must} for {data}")
        if value is not None:
            given[key] = value
    return given


def _cores() -> int:
    """Cores that this process may use; one where processes cannot be forked safely."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


def _seeds(text: str) -> list[int]:
    return [int(seed) for seed in text.split(",")]


def _quieten() -> None:
    """What Lightning says of every fit is no news when there are dozens of them."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torchmetrics")


if __name__ == "__main__":
    main()
