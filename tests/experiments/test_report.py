"""How figures are laid out for people."""

from experiments.report import Cell, grids


def contents(columns):
    """Two measured rows, one of them skipped, and one that is published alone."""
    names = [f"c{number}" for number in range(columns)]
    return {
        "rows": ["A", "B"],
        "columns": names,
        "column_titles": {name: name.upper() for name in names},
        "cells": {
            "A": {name: {"mean": 10.0 + n, "std": 1.0} for n, name in enumerate(names)},
            "B": {name: {"mean": None, "std": None} for name in names},
        },
        "paper": {"cells": {"A": {"c0": 9.0}, "Z": {"c1": 7.0}}},
    }


def test_a_narrow_table_keeps_its_rows():
    measured, published = grids(contents(2))
    assert measured.heads == ["C0", "C1"]
    assert measured.lines == {
        "A": [Cell("10.0 ± 1.0", True, "9.0"), Cell("11.0 ± 1.0", True, "-")],
        "B": [Cell("-", False, "-"), Cell("-", False, "-")],
    }
    assert [cell.paper for cell in published.lines["Z"]] == ["-", "7.0"]
    assert (measured.measured, published.measured) == (True, False)


def test_a_wide_table_has_its_rows_side_by_side():
    measured, published = grids(contents(16))
    assert measured.heads == ["A", "B"]
    assert list(measured.lines) == [f"C{number}" for number in range(16)]
    assert measured.lines["C0"] == [Cell("10.0 ± 1.0", True, "9.0"), Cell("-", False, "-")]
    assert published.heads == ["Z"]
    assert published.lines["C1"] == [Cell("", False, "7.0")]
