"""The contents of `table.json`: the figures of all runs, those of the paper, and verdicts."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from experiments.config.setting import SMOKE
from experiments.config.tables import Curve, Table
from experiments.judge.claims import TEST, MeasuredFigures, judge
from experiments.judge.evidence import Evidence, over_seeds, total
from experiments.runs.costs import Spent
from experiments.runs.environment import environment, machines
from experiments.runs.plan import Planned
from experiments.runs.run import Run


def summarise(planned: Planned, failed: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Gather finished runs; equal runs give equal contents but for the seconds that they took.

    Where runs have failed, the figures are those of the seeds that all rows have, but for rows
    that have none.

    Args:
        planned: runs and data of a table.
        failed: name of each row with a failed run -> the error.
    """
    skipped, runs, seeds = dict(planned.plan.skipped), planned.runs, planned.seeds
    if failed:
        by_row = {row: planned.seeds_done(row) for row in planned.plan.fingerprints}
        common = set.intersection(*[each for each in by_row.values() if each] or [set()])
        seeds = [seed for seed in seeds if seed in common]
        skipped |= {row: why for row, why in failed.items() if not by_row[row]}
        runs = [run for run in runs if run.missing or run.seed in common]
    table, setting = planned.plan.table, planned.plan.setting
    data, other = planned.data, planned.other
    done = [run for run in runs if not run.missing]
    figures = {row: _figures(table, row, done) for row in table.rows}
    higher = [column for column, each in table.columns.items() if each.higher]
    measured = MeasuredFigures(figures, higher)
    absent = [
        column
        for column in table.columns
        if not any(len(figures[row][column].seeds) for row in figures)
    ]
    # a few steps of training decide nothing
    unjudged = {"verdict": "undecided", "confidence": None} if setting.preset == SMOKE else {}
    return {
        "table": table.name,
        "title": table.title,
        "rows": list(table.rows),
        "columns": list(table.columns),
        "unit": table.unit,
        "column_titles": {
            name: (each.title or name) + (f", {each.unit}" if each.unit else "")
            for name, each in table.columns.items()
        },
        "cells": {
            row: {
                column: _cell(evidence, table.columns[column].unit or table.unit)
                for column, evidence in columns.items()
            }
            for row, columns in figures.items()
        },
        # folder names, which are the identities of a row's runs
        "runs": {row: [run.folder.name for run in runs if run.row == row] for row in table.rows},
        "skipped": skipped,
        "absent": absent if done else [],
        "paper": {"source": table.paper, "cells": table.published},
        "comparable": setting.preset == "paper"
        and setting.data == "h36m"
        and setting.ranks == 1
        and (other is None or bool(other.scenes)),
        "higher": higher,
        "controls": [column for column, each in table.columns.items() if each.control],
        "claims": [judge(claim, measured) | unjudged for claim in table.claims],
        "test": TEST,
        "ruler": {"all": table.ruler} | {n: c.ruler for n, c in table.columns.items() if c.ruler},
        "curves": {
            name: _curve(each, figures, done) | {"unit": each.unit or table.unit}
            for name, each in table.curves.items()
        },
        "data": {
            "source": Path(setting.data).name,
            "title": data.title,
            "tested_on": other and other.title,
            "fingerprint": data.fingerprint(),
            "frames": len(data),
            "splits": {split: list(subjects) for split, subjects in data.splits.items()},
        },
        "preset": setting.preset,
        "ranks": setting.ranks,
        "seeds": list(seeds),
        "notes": table.notes,
        "commit": _commit(),
        "environment": _environment(planned, done, figures),
        "complete": len(done) == len(runs),
    }


def _figures(table: Table, row: str, done: Sequence[Run]) -> dict[str, Evidence]:
    """Column -> the figure of a row over all seeds."""
    runs = [run for run in done if run.row == row]
    frames = cache(lambda number, test: runs[number].frames(test))
    figures: dict[str, Evidence] = {}
    for column, each in table.columns.items():
        if each.mean:
            columns = [figures[name] for name in each.mean if len(figures[name].seeds)]
            figures[column] = (
                total(columns) * (1 / len(columns)) if columns else Evidence(np.empty(0))
            )
            continue
        served = {n: run.figures(each) for n, run in enumerate(runs) if run.serves(each)}
        seen = {n: has[each.metric] for n, has in served.items() if each.metric in has}
        left = [frames(n, runs[n].test(each)) for n in seen]
        figures[column] = over_seeds(seen.values(), left, each.metric)
    return figures


def _cell(evidence: Evidence, unit: str) -> dict[str, Any]:
    seen = evidence.seeds.tolist()
    return {
        "mean": fmean(seen) if seen else None,
        "std": stdev(seen) if len(seen) > 1 else None,
        "n": len(seen),
        "unit": unit,
        "seeds": seen,
    }


def _curve(
    curve: Curve, figures: Mapping[str, Mapping[str, Evidence]], runs: Sequence[Run]
) -> dict[str, Any]:
    """Row or line -> point -> mean over seeds, in the points' order."""
    rows: dict[str, dict[str, float]] = {}
    for row in curve.rows:
        points = {
            point: figures[row][column].seeds.tolist() for point, column in curve.columns.items()
        }
        if measured := curve.measured:
            for run in (run for run in runs if run.row == row and run.serves(measured)):
                for metric, value in sorted(run.figures(measured).items()):
                    if metric.startswith(f"{measured.metric}/"):
                        points.setdefault(metric.split("/", 1)[1], []).append(value)
        if means := {point: fmean(values) for point, values in points.items() if values}:
            rows[row] = means
    for line, points_of in curve.lines.items():
        seen = {point: figures[row][curve.column].seeds for point, row in points_of.items()}
        rows[line] = {point: fmean(seeds) for point, seeds in seen.items() if len(seeds)}
    kind = {"axis": curve.axis, "running": curve.running, "bars": curve.bars}
    return {"title": curve.title, "rows": rows} | kind


def _environment(
    planned: Planned, done: Sequence[Run], figures: Mapping[str, Mapping[str, Evidence]]
) -> dict[str, Any]:
    """Where the runs were trained, and how long a cell takes: training and measuring together."""
    spent = [Spent.of(run) for run in {run.folder: run for run in done}.values()]
    cells = sum(len(each.seeds) > 0 for columns in figures.values() for each in columns.values())
    seconds = sum(each.training + each.rest for each in spent)
    return {
        "seconds_per_cell": round(seconds / cells, 1) if cells else None,
        **asdict(environment()),
        **machines(run.folder for run in done),
        "trained_anew": planned.trained_anew,
    }


def _commit() -> str | None:
    """The commit of the checkout that ran, marked where its files differ from it."""
    git = [
        "git",
        "-C",
        str(Path(__file__).parent),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
    ]
    try:
        described = subprocess.run(git, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None  # installed without its repository
    return described.stdout.strip()
