"""The stacked hourglass against the released code's count, and its parts against what they say."""

import pytest
import torch
from torch import nn

from datamodules.skeletons import H36M17
from lightning_modules.dpcn.heatmaps import expected_places, gaussian_heatmaps, heatmap_loss
from lightning_modules.dpcn.hourglass import StackedHourglass, flip_averaged


def count(network):
    return sum(weight.numel() for weight in network.parameters())


def test_parameters_are_as_many_as_the_released_code_has():
    with torch.device("meta"):
        assert count(StackedHourglass()) == 25_437_960
        joints16 = StackedHourglass(num_joints=16)
    # a joint less: a row of every stack's 1x1 convolution, and what the next stacks take of it
    assert count(joints16) == 25_437_960 - 8 * (256 + 1) - 7 * 256


@pytest.mark.parametrize(("stacks", "depth", "side"), [(1, 2, 32), (2, 2, 64), (3, 3, 32)])
def test_every_stack_gives_maps_of_a_quarter_of_the_side(stacks, depth, side):
    network = StackedHourglass(5, stacks, features=8, depth=depth)
    maps = network(torch.rand(2, 3, side, side))
    assert [each.shape for each in maps] == [(2, 5, side // 4, side // 4)] * stacks
    assert all((each > 0).all() and (each < 1).all() for each in maps)


def test_with_a_sigmoid_maps_start_low():
    torch.manual_seed(0)
    image = torch.rand(4, 3, 64, 64)
    assert all(each.mean() < 0.05 for each in StackedHourglass(17, 2, 32, 2)(image))
    without = StackedHourglass(17, 2, 32, 2, sigmoid=False)(image)
    assert all(each.min() < 0 and each.mean().abs() < 1 for each in without)


def test_the_last_map_depends_on_all_weights():
    torch.manual_seed(0)
    network = StackedHourglass(5, 3, features=16, depth=2)
    network(torch.rand(2, 3, 64, 64))[-1].square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad.any(), name


def test_all_of_a_stack_lies_under_its_name():
    """By which stages freeze the stem and the first stacks."""
    network = StackedHourglass(5, 3, features=8, depth=1)
    for name in ("stem", "stacks.0", "stacks.1"):
        network.get_submodule(name).requires_grad_(False)
    left = {name for name, weight in network.named_parameters() if weight.requires_grad}
    assert left == {name for name, _ in network.named_parameters() if name.startswith("stacks.2.")}


@pytest.mark.parametrize("side", [48, 63, 80])
def test_other_image_sizes_are_refused(side):
    network = StackedHourglass(5, 1, features=8, depth=3)
    with pytest.raises(ValueError, match=f"{side} x {side} pixels.*multiples of 32"):
        network(torch.rand(1, 3, side, side))


@pytest.mark.parametrize("options", [{"features": 30}, {"stacks": 0}, {"depth": 0}])
def test_what_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match="in a multiple of 4"):
        StackedHourglass(**options)


class Colours(nn.Module):
    """Takes a picture's first channels for the maps of a left and a right joint."""

    def forward(self, image):
        return [image[:, :0], image[:, :2]]


def test_flip_averaging_mirrors_and_exchanges_sides():
    image = torch.rand(2, 3, 4, 4)
    averaged = flip_averaged(Colours(), image, [1, 0])
    # here the mirrored maps mirrored back are the other joint's
    left, right = image[:, 0], image[:, 1]
    torch.testing.assert_close(averaged, torch.stack([left + right, right + left], 1) / 2)


def test_flip_averages_of_a_picture_and_its_mirror_image_agree():
    torch.manual_seed(0)
    network = StackedHourglass(17, 1, features=8, depth=1).eval()
    image = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        one = flip_averaged(network, image, H36M17.mirror)
        other = flip_averaged(network, image.flip(-1), H36M17.mirror)
    torch.testing.assert_close(one, other.flip(-1)[:, H36M17.mirror])


def blobs(count, seed):
    """Pictures of a red and a green disc on grey noise, and their places."""
    generator = torch.Generator().manual_seed(seed)
    places = 0.15 + 0.7 * torch.rand(count, 2, 2, generator=generator)
    pictures = 0.4 * torch.rand(count, 3, 32, 32, generator=generator)
    centres = (torch.arange(32) + 0.5) / 32
    for colour in range(2):
        x, y = places[:, colour, :, None, None].unbind(1)
        disc = ((centres - x).square() + (centres[:, None] - y).square()).sqrt() < 0.1
        pictures[:, colour] = torch.where(disc, 1.0, pictures[:, colour])
    return pictures, places


def test_it_learns_to_find_blobs():
    torch.manual_seed(0)
    network = StackedHourglass(2, 1, features=16, depth=1)
    optimizer = torch.optim.RMSprop(network.parameters(), lr=2.5e-3)
    pictures, places = blobs(128, seed=1)
    target = gaussian_heatmaps(places, 8)
    for _ in range(6):
        for batch in torch.randperm(128).split(16):
            optimizer.zero_grad()
            heatmap_loss(network(pictures[batch]), target[batch], torch.ones(16, 2)).backward()
            optimizer.step()
    pictures, places = blobs(64, seed=2)
    with torch.no_grad():
        found = expected_places(network.eval()(pictures)[-1])
    assert (found - places).norm(dim=-1).mean() * 8 < 0.3
