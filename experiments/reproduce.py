"""Reproduce a table: train every row, measure every column, judge every claim."""

import argparse
import logging
import os
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from datamodules import DataError, PoseSequences
from experiments.cli import one_sentence_for_mistakes
from experiments.memory import keep_freed_memory
from experiments.report import print_table, print_tables, write_report
from experiments.runs import Run, Setting, datamodule
from experiments.summary import summarise
from experiments.tables import Table, load_table, table_names
from experiments.workers import Workers, one_by_one

SOURCES = ("synthetic", "npz", "cmu", "h36m")
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
    data, skipped = _load(table, setting)
    fingerprints = {sequences: sequences.fingerprint() for sequences in set(data.values())}
    runs = [
        Run(table, row, training, seed, setting, fingerprints[sequences], results / "runs")
        for seed in seeds
        for row, sequences in data.items()
        for training in table.trainings(row)
    ]
    for args in {tuple(run.test_args(test)) for run in runs for test in run.tests.values()}:
        datamodule(args)
    # rows that are the same run are run once
    todo = list({run.folder: run for run in runs if run.missing}.values())
    console = Console()
    own = next(iter(data[row] for row in data if not table.rows[row].source))
    console.print(f"[bold]{table.title}[/] on {own.title}, preset {setting.preset}")
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
    contents = summarise(table, setting, seeds, runs, own, skipped)
    write_report(results / table.name, contents)
    return contents


def _load(table: Table, setting: Setting) -> tuple[dict[str, PoseSequences], dict[str, str]]:
    """The data of every row, and for those that these data cannot serve, why."""
    data, skipped = {}, {}
    for name, row in table.rows.items():
        if row.data not in (None, setting.data):
            needed = ", ".join([str(row.data), *(f"{k}={v}" for k, v in row.source.items())])
            skipped[name] = f"needs {needed}"
            continue
        try:
            data[name] = datamodule(setting.args(row, "subject", {})).source.load()
        except DataError as error:
            if not row.source:
                raise
            skipped[name] = str(error).rstrip(".")
    return data, skipped


def _line(run: Run) -> str:
    columns = {name: each for name, each in run.table.columns.items() if run.serves(each)}
    seen = {name: run.figures(each).get(each.metric) for name, each in columns.items()}
    figures = ", ".join(f"{name} {value:.1f}" for name, value in seen.items() if value is not None)
    return f"{run.row} seed {run.seed}: {figures} {run.table.unit}"


def main(args: Sequence[str] | None = None) -> None:
    """Run from the command line, as the Makefile does."""
    parser = argparse.ArgumentParser(prog="python -m experiments.reproduce", description=__doc__)
    parser.add_argument("table", nargs="?", help=f"one of {', '.join(table_names())}")
    parser.add_argument("--list", action="store_true", help="list the tables and their state")
    parser.add_argument("--data", choices=SOURCES, default="synthetic")
    parser.add_argument("--root", help="folder of the data; not for synthetic")
    parser.add_argument("--name", help="the data set's name in its file names; for npz")
    parser.add_argument("--preset", choices=PRESETS, default="quick")
    parser.add_argument("--seeds", type=_seeds, default=[0], help="such as 0,1,2")
    parser.add_argument("--jobs", type=int, help="runs at once; as many as cores for quick on CPU")
    parser.add_argument("--results", type=Path, default=Path("results"))
    options = parser.parse_args(args)
    if options.list or options.table is None:
        print_tables(options.results)
        return
    needed = {"synthetic": (), "npz": ("root", "name")}.get(options.data, ("root",))
    for key in ("root", "name"):
        if (getattr(options, key) is None) == (key in needed):
            must = "must be given" if key in needed else "is not needed"
            parser.error(f"--{key} {must} for {options.data}")
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
            options.data, tuple((key, getattr(options, key)) for key in needed), options.preset
        )
        table = load_table(options.table)
        try:
            contents = reproduce(table, setting, options.seeds, options.results, jobs)
        except (KeyboardInterrupt, SystemExit):  # Lightning makes the second of the first
            print("Stopped: the same command goes on from here.", file=sys.stderr)
            sys.exit(130)
        print_table(contents, options.results / table.name)


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
