"""Reproduce a table: train every row, measure every column, judge every claim."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
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

from experiments.cli.options import add_options, setting_of
from experiments.config.setting import Setting
from experiments.config.tables import Table, load_table, table_names
from experiments.judge.summary import summarise
from experiments.report.listing import print_tables
from experiments.report.table import print_table, write_report
from experiments.runs.backends.local import OnFailure, OnRun, Workers, one_by_one, raise_it
from experiments.runs.backends.ranks import Launcher, stand_alone
from experiments.runs.backends.shard import ALL, Shard
from experiments.runs.plan import planned
from experiments.runs.process import (
    keep_freed_memory,
    leave_out_harmless_warnings,
    one_sentence_for_mistakes,
    quieten,
)
from experiments.runs.progress import Heartbeat
from experiments.runs.run import Run

STOPPED = 130
# of a run that fit a line
_FIGURES = 4


def reproduce(
    table: Table,
    setting: Setting,
    seeds: Sequence[int],
    results: Path,
    jobs: int = 1,
    launcher: Launcher | None = None,
    shard: Shard = ALL,
) -> dict[str, Any]:
    """Run what is missing of a table and write its report.

    Args:
        table: the table.
        setting: data and preset.
        seeds: one run of every row each.
        results: folder for `<table>/table.json`, `table.md`, `index.html`, and `runs`, which the
            tables share.
        jobs: runs at once, each in a process of its own where there are several.
        launcher: trains the runs, as many ranks as the setting says, one after the other.
        shard: the runs to run. Its report is written where no other one's are missing.

    Returns:
        The contents of `table.json`.

    Raises:
        UserError: wrong data or options, before anything is trained.
    """
    work = planned(table, setting, seeds, results)
    console = Console()
    on = work.data.title
    if work.other:
        on = f"{on}, tested on {work.other.title}"
    console.print(f"[bold]{table.title}[/] on {on}, preset {setting.preset}")
    done = sum(not run.missing for run in work.runs)
    console.print(f"{len(work.runs)} runs, {done} of them done already", highlight=False)
    for sentence in work.trained_anew:
        console.print(sentence, highlight=False)
    own = shard.of(dict.fromkeys(run.folder for run in work.runs))
    todo = [run for run in work.runs if run.missing and run.folder in own]
    execute(todo, jobs, console, lambda _: None, launcher=launcher)
    contents = summarise(work)
    if contents["complete"]:
        write_report(results / table.name, contents, work.runs, work.data.skeleton)
    return contents


def execute(
    runs: Sequence[Run],
    jobs: int,
    console: Console,
    on_done: OnRun,
    on_failure: OnFailure = raise_it,
    launcher: Launcher | None = None,
) -> None:
    """Execute runs, and show how far they are.

    Args:
        runs: those that are not done.
        jobs: at once, each in a process of its own where there are several.
        console: to show it on.
        on_done: called after the last measurement of a run.
        on_failure: called with what a run has raised; that is raised, and ends all, if not given.
        launcher: trains them, one after the other.
    """
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} epochs"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    ]
    workers = Workers(runs, jobs) if jobs > 1 else None
    # workers are forked, which goes together with no thread that refreshes it
    alone = workers is None
    with Progress(
        *columns, console=console, speed_estimate_period=600, auto_refresh=alone
    ) as progress:
        total = sum({run.folder: run.epochs for run in runs}.values())
        task = progress.add_task("", total=total)
        seen: Counter[Path] = Counter()
        ended: set[Path] = set()
        heartbeat = Heartbeat(lambda line: progress.console.print(line, highlight=False))

        def tick() -> None:
            if not console.is_terminal:
                trained = sum(seen.values())
                done = f"{len(ended)} of {len({run.folder for run in runs})} runs"
                heartbeat.tick(f"{done}, {trained} of {total} epochs", trained, total)

        def count_epoch(run: Run) -> None:
            seen[run.folder] += 1
            progress.update(task, advance=1, description=f"{run.row}, seed {run.seed}")

        def say_done(run: Run) -> None:
            # those that it had behind it when it was stopped
            progress.update(task, advance=max(0, run.epochs - seen[run.folder]))
            seen[run.folder] = run.epochs
            ended.add(run.folder)
            progress.console.print(_line(run), highlight=False)
            on_done(run)

        def wait() -> None:
            progress.refresh()
            tick()

        if workers:
            workers.execute(count_epoch, say_done, on_failure, wait)
        else:
            with heartbeat.ticking(tick):
                one_by_one(runs, count_epoch, say_done, on_failure, launcher)


def _line(run: Run) -> str:
    figures = []
    for name, column in run.table.columns.items():
        if run.serves(column) and (value := run.figures(column).get(column.metric)) is not None:
            figures.append(f"{name} {value:.1f} {column.unit or run.table.unit}")
    more = ", …" if len(figures) > _FIGURES else ""
    return f"{run.row} seed {run.seed}: {', '.join(figures[:_FIGURES])}{more}"


def main(args: Sequence[str] | None = None) -> None:
    """Run from the command line, as the Makefile does."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.cli.reproduce", description=__doc__
    )
    known = f"your YAML, or one of {', '.join(table_names())}"
    parser.add_argument("table", nargs="?", help=known)
    parser.add_argument("--list", action="store_true", help="list the tables, their state and cost")
    add_run_options(parser)
    options = parser.parse_args(args)
    setting, jobs = setting_of(parser, options), jobs_of(parser, options)
    with ready(options, jobs) as environment:
        if options.list or options.table is None:
            print_tables(setting, options.seeds, options.results, jobs)
            return
        table = load_table(options.table)
        with stoppable():
            setting, launcher = launched(setting, options, environment)
            means = (jobs, launcher, options.shard)
            contents = reproduce(table, setting, options.seeds, options.results, *means)
        if contents["complete"]:
            print_table(contents, options.results / table.name)
        else:
            print("Other shards have runs to do: who is last writes the report.")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add what a command says that executes runs."""
    add_options(parser)
    parser.add_argument("--jobs", type=int, help="runs at once; on CPU as many as cores")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--launch", help="what starts the ranks of a training: torchrun …, srun …")
    parser.add_argument("--shard", type=Shard.named, default=ALL, help="such as 1/8, of 8 tasks")


def jobs_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Runs at once; without --jobs one on a GPU or with the paper's preset, else one a core."""
    on_gpu = torch.cuda.is_available()
    if on_gpu and (options.jobs or 1) > 1:
        parser.error("--jobs is for runs without a GPU, which takes them one by one")
    if options.launch:
        if (options.jobs or 1) > 1:
            parser.error("--jobs is not for --launch, which takes runs one by one")
        return 1
    return options.jobs or (1 if on_gpu or options.preset == "paper" else _cores())


@contextmanager
def ready(options: argparse.Namespace, jobs: int) -> Iterator[dict[str, str]]:
    """Make the process fit for runs, and tell a mistake in one sentence.

    Yields the environment as it was, for what is launched.
    """
    environment = stand_alone()
    if options.preset != "paper" or jobs > 1:
        # its products are too small to share out: one thread is as fast as two, and far faster
        # beside other work; nor do its figures depend on the number of cores
        torch.set_num_threads(1)
    keep_freed_memory()
    quieten()
    leave_out_harmless_warnings()
    with one_sentence_for_mistakes():
        yield environment


def launched(
    setting: Setting, options: argparse.Namespace, environment: dict[str, str]
) -> tuple[Setting, Launcher | None]:
    """The launcher that the user names, if any, and the setting with its ranks.

    Raises:
        UserError: it does not start ranks.
    """
    if not options.launch:
        return setting, None
    launcher = Launcher(options.launch, environment, options.results)
    return replace(setting, ranks=launcher.world.ranks), launcher


@contextmanager
def stoppable() -> Iterator[None]:
    """Say on Ctrl-C that nothing is lost."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):  # Lightning makes the second of the first
        print("Stopped: the same command goes on from here.", file=sys.stderr)
        sys.exit(STOPPED)


def _cores() -> int:
    """Cores that this process may use; one where processes cannot be forked safely."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


if __name__ == "__main__":
    main()
