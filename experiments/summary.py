"""What `table.json` holds: the figures of all runs, beside the paper's, with verdicts."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from datamodules import PoseSequences
from experiments.claims import TEST, Figures, judge
from experiments.runs import Run, Setting
from experiments.tables import Curve, Table


def summarise(
    table: Table,
    setting: Setting,
    seeds: Sequence[int],
    runs: Sequence[Run],
    data: PoseSequences,
    skipped: Mapping[str, str],
) -> dict[str, Any]:
    """Gather finished runs; equal runs give equal contents, to the letter.

    Args:
        table: the table.
        setting: data and preset.
        seeds: in the order that every cell's figures stand in.
        runs: all runs of the table.
        data: what they ran on.
        skipped: row that was not run -> why.
    """
    done = [run for run in runs if not run.missing]
    figures = {
        row: {
            column: [
                seen[each.metric]
                for run in done
                if run.row == row
                and run.serves(each)
                and each.metric in (seen := run.figures(each))
            ]
            for column, each in table.columns.items()
        }
        for row in table.rows
    }
    absent = [column for column in table.columns if not any(figures[r][column] for r in figures)]
    return {
        "table": table.name,
        "title": table.title,
        "rows": list(table.rows),
        "columns": list(table.columns),
        "column_titles": {name: each.title or name for name, each in table.columns.items()},
        "cells": {
            row: {column: _cell(seen, table.unit) for column, seen in columns.items()}
            for row, columns in figures.items()
        },
        "skipped": dict(skipped),
        "absent": absent if done else [],
        "paper": {"source": table.paper, "cells": table.published},
        "comparable": setting.data == "h36m" and setting.preset == "paper",
        "claims": [judge(claim, figures) for claim in table.claims],
        "test": TEST,
        "ruler": {"all": table.ruler} | {n: c.ruler for n, c in table.columns.items() if c.ruler},
        "curves": {name: _curve(each, figures, done) for name, each in table.curves.items()},
        "data": {
            "source": setting.data,
            "title": data.title,
            "fingerprint": data.fingerprint(),
            "frames": len(data),
            "splits": {part: list(subjects) for part, subjects in data.splits.items()},
        },
        "preset": setting.preset,
        "seeds": list(seeds),
        "notes": table.notes,
        "commit": _commit(),
        "complete": len(done) == len(runs),
    }


def _cell(seen: Sequence[float], unit: str) -> dict[str, Any]:
    return {
        "mean": fmean(seen) if seen else None,
        "std": stdev(seen) if len(seen) > 1 else None,
        "n": len(seen),
        "unit": unit,
        "seeds": seen,
    }


def _curve(curve: Curve, figures: Figures, runs: Sequence[Run]) -> dict[str, Any]:
    """Row -> point -> mean over seeds, in the points' order."""
    rows = {}
    for row in curve.rows:
        points = {point: list(figures[row][column]) for point, column in curve.columns.items()}
        if measured := curve.measured:
            for run in (run for run in runs if run.row == row and run.serves(measured)):
                for metric, value in sorted(run.figures(measured).items()):
                    if metric.startswith(f"{measured.metric}/"):
                        points.setdefault(metric.split("/", 1)[1], []).append(value)
        if means := {point: fmean(values) for point, values in points.items() if values}:
            rows[row] = means
    kind = {"axis": curve.axis, "running": curve.running, "bars": curve.bars}
    return {"title": curve.title, "rows": rows} | kind


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
