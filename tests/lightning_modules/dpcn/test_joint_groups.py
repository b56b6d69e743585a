"""Joint groups against Eq. 1 and 2 written out in NumPy, and the research page's group counts."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_modules.dpcn.joint_groups import sample_groups, similarity

JOINTS = torch.from_numpy(np.random.default_rng(0).normal(size=(20, 17, 3)))


def test_similarity_is_the_sum_of_eq_1_or_its_mean():
    poses = JOINTS.numpy()
    apart = np.zeros((17, 17))
    for pose in poses:
        for i in range(17):
            for k in range(17):
                apart[i, k] += ((pose[i] - pose[k]) ** 2).sum()
    np.testing.assert_allclose(similarity(JOINTS, "sum"), apart, rtol=1e-12)
    np.testing.assert_allclose(similarity(JOINTS), apart / 20, rtol=1e-12)
    np.testing.assert_allclose(similarity(JOINTS, "millimetres"), apart / 20 * 1e6, rtol=1e-12)


def test_a_translation_of_each_frame_changes_nothing():
    moved = JOINTS + torch.randn(20, 1, 3, dtype=torch.float64)
    for scaling in ("mean", "unit"):
        torch.testing.assert_close(similarity(moved, scaling), similarity(JOINTS, scaling))


def test_a_scale_changes_nothing_for_poses_of_norm_1():
    torch.testing.assert_close(similarity(JOINTS * 7, "unit"), similarity(JOINTS, "unit"))


@given(
    size=st.integers(2, 17),
    least=st.integers(1, 4),
    lam=st.floats(0, 1e6),
    seed=st.integers(0, 9),
)
@settings(max_examples=20, deadline=None)
def test_every_joint_is_in_enough_groups_and_the_last_draw_was_needed(size, least, lam, seed):
    groups = sample_groups(similarity(JOINTS), size, lam, least, seed)
    assert all(len(set(group)) == size for group in groups.tolist())
    assert torch.bincount(groups.flatten(), minlength=17).min() >= least
    before = torch.bincount(groups[:-1].flatten(), minlength=17)
    assert before.min() < least
    assert torch.equal(groups, sample_groups(similarity(JOINTS), size, lam, least, seed))


def test_groups_of_all_joints_are_as_many_as_asked_for():
    assert len(sample_groups(similarity(JOINTS), 17, least=10)) == 10


def test_a_joint_is_drawn_by_its_weight_in_eq_2():
    """Of four joints, groups of two: shares of each pair against the formula, by many draws."""
    apart = torch.tensor(
        [[0.0, 0.1, 0.5, 1.0], [0.1, 0, 0.2, 0.9], [0.5, 0.2, 0, 0.4], [1, 0.9, 0.4, 0]]
    )
    apart = apart.double()
    weights = torch.exp(-10 / 4 * apart).fill_diagonal_(0)
    chosen = weights / weights.sum(1, keepdim=True)
    pairs = (chosen + chosen.mT) / 4
    groups = sample_groups(apart, 2, lam=10, least=4000, seed=1)
    for i in range(4):
        for k in range(i + 1, 4):
            share = (groups == torch.tensor([i, k])).all(1).double().mean()
            assert share == pytest.approx(float(pairs[i, k]), abs=0.012)


def test_lambda_0_draws_evenly():
    groups = sample_groups(similarity(JOINTS), 2, lam=0, least=1000, seed=2)
    pairs = torch.zeros(17, 17)
    for i, k in groups.tolist():
        pairs[i, k] += 1
    upper = pairs[np.triu_indices(17, 1)] / len(groups)
    assert upper.max() < 1.7 / 136
    assert upper.min() > 0.5 / 136


@pytest.mark.parametrize(
    ("options", "named"),
    [({"size": 18}, "18"), ({"size": 1}, "of 1"), ({"size": 5, "least": 0}, "min_groups")],
)
def test_impossible_groups_are_refused(options, named):
    with pytest.raises(ValueError, match=named):
        sample_groups(similarity(JOINTS), **options)


def test_an_unknown_scaling_is_refused():
    with pytest.raises(ValueError, match="mean, sum, millimetres, unit"):
        similarity(JOINTS, "metres")
