"""JointMean against NumPy, whatever the split."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from metrics.aggregate import JointMean


@given(st.lists(st.integers(0, 7), min_size=1, max_size=6), st.integers(0, 99))
def test_any_split_gives_the_mean_of_what_counts(sizes, seed):
    rng = np.random.default_rng(seed)
    figures, visible = rng.normal(size=(sum(sizes), 3)), rng.integers(0, 2, (sum(sizes), 3))
    figures[visible == 0] = np.nan
    mean, each = JointMean(3), JointMean(3, labels=("a", "b", "c"))
    for part, seen in zip(
        torch.from_numpy(figures).split(sizes), torch.from_numpy(visible).split(sizes), strict=True
    ):
        mean.update(part, seen)
        each.update(part, seen)
    if not visible.any():
        assert mean.compute().isnan()
        return
    assert np.isclose(mean.compute(), np.nanmean(figures), rtol=1e-12)
    for joint in range(3):
        known = figures[visible[:, joint] > 0, joint]
        found = each.compute()[joint]
        assert np.isclose(found, known.mean()) if len(known) else found.isnan()
