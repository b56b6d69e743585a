"""The report of a table: in the terminal, in `table.md` and in `index.html`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from datamodules.skeletons import Skeleton
from experiments.config.setting import SMOKE
from experiments.report.figures import curve_figure, drawn_intervals, plotly_code
from experiments.report.pages import TEMPLATES
from experiments.report.predictions import bars, predictions
from experiments.report.viewer import viewer_html
from experiments.runs.files import write_json, write_text
from experiments.runs.run import Run

# number of columns that fit a page, each with the published figures
_WIDE = 6
_STYLES = {"holds": "green", "reversed": "red", "undecided": "yellow"}


def headline(contents: dict[str, Any]) -> str:
    """Data, preset and seeds of the figures, and whether they may be compared with the paper's."""
    return " ".join([_measured_on(contents), *_mixed(contents["environment"])])


def environment_line(environment: Mapping[str, Any]) -> str:
    """Where a table was made, and how long a cell takes."""
    device = environment["device"]
    where = [
        *(["on " + device] if device != "cpu" else []),
        f"processor {_listed_or_one(environment['processor'])}",
        f"{_listed_or_one(environment['cores'])} cores",
        f"Python {_listed_or_one(environment['python'])}",
        f"torch {environment['torch']}",
        f"NumPy {environment['numpy']}",
        f"Lightning {environment['lightning']}",
    ]
    if (seconds := environment["seconds_per_cell"]) is not None:
        where.append(f"{seconds:.1f} s a cell, training included")
    return ", ".join(where)


def _mixed(environment: Mapping[str, Any]) -> list[str]:
    """What runs of other environments are to a table, a sentence each."""
    several = [key for key in ("processor", "python", "cores") if _several(environment[key])]
    mixed = [
        f"Its runs were trained with different {'processors' if key == 'processor' else key}: "
        f"{_listed_or_one(environment[key])}."
        for key in several
    ]
    return [*environment["trained_anew"], *mixed]


def _several(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, list) and len(value) > 1


def _listed_or_one(value: Any) -> str:  # noqa: ANN401
    return _listed(value) if isinstance(value, list) else str(value)


def _measured_on(contents: dict[str, Any]) -> str:
    data, preset = contents["data"], contents["preset"]
    on = f"Measured on {data['title']}"
    if data["tested_on"]:
        on = f"Trained on {data['title']}, tested on {data['tested_on']}"
    ran = f"{on}, preset {preset}, seeds {_listed(contents['seeds'])}."
    if (ranks := contents["ranks"]) > 1:
        ran += f" Trained on {ranks} ranks, each with the preset's batches."
    if preset == SMOKE:
        return f"{ran} A few steps of training: the figures mean nothing and decide nothing."
    if not contents["paper"]["source"]:
        return ran
    if contents["comparable"]:
        return f"{ran} The paper's figures are from the same data and schedule."
    return (
        f"{ran} NOT COMPARABLE with the paper's figures, which are from Human3.6M and the full "
        "schedule: they are printed for their order, not their size."
    )


@dataclass(frozen=True)
class Cell:
    """A figure as text: measured, whether it is the best of its column, and published."""

    measured: str
    best: bool
    paper: str


@dataclass(frozen=True)
class Grid:
    """A table of figures as text.

    Attributes:
        heads: titles of the columns from left to right.
        lines: title of every line, which several may share, and its cells.
        measured: whether there are measured figures.
        paper: whether there are published ones.
    """

    heads: list[str]
    lines: list[tuple[str, list[Cell]]]
    measured: bool
    paper: bool


def grids(contents: dict[str, Any]) -> list[Grid]:
    """Lay out the rows that were run and, in a second grid, those that are only published.

    Where a table has more columns than fit a page, the rows that were run become columns.
    """
    rows = _run(contents)
    others = [row for row in contents["paper"]["cells"] if row not in rows]
    return [_grid(contents, each) for each in (rows, others) if each]


def _run(contents: dict[str, Any]) -> list[str]:
    return [row for row in contents["rows"] if row not in contents["skipped"]]


def _grid(contents: dict[str, Any], rows: list[str]) -> Grid:
    columns = contents["columns"]
    measured = rows[0] in _run(contents)
    if not measured:
        published = {column for row in rows for column in contents["paper"]["cells"].get(row, {})}
        columns = [column for column in columns if column in published]
    paper = any(row in contents["paper"]["cells"] for row in rows)
    heads = [contents["column_titles"][column] for column in columns]
    lines = [[_cell(contents, row, column) for column in columns] for row in rows]
    if measured and len(columns) > _WIDE:
        heads, rows, lines = rows, heads, [list(line) for line in zip(*lines, strict=True)]
    return Grid(heads, list(zip(rows, lines, strict=True)), measured, paper)


def _cell(contents: dict[str, Any], row: str, column: str) -> Cell:
    published = contents["paper"]["cells"].get(row, {}).get(column)
    paper = "-" if published is None else f"{published:.1f}"
    if row not in _run(contents):
        return Cell("", False, paper)
    measured = {name: contents["cells"][name][column]["mean"] for name in _run(contents)}
    cell = contents["cells"][row][column]
    if cell["mean"] is None:
        return Cell("-", False, paper)
    choose = max if column in contents["higher"] else min
    best = cell["mean"] == choose(mean for mean in measured.values() if mean is not None)
    best &= column not in contents["controls"]
    spread = "" if cell["std"] is None else f" ± {cell['std']:.1f}"
    return Cell(f"{cell['mean']:.1f}{spread}", best, paper)


def gaps(contents: dict[str, Any]) -> list[str]:
    """A sentence for everything that is missing in the table, with the reason."""
    why: dict[str, list[str]] = {}
    for row, reason in contents["skipped"].items():
        why.setdefault(reason, []).append(row)
    sentences = [f"Not run: {_listed(rows)}: {reason}." for reason, rows in why.items()]
    if contents["absent"]:
        titles = [contents["column_titles"][column] for column in contents["absent"]]
        sentences.append(f"These data have no {_listed(titles)}.")
    return sentences


def confidence(claim: Mapping[str, Any]) -> str:
    """Confidence of a verdict in percent, at most "over 99.9 %"."""
    value = claim["confidence"]
    return "over 99.9 %" if value > 99.9 else f"{value:.1f} %"


def write_report(
    folder: Path, contents: dict[str, Any], runs: Sequence[Run], skeleton: Skeleton
) -> None:
    """Write `table.json`, `table.md` and `index.html`.

    Args:
        folder: folder of the table's results.
        contents: contents of `table.json`, as `summarise` returns them.
        runs: runs of the table; `index.html` shows predictions of those with the contents' seeds.
        skeleton: joint layout of the data.
    """
    write_json(folder / "table.json", contents)
    common = contents | {
        "headline": headline(contents),
        "gaps": gaps(contents),
        "made_on": environment_line(contents["environment"]),
        "grids": grids(contents),
        "bold": "a line" if len(contents["columns"]) > _WIDE else "a column",
        "confidence": confidence,
    }
    write_text(folder / "table.md", TEMPLATES.get_template("table.md.jinja").render(common))
    counted = [run for run in runs if run.seed in contents["seeds"]]
    under, predicted = predictions(counted, skeleton)
    errors = {
        "Mean distance of each joint, mm, not aligned": {r: p.joints for r, p in predicted.items()},
        "MPJPE of each action, mm, over its frames": {r: p.actions for r, p in predicted.items()},
    }
    page = TEMPLATES.get_template("report.html.jinja").render(
        common,
        predicted_under=under,
        predictions=predicted,
        errors={caption: bars(figures) for caption, figures in errors.items() if figures},
        figure=curve_figure,
        plotly=plotly_code,
        intervals=drawn_intervals,
        viewer=viewer_html,
    )
    write_text(folder / "index.html", page)


def print_table(contents: dict[str, Any], folder: Path) -> None:
    """Print the table, with published figures next to measured ones, and the verdicts."""
    console = Console()
    for grid in grids(contents):
        table = RichTable(title=contents["title"])
        if not grid.measured:
            # often many columns, and nothing to look up twice
            table = RichTable(title="As published, not run", box=None, padding=(0, 1, 0, 0))
        table.add_column("")
        for head in grid.heads:
            if grid.measured:
                table.add_column(head, justify="right")
            if grid.paper:
                title = "paper" if grid.measured else head
                table.add_column(title, justify="right", style="dim")
        for title, line in grid.lines:
            figures = []
            for cell in line:
                if grid.measured:
                    figures.append(f"[bold]{cell.measured}[/]" if cell.best else cell.measured)
                if grid.paper:
                    figures.append(cell.paper)
            table.add_row(title, *figures)
        console.print(table)
    console.print(" ".join([headline(contents), *gaps(contents)]), highlight=False)
    for claim in contents["claims"]:
        style = _STYLES[claim["verdict"]]
        sure = "" if claim["confidence"] is None else f" [dim]({confidence(claim)})[/]"
        console.print(f"[{style}]{claim['verdict']:>9}[/]  {claim['text']}{sure}", highlight=False)
        console.print(f"           [dim]{claim['detail']}[/]", highlight=False)
    console.print(f"\nReport: {folder / 'index.html'}", highlight=False, soft_wrap=True)


def _listed(values: list[Any]) -> str:
    return ", ".join(map(str, values))
