"""What a table leaves for people: the terminal's table, `table.md` and `index.html`."""

import json
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.console import Console
from rich.table import Table as RichTable

from experiments.files import write_json, write_text
from experiments.tables import load_table, table_names

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=lambda name: bool(name and "html" in name),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_STYLES = {"holds": "green", "reversed": "red", "undecided": "yellow"}


def headline(contents: dict[str, Any]) -> str:
    """What the figures were made of, and whether the paper's may stand beside them."""
    data, preset = contents["data"], contents["preset"]
    ran = f"Measured on {data['title']}, preset {preset}, seeds {_listed(contents['seeds'])}."
    if contents["comparable"]:
        return f"{ran} The paper's figures are from the same data and schedule."
    return (
        f"{ran} NOT COMPARABLE with the paper's figures, which are from Human3.6M and the full "
        "schedule: they are printed for their order, not their size."
    )


def write_report(folder: Path, contents: dict[str, Any]) -> None:
    """Write `table.json`, `table.md` and `index.html`.

    Args:
        folder: of the table's results.
        contents: as `summarise` gives them.
    """
    write_json(folder / "table.json", contents)
    for template, name in (("table.md.jinja", "table.md"), ("report.html.jinja", "index.html")):
        text = _TEMPLATES.get_template(template).render(
            **contents,
            headline=headline(contents),
            figures=[_figure(curve) for curve in contents["curves"].values()]
            if "html" in name
            else [],
            cell=lambda row, column: _cell(contents["cells"][row][column]),
            best={column: _best(contents, column) for column in contents["columns"]},
        )
        write_text(folder / name, text)


def print_table(contents: dict[str, Any], folder: Path) -> None:
    """Print the table, measured beside published, and the verdicts."""
    console = Console()
    table = RichTable(title=contents["title"], caption=headline(contents), caption_justify="left")
    table.add_column("")
    for column in contents["columns"]:
        table.add_column(contents["column_titles"][column], justify="right")
        table.add_column("paper", justify="right", style="dim")
    for row in contents["rows"]:
        figures = []
        for column in contents["columns"]:
            figure = _cell(contents["cells"][row][column])
            figures.append(f"[bold]{figure}[/]" if row == _best(contents, column) else figure)
            figures.append(f"{contents['paper']['cells'][row][column]:.1f}")
        table.add_row(row, *figures)
    console.print(table)
    for claim in contents["claims"]:
        style = _STYLES[claim["verdict"]]
        console.print(f"[{style}]{claim['verdict']:>9}[/]  {claim['text']}")
        console.print(f"           [dim]{claim['detail']}[/]", highlight=False)
    console.print(f"\nReport: {folder / 'index.html'}", highlight=False, soft_wrap=True)


def print_tables(results: Path) -> None:
    """Print every table there is, and what of it stands in the results folder."""
    table = RichTable("table", "what", "state")
    for name in table_names():
        written = results / name / "table.json"
        state = "not run"
        if written.exists():
            held = json.loads(written.read_text())
            seeds = f"{held['preset']}, seeds {_listed(held['seeds'])}"
            state = (
                f"{'complete' if held['complete'] else 'begun'}: {held['data']['title']}, {seeds}"
            )
        table.add_row(name, load_table(name).title, state)
    Console().print(table)


def _cell(cell: dict[str, Any]) -> str:
    if cell["mean"] is None:
        return "-"
    spread = "" if cell["std"] is None else f" ± {cell['std']:.1f}"
    return f"{cell['mean']:.1f}{spread}"


def _best(contents: dict[str, Any], column: str) -> str | None:
    measured = {
        row: contents["cells"][row][column]["mean"]
        for row in contents["rows"]
        if contents["cells"][row][column]["mean"] is not None
    }
    return min(measured, key=measured.__getitem__, default=None)


def _figure(curve: dict[str, Any]) -> str:
    """The error at each tenth of rareness and, dashed, its mean over all rarer tenths too."""
    figure = go.Figure()
    for number, (row, points) in enumerate(curve["rows"].items()):
        values = list(points.values())
        running = [sum(values[: n + 1]) / (n + 1) for n in range(len(values))]
        for name, line, dash in (
            (row, values, "solid"),
            (f"{row}, rarest up to here", running, "dot"),
        ):
            color = ("#c2410c", "#0369a1", "#15803d", "#7e22ce")[number % 4]
            style = {"dash": dash, "color": color}
            figure.add_scatter(x=list(points), y=line, name=name, line=style, mode="lines+markers")
    figure.update_layout(
        template="plotly_white",
        # Plotly would read 10-20 as a date
        xaxis={"type": "category", "title": "rareness, % of the test poses (left: rarest)"},
        yaxis_title="MPJPE, mm",
        legend={"orientation": "h", "y": -0.25},
        margin={"l": 50, "r": 20, "t": 20, "b": 40},
    )
    html: str = figure.to_html(
        full_html=False, include_plotlyjs=True, config={"responsive": True, "displaylogo": False}
    )
    return html


def _listed(values: list[Any]) -> str:
    return ", ".join(map(str, values))
