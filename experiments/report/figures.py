"""Figures of a report: curves that Plotly draws in the page, and the intervals of claims."""

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

_COLORS = ("#c2410c", "#0369a1", "#15803d", "#7e22ce")
# five, which share no factor with the four colours: twenty rows look different
_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up")
# width of the drawing of an interval, and the margin at its ends
WIDTH, _MARGIN = 200.0, 8.0


def curve_figure(curve: Mapping[str, Any]) -> dict[str, Any]:
    """The error at each point and, dotted where it means something, its mean up to there.

    Args:
        curve: one of the curves of a `table.json`.

    Returns:
        `data` and `layout` for Plotly.
    """
    figure = go.Figure()
    for number, (row, points) in enumerate(curve["rows"].items()):
        values, color = list(points.values()), _COLORS[number % len(_COLORS)]
        if curve["bars"]:
            figure.add_bar(x=list(points), y=values, name=row, marker_color=color)
            continue
        running = [sum(values[: n + 1]) / (n + 1) for n in range(len(values))]
        drawn = [(row, values, "solid"), (f"{row}, mean up to here", running, "dot")]
        for name, line, dash in drawn[: 1 + curve["running"]]:
            figure.add_scatter(
                x=list(points),
                y=line,
                name=name,
                line={"dash": dash, "color": color},
                marker={"symbol": _SYMBOLS[number % len(_SYMBOLS)], "size": 7},
                mode="lines+markers",
            )
    figure.update_layout(
        template="plotly_white",
        # Plotly would read 10-20 as a date
        xaxis={"type": "category", "title": curve["axis"], "automargin": True},
        yaxis={"title": curve["unit"], "automargin": True},
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
        margin={"l": 50, "r": 10, "t": 20, "b": 40},
        # a finger that drags a figure scrolls the page
        dragmode=False,
    )
    plain: dict[str, Any] = json.loads(figure.to_json())
    return plain


@cache
def plotly_code() -> str:
    """Plotly's script, compressed: 2 MB in a page instead of 5."""
    return b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


def drawn_intervals(claim: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where the comparisons of a claim are drawn, all on one scale that holds zero.

    Args:
        claim: one of the claims of a `table.json`.

    Returns:
        For each comparison its `verdict`, its `text`, and the places of `zero`, `mean`,
        `low` and `high` from 0 to `WIDTH`; None where there is no such figure.
    """
    ends = ("mean", "low", "high")
    all_ = [each[end] for each in claim["comparisons"] for end in ends]
    known = [0.0, *(value for value in all_ if value is not None)]
    least, span = min(known), max(known) - min(known) or 1.0

    def place(value: float | None) -> float | None:
        if value is None:
            return None
        return round(_MARGIN + (WIDTH - 2 * _MARGIN) * (value - least) / span, 1)

    return [
        {"text": each["text"], "verdict": each["verdict"], "zero": place(0.0)}
        | {end: place(each[end]) for end in ends}
        for each in claim["comparisons"]
    ]
