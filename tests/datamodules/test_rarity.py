"""The fast kernel sums against the exact ones, and both against SRNet's Eq. 9 and 10."""

import math
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import finufft
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules import rarity
from datamodules.rarity import occurrence, rarest, rarity_bins
from datamodules.reading.safe_npz import load_npz

CMU = Path(__file__).parents[3] / "shared/data/cmu17/data_3d_cmu17.npz"


def by_definition(queries, references, sigma, kernel="gaussian"):
    """SRNet Eq. 9 and 10, term by term."""
    sigmas = np.broadcast_to(sigma, queries.shape[1])
    result = np.zeros(len(queries))
    for m, query in enumerate(queries):
        for reference in references:
            for a, b, s in zip(query, reference, sigmas, strict=True):
                d = math.dist(a, b) / s
                result[m] += math.exp(-d * d / 2) if kernel == "gaussian" else math.exp(-d)
    return result / (len(references) * queries.shape[1])


def poses(seed: int, number: int, joints: int, extent: float, offset: float = 0.0) -> np.ndarray:
    """Random poses about an offset, their joint 0 at the origin."""
    rng = np.random.default_rng(seed)
    result = rng.normal(offset, extent, (number, joints, 3))
    result[:, 0] = 0
    return result


@pytest.fixture
def transforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send sets as small as these through the transform all the same."""
    monkeypatch.setattr(rarity, "_PAIRS_PER_MODE", 0)


sets = {
    "seed": st.integers(0, 2**32 - 1),
    "m": st.integers(1, 12),
    "n": st.integers(1, 12),
    "joints": st.integers(1, 4),
    "extent": st.sampled_from([0.0, 1e-3, 0.1, 0.5, 1.0]),
    "offset": st.sampled_from([0.0, -0.7, 30.0]),
    "unit": st.sampled_from([1.0, 1000.0]),
}


@settings(max_examples=40, deadline=None)
@given(**sets, sigma=st.floats(0.02, 5.0), kernel=st.sampled_from(["gaussian", "laplacian"]))
def test_both_methods_follow_the_definition(
    seed, m, n, joints, extent, offset, unit, sigma, kernel
):
    queries = poses(seed, m, joints, extent, offset) * unit
    references = poses(seed + 1, n, joints, extent, offset) * unit
    expected = by_definition(queries, references, sigma * unit, kernel)
    for method in ("fast", "exact"):
        got = occurrence(queries, references, sigma * unit, kernel, method)
        assert got.shape == (m,) and got.dtype == np.float64
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(**sets, sigmas=st.lists(st.floats(0.15, 5.0), min_size=4, max_size=4))
def test_the_transform_follows_the_definition(seed, m, n, joints, extent, offset, unit, sigmas):
    queries = poses(seed, m, joints, extent, offset) * unit
    references = poses(seed + 1, n, joints, extent, offset) * unit
    widths = [s * unit for s in sigmas[:joints]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rarity, "_PAIRS_PER_MODE", 0)
        got = occurrence(queries, references, widths)
    np.testing.assert_allclose(got, by_definition(queries, references, widths), rtol=0, atol=1e-9)


@pytest.mark.parametrize("largest_grid", [2**16, 2**18])
def test_a_space_that_is_split_gives_the_same(largest_grid, transforms, monkeypatch):
    monkeypatch.setattr(rarity, "_MAX_MODES", largest_grid)
    queries, references = poses(0, 200, 2, 0.5), poses(1, 150, 2, 0.5)
    expected = occurrence(queries, references, 0.1, method="exact")
    np.testing.assert_allclose(occurrence(queries, references, 0.1), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("sigma", "furthest"), [(0.2, 1e6), (0.05, 50.0), (1e-4, 0.0), (1e-6, 0.0)]
)
def test_outliers_and_a_small_sigma_cost_no_memory(sigma, furthest, monkeypatch):
    # on one grid over the whole extent each of these needs more than 10^8 modes
    monkeypatch.setattr(rarity, "_PAIRS_PER_MODE", 1)
    grids = [0]

    def transform(*arguments, **options):
        grids.append(math.prod(arguments[4]))
        return finufft.nufft3d1(*arguments, **options)

    spy = SimpleNamespace(nufft3d1=transform, nufft3d2=finufft.nufft3d2)
    monkeypatch.setattr(rarity, "finufft", spy)
    queries, references = poses(0, 3000, 2, 0.4), poses(1, 2000, 2, 0.4)
    references[:500, 1] = queries[:500, 1] + sigma * poses(2, 500, 2, 1.0)[:, 1]
    queries[:3, 1], references[0, 1] = furthest, -furthest
    tracemalloc.start()
    got = occurrence(queries, references, sigma)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(grids) <= 2**20 and peak < 100 * 2**20
    assert sigma < 0.2 or len(grids) > 1  # an outlier must not send all pairs to the exact sums
    expected = occurrence(queries, references, sigma, method="exact")
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kernel", ["gaussian", "laplacian"])
@pytest.mark.parametrize("method", ["fast", "exact"])
def test_closed_forms(kernel: Literal["gaussian", "laplacian"], method: Literal["fast", "exact"]):
    pair = np.zeros((2, 2, 3))
    pair[1, 1] = [0.3, 0.0, 0.4]
    fall = math.exp(-0.5 * 2.5**2) if kernel == "gaussian" else math.exp(-2.5)
    near = occurrence(pair, pair[:1], 0.2, kernel, method)
    np.testing.assert_allclose(near, [1, (1 + fall) / 2], rtol=1e-14)
    itself = occurrence(pair, pair, 0.2, kernel, method)
    np.testing.assert_allclose(itself, (3 + fall) / 4, rtol=1e-14)
    assert (occurrence(np.repeat(pair[1:], 9, axis=0), pair[1:], 0.2, kernel, method) == 1).all()
    tenfold = occurrence(pair, pair[:1], [0.7, 2.0], kernel, method)[1]
    fall = math.exp(-0.5 * 0.25**2) if kernel == "gaussian" else math.exp(-0.25)
    assert tenfold == pytest.approx((1 + fall) / 2, rel=1e-14)


def test_joints_that_coincide_need_no_transform(transforms, monkeypatch):
    monkeypatch.setattr(rarity, "finufft", None)
    assert (occurrence(np.full((7, 2, 3), 0.1), np.full((5, 2, 3), 0.1), 0.2) == 1).all()


@pytest.mark.parametrize("seed", range(5))
def test_rounding_does_not_lead_out_of_the_range(seed, transforms):
    alike, apart = poses(seed, 50, 2, 1e-7)[:, 1:], poses(seed, 50, 2, 1.0)[:, 1:]
    assert occurrence(alike, alike, 0.2).max() <= 1
    assert occurrence(apart + 1.2, apart, 0.2).min() >= 0


def test_the_order_of_poses_does_not_matter(transforms):
    queries, references = poses(0, 300, 3, 0.4), poses(1, 200, 3, 0.4)
    shuffled = np.random.default_rng(2).permutation(300)
    expected = occurrence(queries, references, 0.2)
    got = occurrence(queries[shuffled], references[::-1], 0.2)
    np.testing.assert_allclose(got, expected[shuffled], rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
@pytest.mark.parametrize("method", ["fast", "exact"])
def test_poses_of_any_type_may_be_read_only(dtype, method):
    queries = (1000 * poses(0, 50, 2, 0.4)[:, 1:]).astype(dtype)
    queries.setflags(write=False)
    expected = by_definition(queries, queries, 200)
    got = occurrence(queries, queries, 200, method=method)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10)


def test_the_rarest_are_the_same_by_both_methods():
    rng = np.random.default_rng(0)
    prototypes = rng.normal(0, 0.4, (30, 17, 3))
    cluster = rng.choice(30, 2500, p=rng.dirichlet(np.full(30, 0.3)))
    clustered = prototypes[cluster] + rng.normal(0, 0.08, (2500, 17, 3))
    clustered[:, 0] = 0
    for sigma in (0.1, 0.5):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rarity, "_PAIRS_PER_MODE", 1)
            fast = occurrence(clustered, clustered, sigma)
        exact = occurrence(clustered, clustered, sigma, method="exact")
        np.testing.assert_allclose(fast, exact, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(rarest(fast, 10), rarest(exact, 10))


@pytest.mark.skipif(not CMU.is_file(), reason=f"CMU motions in PoseNpz's layout are not at {CMU}")
def test_real_poses():
    takes = [
        take for subject in load_npz(CMU)["positions_3d"].values() for take in subject.values()
    ]
    world = np.concatenate(takes)
    rooted = world - world[:, :1]
    sample = rooted[::300]
    fast = occurrence(sample, rooted, 0.2)
    exact = occurrence(sample, rooted, 0.2, method="exact")
    np.testing.assert_allclose(fast, exact, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(rarest(fast, 20), rarest(exact, 20))
    assert 1 / 17 < fast.min() < fast.max() < 1


def test_rarest_rounds_a_half_up_and_takes_one_at_least():
    values = np.arange(35)[::-1] / 35
    assert rarest(values, 10).tolist() == [34, 33, 32, 31]
    assert rarest(values, 0.001).tolist() == [34]
    assert rarest(values, 100).tolist() == list(range(34, -1, -1))


def test_equal_occurrences_keep_their_order():
    assert rarest(np.array([0.5, 0.2, 0.5, 0.2]), 75).tolist() == [1, 3, 0]
    assert rarity_bins(np.array([0.5, 0.2, 0.5, 0.2]), 4).tolist() == [2, 0, 3, 1]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(1, 60))
def test_bins_rise_with_occurrence_in_equal_counts(values, bins):
    values, bins = np.array(values), min(bins, len(values))
    got = rarity_bins(values, bins)
    assert got.dtype == np.int64
    counts = np.bincount(got, minlength=bins)
    assert len(counts) == bins and np.ptp(counts) <= 1
    assert (np.diff(got[np.argsort(values, kind="stable")]) >= 0).all()


TWO = np.zeros((2, 3, 3))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((TWO[:0], TWO, 0.2), r"queries are \(0, 3, 3\): give one or more poses"),
        ((TWO, TWO[:0], 0.2), r"references are \(0, 3, 3\): give one or more poses"),
        ((TWO[..., :2], TWO, 0.2), "queries are"),
        ((TWO[0], TWO, 0.2), "queries are"),
        ((TWO * np.nan, TWO, 0.2), "queries have values that are not finite: remove"),
        ((TWO, TWO + np.inf, 0.2), "references have values that are not finite: remove"),
        ((TWO, TWO[:, :2], 0.2), "queries have 3 joints, the references 2: convert"),
        ((TWO, TWO, 0.0), "sigma is 0.0: give finite, positive"),
        ((TWO, TWO, -1.0), "sigma is"),
        ((TWO, TWO, math.nan), "sigma is"),
        ((TWO, TWO, math.inf), "sigma is"),
        ((TWO, TWO, [0.2, 0.0, 0.2]), "sigma is"),
        ((TWO, TWO + 1e9, 0.2), r"largest coordinate, 1e\+09, in the same unit"),
        ((TWO, TWO, [0.2, 0.2]), r"sigma has shape \(2,\): give one number, or one for each of 3"),
        ((TWO, TWO, 0.2, "cauchy"), "give 'gaussian' or 'laplacian'"),
        ((TWO, TWO, 0.2, "gaussian", "slow"), "'fast' or 'exact'"),
    ],
)
def test_wrong_poses_and_widths_are_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        occurrence(*arguments)


@pytest.mark.parametrize("percent", [0, -1, 100.1, math.nan])
def test_wrong_percentages_are_refused(percent):
    with pytest.raises(ValueError, match=r"percent is .*: give a number above 0 and at most 100"):
        rarest(np.ones(4), percent)


@pytest.mark.parametrize("bins", [0, 5])
def test_wrong_bin_counts_are_refused(bins):
    with pytest.raises(ValueError, match=f"bins is {bins}: give at least 1 and at most .* 4"):
        rarity_bins(np.ones(4), bins)


@pytest.mark.parametrize("values", [np.ones(0), np.ones((4, 1)), np.array([0.1, math.nan])])
def test_wrong_occurrences_are_refused(values):
    for use in (lambda: rarest(values, 10), lambda: rarity_bins(values, 1)):
        with pytest.raises(ValueError, match="must be one finite number for each pose"):
            use()
