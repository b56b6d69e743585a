"""The list of all tables: how many runs each has, which are done, and what the rest takes."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable
from rich.text import Text

from experiments.config.setting import CROSS_DATASET, Setting
from experiments.config.tables import Table, Training, load_table, table_names
from experiments.judge.claims import VERDICTS
from experiments.runs.code import digest
from experiments.runs.costs import Cost, cost, rates
from experiments.runs.environment import trained_anew
from experiments.runs.files import write_json
from experiments.runs.identity import whole_code
from experiments.runs.plan import Plan, plan
from poseproof.errors import UserError

# name, size in bytes and time of the last change in ns
FileState = tuple[str, int, int]


def print_tables(setting: Setting, seeds: Sequence[int], results: Path, jobs: int) -> None:
    """Print all tables: how many of their runs are done, and how long the others take.

    Which rows the data allow is read from the data the first time, and kept in the results folder.

    Args:
        setting: data and preset.
        seeds: seeds of the runs.
        results: folder of the results.
        jobs: number of runs at once.
    """
    listed = RichTable(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    listed.add_column("table", no_wrap=True)
    listed.add_column("what")
    for head in ("runs", "done", "epochs left", "time left", "claims"):
        listed.add_column(head, justify="right", no_wrap=True)
    timed, runs, refused = rates(results), [], {}
    files = data_files(setting)
    for name in table_names():
        table = load_table(name)
        title = Text(table.title, no_wrap=True, overflow="ellipsis")
        try:
            own = recall(table, setting, results, files).runs(seeds, results)
        except UserError as error:
            refused[name] = str(error)
            listed.add_row(name, title, "-")
            continue
        runs += own
        cells = [*_cells(cost(own, timed), jobs), _counts(results / name, setting)]
        listed.add_row(name, title, *cells)
    listed.add_row("all", "shared runs once", *_cells(cost(runs, timed), jobs), style="bold")
    console = Console()
    console.print(listed)
    for sentence in trained_anew({run.fit.work for run in runs}, results / "runs"):
        console.print(sentence, highlight=False)
    for name, why in refused.items():
        console.print(f"{name} cannot be run: {escape(why)}", highlight=False)
    given = f"DATA={setting.data} PRESET={setting.preset} SEEDS={','.join(map(str, seeds))}"
    console.print(
        f"{given}, {jobs} runs at once, timed on this machine; a ? is for runs of a kind that was "
        f"not timed yet. Claims: {', '.join(VERDICTS)}.",
        highlight=False,
    )


def _cells(cost: Cost, jobs: int) -> list[str]:
    return [str(cost.runs), str(cost.done), str(cost.epochs), time_left(cost, jobs)]


def time_left(cost_left: Cost, jobs: int) -> str:
    """For people, as far as it is known."""
    if cost_left.done == cost_left.runs:
        return ""
    if cost_left.untimed and not cost_left.seconds:
        return "?"
    minutes = cost_left.seconds / jobs / 60
    known = f"{minutes / 60:.1f} h" if minutes >= 90 else f"{minutes:.1f} min"
    return known + (" + ?" if cost_left.untimed else "")


def _counts(folder: Path, setting: Setting) -> str:
    """Claims by verdict in the last report, where it is of this data and preset."""
    path = folder / "table.json"
    if not path.exists():
        return ""
    contents = json.loads(path.read_text())
    made_of = contents["preset"], contents["data"]["source"]
    if made_of != (setting.preset, Path(setting.data).name):
        return ""
    verdicts = [claim["verdict"] for claim in contents["claims"]]
    return " ".join(str(verdicts.count(verdict)) for verdict in VERDICTS)


def data_files(setting: Setting) -> list[FileState]:
    """The state of every file that a setting's data may be read from."""
    other = setting.other or {}
    roots = dict(setting.source_args).get("root"), other.get("init_args", {}).get("root")
    paths = [path for root in filter(None, roots) for path in sorted(Path(root).rglob("*"))]
    stats = [path.stat() for path in paths]
    return [(str(p), s.st_size, s.st_mtime_ns) for p, s in zip(paths, stats, strict=True)]


def recall(table: Table, setting: Setting, results: Path, files: Sequence[FileState]) -> Plan:
    """A table's plan as it was when the data, the table and the code were as they are now.

    Nothing is trained by a plan that is recalled.

    Args:
        table: table to plan.
        setting: data and preset.
        results: folder of the results, in which plans are kept.
        files: state of the data's files, from `data_files`, which takes long in a large folder.

    Raises:
        UserError: the data do not serve the table.
    """
    key = _key(table, setting, files)
    path = results / "plans" / f"{table.name}-{key}.json"
    if path.exists():
        remembered = json.loads(path.read_text())
    else:
        try:
            found, _, _ = plan(table, setting)
        except UserError as error:
            remembered = {"refused": str(error)}
        else:
            remembered = {
                "fingerprints": found.fingerprints,
                "trainings": {
                    row: [training.model_dump() for training in trainings]
                    for row, trainings in found.trainings.items()
                },
                "skipped": found.skipped,
                "other": found.setting.other_fingerprint,
            }
        write_json(path, remembered)
    if "refused" in remembered:
        raise UserError(remembered["refused"])
    trainings = {
        row: [Training(**each) for each in own] for row, own in remembered["trainings"].items()
    }
    setting = replace(setting, other_fingerprint=remembered["other"])
    return Plan(table, setting, remembered["fingerprints"], trainings, remembered["skipped"])


def _key(table: Table, setting: Setting, files: Sequence[FileState]) -> str:
    """A hash of all that a plan depends on, without reading the data."""
    contents: list[Any] = [repr((table, setting)), files]
    for name, row in table.rows.items():
        trainings = [training.protocol for training in table.trainings(name)]
        for protocol in ("subject", CROSS_DATASET, *trainings):
            configs = [path.read_text() for path in setting.configs(row, protocol).values()]
            named = [yaml.safe_load(text) for text in configs]
            contents += [configs, whole_code([*named, setting.other or {}])]
    return digest(contents, size=5)
