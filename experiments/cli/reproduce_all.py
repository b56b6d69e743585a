"""Reproduce every table: shared runs once, on past whatever fails, to one page of all claims."""

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.markup import escape

from experiments.cli.options import setting_of
from experiments.cli.reproduce import add_run_options, execute, jobs_of, launched, ready, stoppable
from experiments.config.setting import Setting
from experiments.config.tables import load_table, table_names
from experiments.judge.summary import summarise
from experiments.report.overview import Progress, write_overview
from experiments.report.table import write_report
from experiments.runs.backends.ranks import Launcher
from experiments.runs.backends.shard import ALL, Shard
from experiments.runs.plan import Planned, planned
from experiments.runs.run import Run
from poseproof.errors import UserError


class Everything:
    """All tables on the same data with the same preset and seeds.

    Args:
        names: of the tables.
        setting: data and preset.
        seeds: one run of every row each.
        results: folder for the tables' own folders, `runs`, `index.html` and `index.md`.
    """

    def __init__(
        self, names: Sequence[str], setting: Setting, seeds: Sequence[int], results: Path
    ) -> None:
        self.setting = setting
        self.seeds = seeds
        self.results = results
        self.console = Console()
        self.tables = {name: Progress(load_table(name)) for name in names}

    def run(self, jobs: int, launcher: Launcher | None = None, shard: Shard = ALL) -> bool:
        """Run what is missing, and write every table's report as soon as its runs have ended.

        Args:
            jobs: runs at once, each in a process of its own where there are several.
            launcher: trains the runs, as many ranks as the setting says, one after the other.
            shard: the runs to run.

        Returns:
            Whether nothing has failed; a table that the data do not serve is no failure.
        """
        for progress in self.tables.values():
            self._plan(progress)
        runs = [run for each in self._planned() for run in each.runs]
        todo = [run for run in runs if run.missing]
        folders = {run.folder for run in runs}
        done = len(folders - {run.folder for run in todo})
        counts = f"{len(self._planned())} of {len(self.tables)} tables, {len(folders)} runs"
        self.console.print(f"{counts}, {done} of them done already", highlight=False)
        for progress in self.tables.values():
            if progress.planned:
                progress.left = sum(bool(run.missing) for run in progress.planned.runs)
                if not progress.left:
                    self._finish(progress)
        self._write()
        own = shard.of(dict.fromkeys(run.folder for run in runs))
        todo = [run for run in todo if run.folder in own]
        execute(todo, jobs, self.console, self._on_done, self._on_failure, launcher)
        # those whose last run was another shard's
        for progress in self.tables.values():
            its = progress.planned.runs if progress.planned else ()
            if progress.left and not any(run.missing for run in its):
                progress.left = 0
                self._finish(progress)
        self._write()
        return not any(each.failed or each.broken for each in self.tables.values())

    def _write(self) -> None:
        write_overview(self.results, self.tables, self.setting, self.seeds)

    def _plan(self, progress: Progress) -> None:
        try:
            progress.planned = planned(progress.table, self.setting, self.seeds, self.results)
        except UserError as error:
            progress.refused = str(error)
        except Exception as error:
            progress.broken = _print_error(error)

    def _planned(self) -> list[Planned]:
        return [each.planned for each in self.tables.values() if each.planned]

    def _on_done(self, run: Run) -> None:
        progress = self.tables[run.table.name]
        progress.left -= 1
        if not progress.left:
            self._finish(progress)
            self._write()

    def _on_failure(self, run: Run, error: Exception) -> None:
        # what a worker has raised comes as a RuntimeError, printed there
        printed = isinstance(error, UserError | RuntimeError)
        why = str(error) if printed else _print_error(error)
        self.tables[run.table.name].failed[run.row] = why
        name = escape(f"{run.table.name}, {run.row}, seed {run.seed}: {why}")
        self.console.print(f"[red]failed[/] {name}", highlight=False)
        self._on_done(run)

    def _finish(self, progress: Progress) -> None:
        work, name = progress.planned, progress.table.name
        assert work
        try:
            contents = summarise(work, progress.failed)
            write_report(self.results / name, contents, work.runs, work.data.skeleton)
        except Exception as error:
            progress.broken = _print_error(error)
        else:
            progress.contents = contents
        self.console.print(f"[bold]{name}[/]: {progress.state}, {progress.counts}", highlight=False)


def _print_error(error: Exception) -> str:
    traceback.print_exception(error)
    return f"{type(error).__name__}: {error}"


def main(args: Sequence[str] | None = None) -> None:
    """Run from the command line, as the Makefile does."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.cli.reproduce_all", description=__doc__
    )
    add_run_options(parser)
    options = parser.parse_args(args)
    setting, jobs = setting_of(parser, options), jobs_of(parser, options)
    with ready(options, jobs) as environment, stoppable():
        began = monotonic()
        setting, launcher = launched(setting, options, environment)
        everything = Everything(table_names(), setting, options.seeds, options.results)
        sound = everything.run(jobs, launcher, options.shard)
        minutes = (monotonic() - began) / 60
        page = options.results / "index.html"
        print(f"{minutes:.1f} minutes. All tables: {page}")
    if not sound:
        print("error: something has failed: it stands above and in the page.", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
