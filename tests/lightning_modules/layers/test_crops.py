"""Crops against their definition, pixel by pixel."""

import torch

from lightning_modules.layers.crops import crop_to_screen, screen_to_crop


def test_corners_and_centre():
    crop = torch.tensor([[0.2, -0.1, 0.5], [-0.4, 0.3, 1.0]], dtype=torch.float64)
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.5]], dtype=torch.float64)
    expected = torch.tensor(
        [[[-0.05, -0.35], [0.45, -0.35], [0.2, -0.1]], [[-0.9, -0.2], [0.1, -0.2], [-0.4, 0.3]]],
        dtype=torch.float64,
    )
    places = corners.expand(2, 3, 2)
    torch.testing.assert_close(crop_to_screen(places, crop), expected)
    torch.testing.assert_close(screen_to_crop(expected, crop), places)


def test_both_pass_gradients_on():
    crop = torch.rand(4, 3, dtype=torch.float64) + 0.2
    places = torch.rand(4, 5, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(crop_to_screen, (places, crop))
    assert torch.autograd.gradcheck(screen_to_crop, (places, crop))
