"""How figures are laid out for people."""

from experiments.report import Cell, gaps, grids


def contents(columns):
    """Two rows of which one lacks its figures, two that are skipped, one published alone."""
    names = [f"c{number}" for number in range(columns)]
    return {
        "rows": ["A", "B", "S", "T"],
        "skipped": dict.fromkeys("ST", "needs more"),
        "absent": [],
        "columns": names,
        "higher": ["c1"],
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
    assert measured.lines == {
        "A": [Cell("10.0 ± 1.0", True, "9.0"), Cell("11.0 ± 1.0", True, "-")],
        "B": [Cell("-", False, "-"), Cell("-", False, "-")],
    }
    assert list(published.lines) == ["S", "Z"]
    assert published.heads == ["C0", "C1"]
    assert [cell.paper for cell in published.lines["Z"]] == ["-", "7.0"]
    assert (measured.measured, published.measured) == (True, False)


def test_the_best_of_a_column_is_the_largest_where_more_is_better():
    held = contents(2)
    held["cells"]["B"] = {"c0": {"mean": 12.0, "std": None}, "c1": {"mean": 12.0, "std": None}}
    measured, _ = grids(held)
    assert [cell.best for cell in measured.lines["A"]] == [True, False]
    assert [cell.best for cell in measured.lines["B"]] == [False, True]


def test_a_wide_table_has_its_rows_side_by_side():
    measured, published = grids(contents(16))
    assert measured.heads == ["A", "B"]
    assert list(measured.lines) == [f"C{number}" for number in range(16)]
    assert measured.lines["C0"] == [Cell("10.0 ± 1.0", True, "9.0"), Cell("-", False, "-")]
    assert published.heads == ["C0", "C1"], "what is published alone"
    assert published.lines["Z"] == [Cell("", False, "-"), Cell("", False, "7.0")]


def test_rows_that_lack_the_same_data_share_a_sentence():
    assert gaps(contents(2) | {"absent": ["c1"]}) == [
        "Not run: S, T: needs more.",
        "These data have no C1.",
    ]
