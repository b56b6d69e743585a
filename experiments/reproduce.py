"""Reproduce a table: train every row, measure every column, judge every claim."""

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from experiments.cli import PoseCLI, one_sentence_for_mistakes
from experiments.report import print_table, print_tables, write_report
from experiments.runs import Run, Setting
from experiments.summary import summarise
from experiments.tables import Table, load_table, table_names

SOURCES = ("synthetic", "npz", "cmu", "h36m")
PRESETS = ("quick", "paper")


class _Follow(Callback):
    """Moves the table's progress bar on, an epoch a step."""

    def __init__(self, progress: Progress, task: Any) -> None:  # noqa: ANN401
        self.progress = progress
        self.task = task

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.progress.advance(self.task)


def reproduce(
    table: Table, setting: Setting, seeds: Sequence[int], results: Path
) -> dict[str, Any]:
    """Run what is missing of a table and write its report.

    Args:
        table: the table.
        setting: data and preset.
        seeds: one run of every row each.
        results: folder for `<table>/table.json`, `table.md`, `index.html` and the runs.

    Returns:
        The contents of `table.json`.

    Raises:
        DataError: wrong data or options, before anything is trained.
    """
    folder = results / table.name
    protocols, sequences = {}, None
    for measurement in table.measurements:
        options = {f"data.init_args.{key}": value for key, value in measurement.set.items()}
        cli = PoseCLI(setting.args(table.method, measurement.protocol, options), run=False)
        protocols[measurement.key] = cli.datamodule
        sequences = cli.datamodule.source.load()
        epochs = cli.trainer.max_epochs or 0
    assert sequences is not None
    fingerprint = sequences.fingerprint()
    runs = [
        Run(table, row, seed, setting, fingerprint, folder / "runs")
        for seed in seeds
        for row in table.rows
    ]
    todo = [run for run in runs if run.missing]
    console = Console()
    console.print(f"[bold]{table.title}[/] on {sequences.title}, preset {setting.preset}")
    console.print(
        f"{len(runs)} runs, {len(runs) - len(todo)} of them done already", highlight=False
    )
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} epochs"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    ]
    with Progress(*columns, console=console, speed_estimate_period=600) as progress:
        task = progress.add_task("", total=len(todo) * epochs)
        for number, run in enumerate(todo):
            progress.update(
                task, description=f"{run.row}, seed {run.seed}", completed=number * epochs
            )
            run.execute(protocols, [_Follow(progress, task)])
            figures = [
                f"{name} {run.metrics[each.key][each.metric]:.1f}"
                for name, each in table.columns.items()
            ]
            progress.console.print(
                f"{run.row:4} seed {run.seed}: {', '.join(figures)} {table.unit}"
            )
        progress.update(task, completed=len(todo) * epochs)
    contents = summarise(table, setting, seeds, runs, sequences)
    write_report(folder, contents)
    return contents


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
    if options.preset == "quick":
        # its products are too small to share out: one thread is as fast as two, and far faster
        # beside other work; nor do its figures depend on the number of cores
        torch.set_num_threads(1)
    _quieten()
    with one_sentence_for_mistakes():
        setting = Setting(
            options.data, tuple((key, getattr(options, key)) for key in needed), options.preset
        )
        table = load_table(options.table)
        try:
            contents = reproduce(table, setting, options.seeds, options.results)
        except (KeyboardInterrupt, SystemExit):  # Lightning makes the second of the first
            print("Stopped: the same command goes on from here.", file=sys.stderr)
            sys.exit(130)
        print_table(contents, options.results / table.name)


def _seeds(text: str) -> list[int]:
    return [int(seed) for seed in text.split(",")]


def _quieten() -> None:
    """What Lightning says of every fit is no news when there are dozens of them."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torchmetrics")


if __name__ == "__main__":
    main()
