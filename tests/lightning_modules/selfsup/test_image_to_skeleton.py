"""Phi and Omega against the supplement's tables, and their soft-argmax against NumPy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lightning_modules.layers.images import cell_centres, draw_skeletons
from lightning_modules.selfsup.image_to_skeleton import (
    SkeletonEncoder,
    SkeletonRegressor,
    soft_argmax,
)

# Tables 2 and 3: channels and side of what comes out of every convolution
ENCODER = [
    *[(32, 128)] * 2,
    *[(64, 64)] * 2,
    *[(128, 32)] * 2,
    *[(256, 16)] * 2,
]
DECODER = [
    *[(256, 16)] * 2,
    *[(128, 32)] * 2,
    *[(64, 64)] * 2,
    (32, 128),
    (1, 128),
]


def count(network):
    return sum(weight.numel() for weight in network.parameters())


def outputs(network, image):
    """The channels and sides that every convolution puts out, in turn."""
    shapes = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda *call: shapes.append(tuple(call[2].shape[1:3])))
    network(image)
    return shapes


def test_phi_is_as_table_2_has_it():
    with torch.device("meta"):
        network = SkeletonEncoder()
        assert outputs(network, torch.rand(2, 3, 128, 128)) == [*ENCODER, (256, 16), *DECODER]
    # Table 2 has no counts: this is that of KeypointGAN's encoder and decoder
    assert count(network) == 2_995_777
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == 15
    assert sum(isinstance(module, nn.ReLU) for module in network.modules()) == 15
    upsamplings = [module for module in network.modules() if isinstance(module, nn.Upsample)]
    assert [module.mode for module in upsamplings] == ["bilinear"] * 3


def test_omega_is_as_table_3_has_it():
    with torch.device("meta"):
        network = SkeletonRegressor()
        assert outputs(network, torch.rand(2, 1, 128, 128)) == [*ENCODER, (17, 16)]
    counts = [count(module) for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert counts == [1_600, 9_248, 18_496, 36_928, 73_856, 147_584, 295_168, 590_080, 4_369]
    assert count(network) == 1_177_329
    assert sum(isinstance(module, nn.InstanceNorm2d) for module in network.modules()) == 8


@pytest.mark.parametrize("side", [16, 24, 64])
def test_images_of_other_sizes_are_taken(side):
    skeletons = SkeletonEncoder(width=4)(torch.rand(2, 3, side, side))
    assert skeletons.shape == (2, 1, side, side)
    assert SkeletonRegressor(joints=5, width=4)(skeletons).shape == (2, 5, 2)


def test_a_painter_has_the_structure_of_phi():
    """Three channels are painted, of four: what they differ in is a row of the outer layers."""
    phi, painter = SkeletonEncoder(width=4), SkeletonEncoder(width=4, channels=4, outputs=3)
    assert painter(torch.rand(2, 4, 16, 16)).shape == (2, 3, 16, 16)
    assert count(painter) - count(phi) == 4 * 7 * 7 + 2 * (4 * 3 * 3 + 1)


@pytest.mark.parametrize("side", [8, 20, 100])
@pytest.mark.parametrize(("network", "channels"), [(SkeletonEncoder, 3), (SkeletonRegressor, 1)])
def test_images_that_cannot_be_taken_are_refused(network, channels, side):
    with pytest.raises(ValueError, match=f"{side} x {side} pixels.*multiples of 8 from 16 on"):
        network(width=4)(torch.rand(2, channels, side, side))


def test_every_weight_counts():
    torch.manual_seed(0)
    encoder, regressor = SkeletonEncoder(width=4), SkeletonRegressor(width=4)
    images = torch.rand(2, 3, 32, 32)
    regressor(encoder(images)).square().sum().backward()
    for network in (encoder, regressor):
        # instance normalisation takes away the biases before it
        weights = [weight for name, weight in network.named_parameters() if "weight" in name]
        assert all(weight.grad.any() for weight in weights)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 9), st.floats(0.1, 100))
def test_soft_argmax_is_as_in_numpy(seed, height, width, scale):
    maps = scale * np.random.default_rng(seed).normal(size=(2, 3, height, width))
    places = soft_argmax(torch.from_numpy(maps)).numpy()
    for image, joint in np.ndindex(2, 3):
        for axis, size in ((0, width), (1, height)):
            logits = maps[image, joint].mean(axis)
            weights = np.exp(logits - logits.max())
            centres = (np.arange(size) + 0.5) / size * 2 - 1
            expected = (weights * centres).sum() / weights.sum()
            np.testing.assert_allclose(places[image, joint, axis], expected, atol=1e-12)


def test_soft_argmax_of_one_high_cell_is_its_centre():
    maps = torch.zeros(1, 2, 4, 8)
    maps[0, 0, 1, 6] = maps[0, 1, 3, 0] = 1e4
    expected = torch.tensor([[[13 / 8 - 1, 3 / 4 - 1], [1 / 8 - 1, 7 / 4 - 1]]])
    torch.testing.assert_close(soft_argmax(maps), expected)


def test_soft_argmax_is_where_the_renderer_draws():
    """The highest pixel of a drawn point, as a map of high logits, gives the point back."""
    places = cell_centres(16, torch.empty(0))[torch.tensor([[[3, 12], [0, 15]]])]
    drawn = [
        draw_skeletons(place[None, None], torch.tensor([(0, 0)]), 16)[0, 0] for place in places[0]
    ]
    torch.testing.assert_close(soft_argmax(1e4 * torch.stack(drawn)[None]), places)


def test_omega_learns_to_find_the_ends_of_a_bone():
    torch.manual_seed(0)
    network, bone = SkeletonRegressor(joints=2, width=4), torch.tensor([(0, 1)])

    def poses(number):
        """The first joint on the left, the second on the right."""
        places = torch.rand(number, 2, 2) * torch.tensor([0.6, 1.2])
        return places - torch.tensor([[0.7, 0.6], [-0.1, 0.6]])

    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(60):
        points = poses(16)
        optimizer.zero_grad()
        (network(draw_skeletons(points, bone, 32)) - points).square().mean().backward()
        optimizer.step()
    points = poses(64)
    with torch.no_grad():
        found = network(draw_skeletons(points, bone, 32))
    unlearnt = (points - points.mean(0)).norm(dim=-1).mean()
    assert (found - points).norm(dim=-1).mean() < unlearnt / 3


def test_no_images_give_no_poses():
    """A rank's last evaluation batch may be empty."""
    skeletons = SkeletonEncoder(width=4).eval()(torch.rand(0, 3, 32, 32))
    assert SkeletonRegressor(width=4).eval()(skeletons).shape == (0, 17, 2)
