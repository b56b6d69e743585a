"""Verdicts against SciPy's paired test and made-up figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.config.claims import Claim
from experiments.judge.claims import MeasuredFigures
from experiments.judge.claims import judge as judge_measured
from experiments.judge.evidence import Evidence


def claim(**comparison):
    """A claim of one comparison."""
    return Claim(text="A beats B", comparisons=(comparison,))


def judge(claim, figures, higher=()):
    return judge_measured(claim, MeasuredFigures(figures, higher))


ORDER = claim(kind="order", better="A", worse=["B"], columns=["c"])
GROWTH = claim(kind="growing_gain", better="A", worse="B", along=["c", "d", "e"])


def figures(better, worse):
    return seeds_alone({"A": {"c": better}, "B": {"c": worse}})


def seeds_alone(held):
    """Figures of which nothing is known but their seeds."""
    return {
        row: {column: Evidence(np.array(seen, float)) for column, seen in columns.items()}
        for row, columns in held.items()
    }


@given(
    st.lists(
        st.tuples(st.floats(10, 99, width=16), st.floats(10, 99, width=16)), min_size=2, max_size=9
    )
)
def test_an_order_is_the_paired_t_test(pairs):
    better, worse = np.array(pairs).T
    verdict = judge(ORDER, figures(better, worse))["verdict"]
    if np.ptp(worse - better) == 0:
        return
    test = stats.ttest_rel(worse, better)
    expected = "undecided"
    if test.pvalue < 0.05:
        expected = "holds" if test.statistic > 0 else "reversed"
    if abs(test.pvalue - 0.05) > 1e-6:
        assert verdict == expected


def test_where_more_is_better_the_better_row_has_more():
    held = figures([80.0, 81.0], [70.0, 72.0])
    assert judge(ORDER, held)["verdict"] != "holds"
    judged = judge(ORDER, held, higher={"c"})
    assert judged["verdict"] == judge(ORDER, figures([-80.0, -81.0], [-70.0, -72.0]))["verdict"]
    assert judged["detail"].startswith("A - B, c: +9.5")


def test_one_seed_alone_decides_nothing():
    judged = judge(ORDER, figures([10.0], [90.0]))
    assert judged["verdict"] == "undecided"
    assert "+80.0 (one seed)" in judged["detail"]


@pytest.mark.parametrize(
    ("growth", "verdict"), [((5, 5), "holds"), ((-5, -5), "reversed"), ((5, -5), "reversed")]
)
def test_a_trend_compares_neighbouring_columns(growth, verdict):
    seeds = np.array([0.0, 0.1, 0.2])
    gains = np.cumsum([1.0, *growth])
    worse = {c: 50 + g + seeds for c, g in zip("cde", gains, strict=True)}
    better = dict.fromkeys("cde", 50 + seeds**2)
    assert judge(GROWTH, seeds_alone({"A": better, "B": worse}))["verdict"] == verdict


def test_a_claim_needs_all_of_its_comparisons():
    both = claim(kind="order", better="A", worse=["B", "C"], columns=["c"])
    held = {"A": {"c": [1.0, 1.1]}, "B": {"c": [5.0, 5.2]}, "C": {"c": [1.0, 1.2]}}
    assert judge(both, seeds_alone(held))["verdict"] == "undecided"


@pytest.mark.parametrize(("step", "verdict"), [(5, "holds"), (-5, "reversed"), (0, "undecided")])
def test_a_rise_compares_a_rows_own_columns(step, verdict):
    seeds = np.array([0.0, 0.1, 0.2])
    rise = claim(kind="rise", rows=["A"], along=["c", "d"])
    judged = judge(rise, seeds_alone({"A": {"c": 50 + seeds, "d": 50 + step + seeds[::-1]}}))
    assert judged["verdict"] == verdict
    assert judged["detail"].startswith(f"A, d against c: {step:+.1f}")


@pytest.mark.parametrize(("height", "verdict"), [(0.5, "holds"), (1.5, "reversed")])
def test_a_limit_is_compared_with_the_figures(height, verdict):
    seeds = np.array([0.0, 0.01, 0.02])
    below = claim(kind="below", rows=["A"], columns=["c"], limit=1.0)
    judged = judge(below, seeds_alone({"A": {"c": height + seeds}}))
    assert judged["verdict"] == verdict
    assert judged["detail"].startswith("1.0 - A, c")


@given(st.lists(st.lists(st.floats(10, 99, width=16), min_size=4, max_size=4), min_size=2))
def test_gains_are_compared_by_the_paired_t_test(seeds):
    a, b, c, d = np.array(seeds).T
    larger = claim(
        kind="larger_gain",
        more={"better": "A", "worse": "B"},
        less={"better": "C", "worse": "D"},
        columns=["c"],
    )
    held = seeds_alone({n: {"c": v} for n, v in zip("ABCD", (a, b, c, d), strict=True)})
    verdict = judge(larger, held)["verdict"]
    if np.ptp((b - a) - (d - c)) == 0:
        return
    test = stats.ttest_rel(b - a, d - c)
    if abs(test.pvalue - 0.05) > 1e-6:
        expected = "undecided"
        if test.pvalue < 0.05:
            expected = "holds" if test.statistic > 0 else "reversed"
        assert verdict == expected


def test_what_was_not_measured_decides_nothing():
    judged = judge(ORDER, figures([10.0, 11.0], []))
    assert judged["verdict"] == "undecided"
    assert judged["confidence"] is None
    assert judged["detail"] == "B - A, c: not measured"
    assert judge(ORDER, figures([], []))["verdict"] == "undecided"


@given(st.lists(st.lists(st.floats(10, 99, width=16), min_size=4, max_size=4), min_size=3))
def test_a_slope_is_the_mean_of_each_seeds_least_squares(seeds):
    held = np.array(seeds)
    trend = claim(kind="trend", rows=list("ABCD"), columns=["c"])
    (slope,) = judge(
        trend, seeds_alone({n: {"c": v} for n, v in zip("ABCD", held.T, strict=True)})
    )["comparisons"]
    fitted = [stats.linregress(range(4), seed).slope for seed in held]
    assert slope["mean"] == pytest.approx(-np.mean(fitted), abs=1e-9)
