"""Spread against NumPy, however figures are dealt."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.aggregate import Spread


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40), st.integers(1, 7))
def test_it_is_the_deviation_of_all_figures(figures, size):
    metric = Spread()
    for batch in torch.tensor(figures).split(size):
        metric.update(batch)
    held = torch.tensor(figures).double().numpy()
    assert metric.compute().item() == pytest.approx(np.std(held), abs=1e-4)


def test_ranks_add_up():
    figures = torch.randn(3, 5)
    parts = [Spread() for _ in range(3)]
    for part, row in zip(parts, figures, strict=True):
        part.update(row)
    whole = Spread()
    whole.sums = torch.stack([part.sums for part in parts]).sum(0)
    assert whole.compute().item() == pytest.approx(np.std(figures.double().numpy()))
    assert Spread()._reductions["sums"](torch.ones(2, 3)).tolist() == [2, 2, 2]


def test_no_figures():
    assert Spread().compute().isnan()
