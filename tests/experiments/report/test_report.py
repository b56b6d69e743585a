"""How figures are laid out for people."""

import pytest

from experiments.report.figures import WIDTH, curve_figure, drawn_intervals
from experiments.report.predictions import Bar, bars
from experiments.report.table import Cell, confidence, gaps, grids


def contents(columns):
    """Two rows of which one lacks its figures, two that are skipped, one published alone."""
    names = [f"c{number}" for number in range(columns)]
    return {
        "rows": ["A", "B", "S", "T"],
        "skipped": dict.fromkeys("ST", "needs more"),
        "absent": [],
        "columns": names,
        "higher": ["c1"],
        "controls": [],
        "column_titles": {name: name.upper() for name in names},
        "cells": {
            "A": {name: {"mean": 10.0 + n, "std": 1.0} for n, name in enumerate(names)},
            "B": {name: {"mean": None, "std": None} for name in names},
        },
        "paper": {"cells": {"S": {"c0": 8.0}, "A": {"c0": 9.0}, "Z": {"c1": 7.0}}},
    }


def test_a_narrow_table_keeps_its_rows():
    measured, published = grids(contents(2))
    assert measured.heads == ["C0", "C1"]
    assert measured.lines == [
        ("A", [Cell("10.0 ± 1.0", True, "9.0"), Cell("11.0 ± 1.0", True, "-")]),
        ("B", [Cell("-", False, "-"), Cell("-", False, "-")]),
    ]
    assert [title for title, _ in published.lines] == ["S", "Z"]
    assert published.heads == ["C0", "C1"]
    assert [cell.paper for cell in dict(published.lines)["Z"]] == ["-", "7.0"]
    assert (measured.measured, published.measured) == (True, False)


def test_the_best_of_a_column_is_the_largest_where_more_is_better():
    held = contents(2)
    held["cells"]["B"] = {"c0": {"mean": 12.0, "std": None}, "c1": {"mean": 12.0, "std": None}}
    measured, _ = grids(held)
    assert [cell.best for cell in dict(measured.lines)["A"]] == [True, False]
    assert [cell.best for cell in dict(measured.lines)["B"]] == [False, True]


def test_no_row_is_best_in_a_control():
    measured, _ = grids(contents(2) | {"controls": ["c0"]})
    assert [cell.best for cell in dict(measured.lines)["A"]] == [False, True]


def test_a_wide_table_has_its_rows_side_by_side():
    measured, published = grids(contents(16))
    assert measured.heads == ["A", "B"]
    assert [title for title, _ in measured.lines] == [f"C{number}" for number in range(16)]
    assert measured.lines[0][1] == [Cell("10.0 ± 1.0", True, "9.0"), Cell("-", False, "-")]
    assert published.heads == ["C0", "C1"], "what is published alone"
    assert dict(published.lines)["Z"] == [Cell("", False, "-"), Cell("", False, "7.0")]


def test_columns_of_a_wide_table_may_have_equal_titles():
    held = contents(16)
    held["column_titles"]["c3"] = held["column_titles"]["c2"]
    measured, _ = grids(held)
    figures = [(title, line[0].measured) for title, line in measured.lines[2:4]]
    assert figures == [("C2", "12.0 ± 1.0"), ("C2", "13.0 ± 1.0")]


def test_rows_that_lack_the_same_data_share_a_sentence():
    assert gaps(contents(2) | {"absent": ["c1"]}) == [
        "Not run: S, T: needs more.",
        "These data have no C1.",
    ]


def comparison(said, mean, low, high, verdict):
    return {"text": said, "mean": mean, "low": low, "high": high, "verdict": verdict}


def test_intervals_of_a_claim_share_a_scale_that_holds_zero():
    claim = {
        "comparisons": [
            comparison("a", 10.0, 5.0, 15.0, "holds"),
            comparison("b; c", -5.0, None, None, "undecided"),
            comparison("d", None, None, None, "undecided"),
        ],
    }
    first, second, third = drawn_intervals(claim)
    assert [each["text"] for each in (first, second, third)] == ["a", "b; c", "d"]
    assert 0 < second["mean"] < first["zero"] == second["zero"] < first["low"] < WIDTH
    assert first["mean"] - first["low"] == pytest.approx(first["high"] - first["mean"], abs=0.11)
    assert first["low"] - first["zero"] == pytest.approx(first["zero"] - second["mean"], abs=0.11)
    assert (second["low"], third["mean"]) == (None, None)


def test_an_interval_of_nothing_is_drawn_at_zero():
    (only,) = drawn_intervals({"comparisons": [comparison("a", 0.0, 0.0, 0.0, "holds")]})
    assert only["zero"] == only["mean"] == only["low"]


def test_confidence_is_never_said_to_be_whole():
    assert confidence({"confidence": 99.97}) == "over 99.9 %"
    assert confidence({"confidence": 95.04}) == "95.0 %"


def test_bars_are_as_long_as_their_figures():
    figures = {"A": {"hip": 10.0, "head": 40.0}, "B": {"hip": 20.0, "head": 30.0}}
    assert bars(figures) == {
        "hip": [Bar(10.0, 25, True), Bar(20.0, 50, False)],
        "head": [Bar(40.0, 100, False), Bar(30.0, 75, True)],
    }


def test_a_figure_has_the_mean_up_to_each_point_where_that_means_something():
    curve = {"rows": {"SR": {"00-10": 4.0, "10-20": 2.0}}, "axis": "rareness", "unit": "mm"}
    drawn = curve_figure(curve | {"bars": False, "running": True})
    assert [line["y"] for line in drawn["data"]] == [[4.0, 2.0], [4.0, 3.0]]
    assert drawn["layout"]["xaxis"]["type"] == "category"
    (bars_,) = curve_figure(curve | {"bars": True, "running": False})["data"]
    assert (bars_["type"], bars_["y"]) == ("bar", [4.0, 2.0])
