"""Reproduce every table: shared runs once, on past whatever fails, to one page of all claims."""

import argparse
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console
from rich.markup import escape

from datamodules import DataError
from experiments.costs import Spent
from experiments.files import write_text
from experiments.launch import Launcher
from experiments.listing import VERDICTS
from experiments.options import setting_of
from experiments.pages import TEMPLATES
from experiments.plan import Planned, planned
from experiments.report import confidence, grids, headline, write_report
from experiments.reproduce import add_run_options, execute, jobs_of, launched, ready, stoppable
from experiments.runs import SMOKE, Run, Setting
from experiments.shard import ALL, Shard
from experiments.tables import Table, load_table, table_names

# what table names begin with -> the paper
PAPERS = {
    "srnet": "SRNet: Improving Generalization in 3D Human Pose Estimation with a "
    "Split-and-Recombine Approach (Zeng et al., ECCV 2020)",
    "rie": "Improving Robustness and Accuracy via Relative Information Encoding in 3D Human Pose "
    "Estimation (Shan et al., ACM MM 2021)",
    "dpcn": "Deep Pose Consensus Networks (Cha et al.)",
    "selfsup": "Self-supervised 3D Human Pose Estimation from a Single Image (Sosa and Hogg)",
}


@dataclass
class Progress:
    """How far a table is.

    Attributes:
        table: the table.
        planned: its runs and data, unless they were refused.
        refused: why it cannot be run.
        broken: what went wrong that should not.
        failed: row -> why a run of it has failed.
        left: runs that have not ended.
        contents: of its `table.json`, once it is written.
    """

    table: Table
    planned: Planned | None = None
    refused: str = ""
    broken: str = ""
    failed: dict[str, str] = field(default_factory=dict)
    left: int = 0
    contents: dict[str, Any] | None = None

    @property
    def state(self) -> str:
        """In a word or two."""
        if self.refused:
            return "cannot be run"
        if self.broken or self.failed:
            return "incomplete"
        if self.contents:
            return "complete"
        return "under way"

    @property
    def claims(self) -> list[dict[str, Any]]:
        """With their verdicts, once there are any."""
        return self.contents["claims"] if self.contents else []

    @property
    def counts(self) -> str:
        """How many claims have each verdict."""
        counts = Counter(claim["verdict"] for claim in self.claims)
        return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])

    @property
    def troubles(self) -> list[str]:
        """What of it could not be run and why, a sentence each."""
        skipped = (self.contents or {}).get("skipped", {})
        said = [self.refused, self.broken]
        said += [f"A run of {row} has failed: {why}" for row, why in self.failed.items()]
        said += [f"{row}: {why}" for row, why in skipped.items() if row not in self.failed]
        return [sentence.rstrip(".") + "." for sentence in said if sentence]


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
        said = f"{len(self._planned())} of {len(self.tables)} tables, {len(folders)} runs"
        self.console.print(f"{said}, {done} of them done already", highlight=False)
        for progress in self.tables.values():
            if progress.planned:
                progress.left = sum(bool(run.missing) for run in progress.planned.runs)
                if not progress.left:
                    self._finish(progress)
        self.write()
        own = shard.of(dict.fromkeys(run.folder for run in runs))
        todo = [run for run in todo if run.folder in own]
        execute(todo, jobs, self.console, self._on_done, self._on_failure, launcher)
        # those whose last run was another shard's
        for progress in self.tables.values():
            its = progress.planned.runs if progress.planned else ()
            if progress.left and not any(run.missing for run in its):
                progress.left = 0
                self._finish(progress)
        self.write()
        return not any(each.failed or each.broken for each in self.tables.values())

    def write(self) -> None:
        """Write the page of all tables."""
        papers: dict[str, list[Progress]] = {}
        for name, progress in self.tables.items():
            papers.setdefault(name.split("-")[0], []).append(progress)
        written = [each.contents for each in self.tables.values() if each.contents]
        told = {
            "title": "All tables",
            "setting": self.setting,
            "seeds": self.seeds,
            "headlines": list(dict.fromkeys(headline(contents) for contents in written)),
            "comparable": bool(written) and all(contents["comparable"] for contents in written),
            "smoke": self.setting.preset == SMOKE,
            "papers": {PAPERS.get(key, key): tables for key, tables in papers.items()},
            "states": Counter(each.state for each in self.tables.values()),
            "left": sum(each.left for each in self.tables.values()),
            "verdicts": Counter(
                claim["verdict"] for each in self.tables.values() for claim in each.claims
            ),
            "cost": self._cost(),
            "every_verdict": VERDICTS,
            "confidence": confidence,
            "grids": grids,
        }
        for name in ("index.html", "index.md"):
            template = TEMPLATES.get_template(f"everything.{name.split('.')[1]}.jinja")
            write_text(self.results / name, template.render(told))

    def _plan(self, progress: Progress) -> None:
        try:
            progress.planned = planned(progress.table, self.setting, self.seeds, self.results)
        except DataError as error:
            progress.refused = str(error)
        except Exception as error:
            progress.broken = _told(error)

    def _planned(self) -> list[Planned]:
        return [each.planned for each in self.tables.values() if each.planned]

    def _on_done(self, run: Run) -> None:
        progress = self.tables[run.table.name]
        progress.left -= 1
        if not progress.left:
            self._finish(progress)
            self.write()

    def _on_failure(self, run: Run, error: Exception) -> None:
        # what a worker has raised comes as a RuntimeError, told there
        told = isinstance(error, DataError | RuntimeError)
        why = str(error) if told else _told(error)
        self.tables[run.table.name].failed[run.row] = why
        name = escape(f"{run.table.name}, {run.row}, seed {run.seed}: {why}")
        self.console.print(f"[red]failed[/] {name}", highlight=False)
        self._on_done(run)

    def _finish(self, progress: Progress) -> None:
        held, name = progress.planned, progress.table.name
        assert held
        try:
            contents = held.contents(progress.failed)
            write_report(self.results / name, contents, held.runs, held.data.skeleton)
        except Exception as error:
            progress.broken = _told(error)
        else:
            progress.contents = contents
        self.console.print(f"[bold]{name}[/]: {progress.state}, {progress.counts}", highlight=False)

    def _cost(self) -> dict[str, float]:
        """What the runs have taken, those that tables share counted once."""
        runs = {run.folder: run for each in self._planned() for run in each.runs}
        spent = [Spent.of(run) for run in runs.values()]
        seconds = sum(each.training + each.rest for each in spent)
        return {"runs": len(runs), "hours": seconds / 3600, "epochs": sum(s.epochs for s in spent)}


def _told(error: Exception) -> str:
    traceback.print_exception(error)
    return f"{type(error).__name__}: {error}"


def main(args: Sequence[str] | None = None) -> None:
    """Run from the command line, as the Makefile does."""
    parser = argparse.ArgumentParser(prog="python -m experiments.everything", description=__doc__)
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
