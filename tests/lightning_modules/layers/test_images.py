"""Skeleton images against NumPy, pixel by pixel, their gradients in other ways, and crops."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.skeletons import H36M17
from lightning_modules.layers.images import (
    cell_centres,
    crop_to_screen,
    draw_skeletons,
    screen_to_crop,
)

BONES = torch.tensor(H36M17.bones)


def distance(pixel, start, end):
    """From a point to a segment: to its line where the foot is inside, else to the nearer end."""
    along = end - start
    length = np.linalg.norm(along)
    if length and 0 < np.dot(pixel - start, along) < length**2:
        x, y = pixel - start
        return abs(along[0] * y - along[1] * x) / length
    return min(np.linalg.norm(pixel - start), np.linalg.norm(pixel - end))


def brute_force(pose, bones, size, sigma):
    """Every bone's picture, and the highest of them at every pixel."""
    pictures = np.empty((len(bones), size, size))
    for number, row, column in product(range(len(bones)), range(size), range(size)):
        pixel = np.array([2 * column + 1, 2 * row + 1]) / size - 1
        start, end = (pose[joint] for joint in bones[number])
        away = np.sqrt(distance(pixel, start, end) ** 2 + 1e-6)
        pictures[number, row, column] = 2 * np.exp(-away / sigma**2) - 1
    return pictures.max(0)


def all_at_once(points, bones, size, sigma=0.2):
    """All bones in one graph, and the maximum over them, as in KeypointGAN."""
    centres = cell_centres(size, points)
    pixels = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), -1)
    start, end = (points[:, ends, None, None] for ends in bones.unbind(1))
    along = end - start
    share = ((pixels - start) * along).sum(-1) / along.square().sum(-1)
    squared = (pixels - start - share.clamp(0, 1)[..., None] * along).square().sum(-1)
    return 2 * (-(squared + 1e-6).sqrt() / sigma**2).exp().amax(1, keepdim=True) - 1


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**31), st.integers(1, 9), st.floats(0.1, 1), st.sampled_from([0.3, 1.0, 3.0])
)
def test_pictures_are_as_in_numpy(seed, size, sigma, spread):
    random = np.random.default_rng(seed)
    poses = spread * random.uniform(-1, 1, (2, 5, 2))
    # the last bone has no length
    bones = np.array([(0, 1), (1, 2), (0, 3), (3, 4), (2, 2)])
    drawn = draw_skeletons(torch.from_numpy(poses), torch.from_numpy(bones), size, sigma)
    assert drawn.shape == (2, 1, size, size)
    for pose, picture in zip(poses, drawn[:, 0].numpy(), strict=True):
        np.testing.assert_allclose(picture, brute_force(pose, bones, size, sigma), atol=1e-6)


def test_gradients_are_those_of_all_bones_in_one_graph():
    torch.manual_seed(0)
    points = (1.6 * torch.rand(3, 17, 2, dtype=torch.float64) - 0.8).requires_grad_()
    weights = torch.randn(3, 1, 24, 24, dtype=torch.float64)
    gradients = [
        torch.autograd.grad((weights * draw(points, BONES, 24)).sum(), points)[0]
        for draw in (draw_skeletons, all_at_once)
    ]
    torch.testing.assert_close(*gradients)
    assert (gradients[0] != 0).all()


def test_gradients_are_finite_differences():
    torch.manual_seed(0)
    points = (1.6 * torch.rand(2, 4, 2, dtype=torch.float64) - 0.8).requires_grad_()
    bones = torch.tensor([(0, 1), (1, 2), (1, 3)])
    assert torch.autograd.gradcheck(lambda given: draw_skeletons(given, bones, 6, 0.5), points)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_bone_without_length_is_a_point(dtype):
    points = torch.tensor([[[0.25, -0.25], [0.25, -0.25]]], dtype=dtype, requires_grad=True)
    drawn = draw_skeletons(points, torch.tensor([(0, 1)]), 8)
    centres = cell_centres(8, points)
    away = (centres - 0.25).square() + (centres + 0.25).square()[:, None]
    expected = 2 * (-(away + 1e-6).sqrt() / 0.04).exp() - 1
    torch.testing.assert_close(drawn[0, 0], expected)
    (gradient,) = torch.autograd.grad(drawn[0, 0, :3].sum(), points)
    # towards the upper rows
    assert gradient.isfinite().all() and (gradient.sum(1)[0, 1] < 0)


def test_x_points_to_the_right_and_y_down():
    bone = torch.tensor([(0, 1)])
    low = draw_skeletons(torch.tensor([[[-0.5, 0.75], [0.5, 0.75]]]), bone, 4)[0, 0]
    assert low.argmax() // 4 == 3
    right = draw_skeletons(torch.tensor([[[0.75, -0.5], [0.75, 0.5]]]), bone, 4)[0, 0]
    torch.testing.assert_close(right, low.T)
    # at a pixel's centre
    torch.testing.assert_close(low[3, 1:3], torch.full((2,), 2 * np.exp(-1e-3 / 0.04) - 1))


def test_no_poses_give_no_pictures():
    assert draw_skeletons(torch.empty(0, 17, 2), BONES, 16).shape == (0, 1, 16, 16)


def test_a_bone_is_as_bright_as_told():
    # two bones apart: each lights its own half
    points = torch.tensor([[[-0.5, -0.8], [-0.5, 0.8], [0.5, -0.8], [0.5, 0.8]]])
    bones = torch.tensor([[0, 1], [2, 3]])
    plain = draw_skeletons(points, bones, 16)
    shaded = draw_skeletons(points, bones, 16, brightness=torch.tensor([1.0, 0.25]))
    torch.testing.assert_close(shaded[..., :8], plain[..., :8])
    torch.testing.assert_close(shaded[..., 8:] + 1, (plain[..., 8:] + 1) / 4)


def test_a_crop_s_corners_and_centre():
    crop = torch.tensor([[0.2, -0.1, 0.5], [-0.4, 0.3, 1.0]], dtype=torch.float64)
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.5]], dtype=torch.float64)
    expected = torch.tensor(
        [[[-0.05, -0.35], [0.45, -0.35], [0.2, -0.1]], [[-0.9, -0.2], [0.1, -0.2], [-0.4, 0.3]]],
        dtype=torch.float64,
    )
    places = corners.expand(2, 3, 2)
    torch.testing.assert_close(crop_to_screen(places, crop), expected)
    torch.testing.assert_close(screen_to_crop(expected, crop), places)


def test_crops_pass_gradients_on():
    crop = torch.rand(4, 3, dtype=torch.float64) + 0.2
    places = torch.rand(4, 5, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(crop_to_screen, (places, crop))
    assert torch.autograd.gradcheck(screen_to_crop, (places, crop))
