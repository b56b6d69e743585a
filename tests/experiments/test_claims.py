"""Verdicts against SciPy's paired test and made-up figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.claims import judge

ORDER = {"text": "A beats B", "orders": [{"better": "A", "worse": ["B"], "columns": ["c"]}]}
TREND = {"text": "grows", "gain": {"better": "A", "worse": "B", "along": ["c", "d", "e"]}}


def figures(better, worse):
    return {"A": {"c": better}, "B": {"c": worse}}


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


def test_one_seed_decides_nothing():
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
    assert judge(TREND, {"A": better, "B": worse})["verdict"] == verdict


def test_a_claim_needs_all_of_its_comparisons():
    claim = {"text": "", "orders": [{"better": "A", "worse": ["B", "C"], "columns": ["c"]}]}
    held = {"A": {"c": [1.0, 1.1]}, "B": {"c": [5.0, 5.2]}, "C": {"c": [1.0, 1.2]}}
    assert judge(claim, held)["verdict"] == "undecided"
