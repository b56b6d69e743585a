"""What `table.json` holds: the figures of all runs, beside the paper's, with verdicts."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from datamodules import PoseSequences
from experiments.claims import TEST, judge
from experiments.runs import Run, Setting
from experiments.tables import Measurement, Table


def summarise(
    table: Table, setting: Setting, seeds: Sequence[int], runs: Sequence[Run], data: PoseSequences
) -> dict[str, Any]:
    """Gather finished runs; equal runs give equal contents, to the letter.

    Args:
        table: the table.
        setting: data and preset.
        seeds: in the order that every cell's figures stand in.
        runs: all runs of the table.
        data: what they ran on.
    """
    figures = {
        row: {
            column: [
                run.metrics[measurement.key][measurement.metric]
                for run in runs
                if run.row == row and not run.missing
            ]
            for column, measurement in table.columns.items()
        }
        for row in table.rows
    }
    return {
        "table": table.name,
        "title": table.title,
        "rows": list(table.rows),
        "columns": list(table.columns),
        "column_titles": {name: each.title for name, each in table.columns.items()},
        "cells": {
            row: {column: _cell(seen, table.unit) for column, seen in columns.items()}
            for row, columns in figures.items()
        },
        "paper": {"source": table.paper, "cells": table.published},
        "comparable": setting.data == "h36m" and setting.preset == "paper",
        "claims": [judge(claim, figures) for claim in table.claims],
        "test": TEST,
        "ruler": {"all": table.ruler} | {n: each.ruler for n, each in table.columns.items()},
        "curves": {name: _curve(name, each, table, runs) for name, each in table.curves.items()},
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
        "complete": not any(run.missing for run in runs),
    }


def _cell(seen: list[float], unit: str) -> dict[str, Any]:
    return {
        "mean": fmean(seen) if seen else None,
        "std": stdev(seen) if len(seen) > 1 else None,
        "n": len(seen),
        "unit": unit,
        "seeds": seen,
    }


def _curve(
    name: str, measurement: Measurement, table: Table, runs: Sequence[Run]
) -> dict[str, Any]:
    """Row -> point -> mean over seeds, in the points' order."""
    rows: dict[str, dict[str, float]] = {}
    for row in measurement.rows:
        seen: dict[str, list[float]] = {}
        for run in runs:
            if run.row == row and not run.missing:
                for metric, value in run.metrics[measurement.key].items():
                    if metric.startswith(f"{measurement.metric}/"):
                        seen.setdefault(metric.split("/", 1)[1], []).append(value)
        rows[row] = {point: fmean(values) for point, values in sorted(seen.items())}
    return {"title": measurement.title, "rows": rows}


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
