"""The errors of single poses, against SciPy and closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import least_squares, minimize_scalar
from scipy.spatial.transform import Rotation

from metrics.functional import mpjpe, nmpjpe, pa_mpjpe, procrustes_align, scale_align

TOLERANCE_MM = 1e-6

seeds = st.integers(0, 2**32 - 1)
scales = st.floats(0.01, 100)
quick = settings(max_examples=30, deadline=None, database=None)


def poses(seed: int, count: int = 1, joints: int = 17) -> np.ndarray:
    """Random poses (count, joints, 3) of a person's size, mm, metres away from the camera."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 400, (count, joints, 3)) + rng.normal(0, 3000, (count, 1, 3))


def similar(seed: int, scale: float, pose: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rotation = Rotation.random(None, rng).as_matrix()
    return scale * pose @ rotation.T + rng.normal(0, 3000, 3)


def reference_align(preds: np.ndarray, target: np.ndarray) -> np.ndarray:
    """One pose (J, 3), rotated by SciPy, scaled by the closed form of least squares."""
    moved, goal = preds - preds.mean(0), target - target.mean(0)
    rotation, _ = Rotation.align_vectors(goal, moved)
    moved = rotation.apply(moved)
    return (moved * goal).sum() / (moved**2).sum() * moved + target.mean(0)


def reference_mpjpe(preds: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.sqrt(((preds - target) ** 2).sum(-1)).mean(-1)


def on_tensors(function, *arrays: np.ndarray) -> np.ndarray:
    result = function(*(torch.from_numpy(array) for array in arrays))
    assert result.dtype == torch.float64
    return result.numpy()


def is_mirrored(preds: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(B,) whether the best orthogonal map of each pose would be a reflection."""
    return np.linalg.det((preds - preds.mean(1, keepdims=True)).swapaxes(1, 2) @ target) < 0


def test_mpjpe_is_the_mean_distance() -> None:
    preds, target = poses(0, 50), poses(1, 50)
    assert_allclose(
        on_tensors(mpjpe, preds, target), reference_mpjpe(preds, target), atol=TOLERANCE_MM
    )


def test_mpjpe_counts_the_root_and_aligns_nothing() -> None:
    target = torch.zeros(1, 4, 3)
    preds = target.clone()
    preds[0, 0] = torch.tensor([3.0, 0, 4])
    assert mpjpe(preds, target).item() == 5 / 4
    assert mpjpe(target + torch.tensor([3.0, 0, 4]), target).item() == 5


@pytest.mark.parametrize("noise", [1.0, 50.0, 2000.0])
def test_alignment_is_that_of_scipy(noise: float) -> None:
    target = poses(2, 60)
    preds = np.stack([similar(i, 0.3 + i, pose) for i, pose in enumerate(target)])
    preds += np.arange(60)[:, None, None] * noise / 30 * poses(3, 60) / 400
    aligned = np.stack([reference_align(*pair) for pair in zip(preds, target, strict=True)])
    assert_allclose(on_tensors(procrustes_align, preds, target), aligned, atol=TOLERANCE_MM)
    assert_allclose(
        on_tensors(pa_mpjpe, preds, target), reference_mpjpe(aligned, target), atol=TOLERANCE_MM
    )


def test_alignment_is_that_of_scipy_for_unrelated_and_mirrored_poses() -> None:
    preds, target = poses(4, 60), poses(5, 60)
    mirrored = is_mirrored(preds, target)
    assert mirrored.any() and not mirrored.all()
    aligned = np.stack([reference_align(*pair) for pair in zip(preds, target, strict=True)])
    assert_allclose(on_tensors(procrustes_align, preds, target), aligned, atol=TOLERANCE_MM)


@quick
@given(seed=seeds, scale=scales)
def test_a_similarity_of_the_target_has_no_error(seed: int, scale: float) -> None:
    target = poses(seed)
    assert on_tensors(pa_mpjpe, similar(seed + 1, scale, target), target) < TOLERANCE_MM


@quick
@given(seed=seeds, scale=scales)
def test_pa_mpjpe_ignores_similarities_of_the_prediction(seed: int, scale: float) -> None:
    preds, target = poses(seed), poses(seed + 1)
    assert_allclose(
        on_tensors(pa_mpjpe, similar(seed, scale, preds), target),
        on_tensors(pa_mpjpe, preds, target),
        atol=TOLERANCE_MM,
    )


@quick
@given(seed=seeds, angle=st.floats(0, 0.5), scale=st.floats(0.5, 2), shift=st.floats(0, 200))
def test_no_other_similarity_is_closer(seed: int, angle: float, scale: float, shift: float) -> None:
    target = poses(seed, 1, 17)
    preds = target + 0.2 * poses(seed + 1)
    best = on_tensors(procrustes_align, preds, target)
    rng = np.random.default_rng(seed)
    rotation = Rotation.from_rotvec(angle * rng.normal(size=3)).as_matrix()
    centre = best.mean(1)
    other = scale * (best - centre) @ rotation.T + centre + shift * rng.normal(size=3)
    assert ((best - target) ** 2).sum() <= ((other - target) ** 2).sum() + TOLERANCE_MM


def test_a_mirrored_pose_is_an_error() -> None:
    target = poses(6)
    error = on_tensors(pa_mpjpe, target * [-1, 1, 1], target)
    assert error > 50
    flat = target * [1, 1, 0]
    assert on_tensors(pa_mpjpe, flat * [-1, 1, 1], flat) < TOLERANCE_MM


def test_coinciding_predicted_joints_go_to_the_centroid() -> None:
    target = poses(7)
    preds = np.broadcast_to([0.1, 3000.7, -1e5 / 3], target.shape)
    centroid = np.broadcast_to(target.mean(1, keepdims=True), target.shape)
    assert_allclose(on_tensors(procrustes_align, preds.copy(), target), centroid, atol=1e-9)


@pytest.mark.parametrize("point", [[0.0, 0.0, 0.0], [0.1, 3000.7, -1e5 / 3]])
def test_coinciding_true_joints_give_no_error(point: list[float]) -> None:
    target = np.broadcast_to(point, (1, 17, 3)).copy()
    assert on_tensors(pa_mpjpe, poses(8), target) < TOLERANCE_MM
    assert on_tensors(pa_mpjpe, target + 5.3, target) < TOLERANCE_MM


@pytest.mark.parametrize("flat", ["preds", "target", "both"])
def test_planar_poses(flat: str) -> None:
    preds, target = poses(9), poses(10)
    if flat != "target":
        preds = similar(0, 1.3, preds * [1, 1, 0])
    if flat != "preds":
        target = similar(1, 1.0, target * [1, 1, 0])
    aligned = reference_align(preds[0], target[0])
    assert_allclose(on_tensors(procrustes_align, preds, target)[0], aligned, atol=TOLERANCE_MM)


def test_collinear_predictions() -> None:
    target, along = poses(11), np.random.default_rng(0).normal(0, 300, 17)
    preds = similar(2, 1.0, along[:, None] * [1.0, 0, 0])[None]
    along -= along.mean()
    slope = along @ target[0] / (along**2).sum()
    aligned = along[:, None] * slope + target[0].mean(0)
    assert_allclose(on_tensors(procrustes_align, preds, target)[0], aligned, atol=TOLERANCE_MM)


def test_collinear_predictions_of_collinear_targets() -> None:
    preds, target = np.random.default_rng(1).normal(0, 300, (2, 17))
    residual = target - np.polyval(np.polyfit(preds, target, 1), preds)
    lines = (similar(3, 1.0, values[:, None] * [0, 0, 1.0])[None] for values in (preds, target))
    assert_allclose(on_tensors(pa_mpjpe, *lines), np.abs(residual).mean(), atol=TOLERANCE_MM)


@pytest.mark.parametrize("joints", [1, 2])
def test_one_or_two_joints_always_fit(joints: int) -> None:
    error = on_tensors(pa_mpjpe, poses(12, 4, joints), poses(13, 4, joints))
    assert_allclose(error, np.zeros(4), atol=TOLERANCE_MM)


@pytest.mark.parametrize("noise", [0.1, 1.0, 20.0])
def test_scaling_is_that_of_least_squares(noise: float) -> None:
    target = poses(20, 20)
    preds = (0.3 + np.arange(20))[:, None, None] / 5 * target + noise * poses(21, 20)
    scales = [
        least_squares(lambda s, x=x, y=y: (s * x - y).ravel(), 1.0, xtol=1e-15, ftol=1e-15).x
        for x, y in zip(preds, target, strict=True)
    ]
    scaled = np.array(scales)[:, :, None] * preds
    assert_allclose(on_tensors(scale_align, preds, target), scaled, rtol=1e-6, atol=1e-3)
    assert_allclose(
        on_tensors(nmpjpe, preds, target), reference_mpjpe(scaled, target), rtol=1e-6, atol=1e-3
    )


@quick
@given(seed=seeds)
def test_no_other_scale_is_closer(seed: int) -> None:
    preds, target = poses(seed)[0], poses(seed + 1)[0]
    best = minimize_scalar(lambda scale: ((scale * preds - target) ** 2).sum())
    found = on_tensors(scale_align, preds[None], target[None])[0]
    assert ((found - target) ** 2).sum() <= best.fun * (1 + 1e-12)
    assert_allclose(found, best.x * preds, rtol=1e-5, atol=1e-3)


@quick
@given(seed=seeds, scale=scales)
def test_nmpjpe_ignores_the_scale_of_the_prediction_alone(seed: int, scale: float) -> None:
    preds, target = poses(seed), poses(seed + 1)
    whole = on_tensors(nmpjpe, preds, target)
    assert_allclose(on_tensors(nmpjpe, scale * preds, target), whole, rtol=1e-9)
    assert on_tensors(nmpjpe, scale * target, target) < TOLERANCE_MM
    moved = target + np.array([500.0, 0, 0])
    assert on_tensors(nmpjpe, moved, target) > 10


def test_scaling_is_about_the_origin_and_may_mirror() -> None:
    target = torch.tensor([[[0.0, 0, 0], [2, 0, 0], [0, 4, 0]]])
    assert nmpjpe(-target, target).item() == 0
    assert nmpjpe(torch.zeros(1, 3, 3), target).item() == 2
    moved = target + torch.tensor([6.0, 0, 0])
    # s = (8 * 2 + 4 * 4) / (6² + 8² + 6² + 4²)
    aligned = 32 / 152 * moved
    assert_allclose(scale_align(moved, target), aligned, rtol=1e-6)


@pytest.mark.parametrize("error", [mpjpe, pa_mpjpe, nmpjpe])
class TestAll:
    """What all errors share."""

    def test_no_poses(self, error) -> None:
        assert on_tensors(error, poses(0, 0), poses(0, 0)).shape == (0,)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("side", [0, 1])
    def test_what_is_not_finite_shows_in_its_pose_alone(self, error, bad: float, side: int) -> None:
        pair = [poses(14, 3), poses(15, 3)]
        whole = on_tensors(error, *pair)
        pair[side][1, 4, 2] = bad
        spoiled = on_tensors(error, *pair)
        assert not np.isfinite(spoiled[1])
        assert_allclose(spoiled[[0, 2]], whole[[0, 2]], rtol=1e-15)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
    def test_low_precision_is_widened_first_also_under_autocast(self, error, dtype) -> None:
        preds, target = (torch.from_numpy(poses(seed, 4)).to(dtype) for seed in (16, 17))
        with torch.autocast("cpu", torch.bfloat16):
            found = error(preds, target)
        assert found.dtype == torch.float64
        assert found.equal(error(preds.double(), target.double()))

    def test_gradients(self, error) -> None:
        preds, target = (torch.from_numpy(poses(seed, 2, 5) / 400) for seed in (18, 19))
        assert torch.autograd.gradcheck(error, (preds.requires_grad_(), target))

    @pytest.mark.parametrize(
        ("preds", "target"),
        [
            ((2, 17, 3), (1, 17, 3)),
            ((2, 17, 3), (2, 1, 3)),
            ((2, 17, 2), (2, 17, 2)),
            ((17, 3), (17, 3)),
            ((2, 4, 17, 3), (2, 4, 17, 3)),
        ],
    )
    def test_other_shapes_are_refused(self, error, preds: tuple, target: tuple) -> None:
        with pytest.raises(ValueError, match=r"one shape \(B, J, 3\)"):
            error(torch.zeros(preds), torch.zeros(target))
