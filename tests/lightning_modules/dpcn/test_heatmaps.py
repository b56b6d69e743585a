"""Heatmaps against loops in NumPy, and Eq. 13 against what it should and should not do."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lightning_modules.dpcn.heatmaps import (
    conversion_bias,
    expected_places,
    gaussian_heatmaps,
    heatmap_floor,
    heatmap_loss,
    peak_places,
)

SIZE = 64


def at_pixel(*pixel):
    """A place (1, 1, 2) by the paper's pixel numbers, from 1 to 64."""
    return torch.tensor([[pixel]], dtype=torch.float64).sub(0.5).div(SIZE)


def shift(heatmaps, place, threshold=0.0):
    """What Eq. 13 is off by in x, in cells."""
    return ((expected_places(heatmaps, threshold) - place) * heatmaps.shape[-1])[0, 0, 0].item()


@pytest.mark.parametrize(("size", "own"), [(64, 3.0), (32, 0.75), (128, 12.0), (16, 0.5)])
def test_gaussians_are_their_formula(size, own):
    places = np.random.default_rng(0).uniform(-0.1, 1.1, (2, 3, 2))
    got = gaussian_heatmaps(torch.from_numpy(places), size)
    assert got.shape == (2, 3, size, size)
    for number, (x, y) in enumerate(places.reshape(-1, 2) * size):
        rows, columns = np.mgrid[:size, :size] + 0.5
        expected = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * own))
        np.testing.assert_allclose(got.flatten(0, 1)[number], expected, rtol=0, atol=1e-12)
    assert gaussian_heatmaps(torch.tensor([5.5 / size, 0.5 / size]), size)[0, 5] == 1


@given(st.sampled_from([16, 32, 64]), st.floats(0, 1), st.floats(0, 1))
def test_no_bias_inside_the_map(size, across, down):
    """Eq. 16."""
    margin = 12 / 64 + 2 / size  # further than a Gaussian reaches
    places = margin + (1 - 2 * margin) * torch.tensor([[[across, down]]], dtype=torch.float64)
    heatmaps = gaussian_heatmaps(places, size)
    plain = (expected_places(heatmaps, 0) - places) * size
    # the Gaussian of 0.5 cells on a map of 16 falls between the cells a little
    assert plain.abs().max() < (1e-3 if size == 16 else 1e-5)
    assert ((expected_places(heatmaps) - places) * size).abs().max() < 0.04


@pytest.mark.parametrize(
    ("floor", "shifts"),
    [
        (1e-4, (0.479, 0.266, -0.372)),
        (1e-3, (4.02, 2.23, -3.12)),
        (1e-2, (15.4, 8.56, -12.0)),
    ],
)
def test_a_floor_pulls_the_plain_form_to_the_middle(floor, shifts):
    for pixel, expected in zip((10, 20, 50), shifts, strict=True):
        place = at_pixel(pixel, pixel)
        heatmaps = gaussian_heatmaps(place, SIZE) + floor
        # the floor weighs 4,096 cells at the middle, the Gaussian 2 pi 3 at the joint
        weight = SIZE**2 * floor / (SIZE**2 * floor + 6 * np.pi)
        assert shift(heatmaps, place) == pytest.approx(weight * (32.5 - pixel), abs=1e-4)
        assert shift(heatmaps, place) == pytest.approx(expected, rel=0.005)
        assert abs(shift(heatmaps, place, 0.1)) < 0.02
        np.testing.assert_allclose(heatmap_floor(heatmaps), floor, atol=1e-7)


def test_a_cut_off_gaussian_is_pulled_inwards():
    place = at_pixel(2, 32)
    heatmaps = gaussian_heatmaps(place, SIZE)
    columns = np.arange(1, 65)
    weights = np.exp(-((columns - 2) ** 2) / 6)
    expected = (weights * columns).sum() / weights.sum() - 2
    assert shift(heatmaps, place) == pytest.approx(expected, abs=1e-5)
    assert expected == pytest.approx(0.6, abs=0.05)


def test_expected_places_are_a_mean_over_cells():
    heatmaps = np.random.default_rng(0).uniform(size=(2, 3, 5, 7))
    got = expected_places(torch.from_numpy(heatmaps), 0.3)
    for sample in range(2):
        for joint in range(3):
            total, place = 0.0, np.zeros(2)
            floor = 0.3 * heatmaps[sample, joint].max()
            for row, column in np.ndindex(5, 7):
                value = max(0.0, heatmaps[sample, joint, row, column] - floor)
                total += value
                place += value * np.array([(column + 0.5) / 7, (row + 0.5) / 5])
            np.testing.assert_allclose(got[sample, joint], place / total, atol=1e-6)


def test_an_empty_map_gives_the_middle():
    for threshold in (0.0, 0.1):
        logits = torch.full((1, 2, 8, 8), -200.0, requires_grad=True)
        places = expected_places(logits.sigmoid(), threshold)
        assert torch.equal(places, torch.full((1, 2, 2), 0.5))
        places.sum().backward()
        assert logits.grad.isfinite().all()
        zeros = torch.zeros(1, 2, 8, 8, requires_grad=True)
        expected_places(zeros, threshold).sum().backward()
        assert zeros.grad.isfinite().all()


def test_gradients_of_the_plain_form():
    heatmaps = torch.rand(1, 2, 4, 5, dtype=torch.float64) + 0.1
    assert torch.autograd.gradcheck(
        lambda maps: expected_places(maps, 0), heatmaps.requires_grad_()
    )


@pytest.mark.parametrize("threshold", [0.0, 0.1])
def test_gradients_pull_a_map_towards_the_joint(threshold):
    logits = (gaussian_heatmaps(at_pixel(20, 30), SIZE) * 6 - 3).requires_grad_()
    place = expected_places(logits.sigmoid(), threshold)
    (place - at_pixel(40, 30)).square().sum().backward()
    moved = expected_places((logits - 1000 * logits.grad).detach().sigmoid(), threshold)
    assert moved[0, 0, 0] > place[0, 0, 0] + 0.001


def test_peaks_and_biases_against_a_search():
    heatmaps = np.random.default_rng(1).uniform(size=(2, 3, 6, 9))
    peaks = peak_places(torch.from_numpy(heatmaps))
    biases = conversion_bias(torch.from_numpy(heatmaps))
    rows, columns = np.mgrid[:6, :9] + 0.5
    for number, one in enumerate(heatmaps.reshape(-1, 6, 9)):
        row, column = np.unravel_index(one.argmax(), one.shape)
        expected = np.array([column + 0.5, row + 0.5])
        np.testing.assert_allclose(peaks.flatten(0, 1)[number] * torch.tensor([9, 6]), expected)
        mean = np.array([(one * columns).sum(), (one * rows).sum()]) / one.sum()
        np.testing.assert_allclose(biases.flatten(0, 1)[number], mean - expected, atol=1e-5)


def test_the_bias_of_a_perfect_map_is_below_half_a_cell():
    places = torch.rand(50, 17, 2, generator=torch.Generator().manual_seed(0)) * 0.7 + 0.15
    assert conversion_bias(gaussian_heatmaps(places, SIZE)).abs().max() < 0.5 + 1e-3


def test_loss_is_a_mean_over_visible_joints():
    random = np.random.default_rng(2)
    maps, target = random.uniform(size=(4, 3, 5, 8, 8)), random.uniform(size=(3, 5, 8, 8))
    visible = (random.uniform(size=(3, 5)) < 0.6).astype(float)
    expected = np.mean([(stack - target)[visible == 1] ** 2 for stack in maps])
    stacks = [torch.from_numpy(stack).requires_grad_() for stack in maps]
    loss = heatmap_loss(stacks, torch.from_numpy(target), torch.from_numpy(visible))
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    loss.backward()
    for stack in stacks:
        assert not stack.grad[torch.from_numpy(visible == 0)].any()
        assert stack.grad[torch.from_numpy(visible == 1)].any()


def test_loss_without_visible_joints_is_zero():
    maps = [torch.rand(2, 3, 8, 8, requires_grad=True)]
    loss = heatmap_loss(maps, torch.rand(2, 3, 8, 8), torch.zeros(2, 3))
    loss.backward()
    assert loss == 0
    assert not maps[0].grad.any()
