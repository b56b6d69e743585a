"""Lambda against the supplement's Table 4, and its two branches."""

import pytest
import torch
from torch import nn
from torch.nn.functional import leaky_relu

from lightning_modules.selfsup.depth_network import DepthNetwork

WIDE = 1_049_600


def count(network):
    return sum(weight.numel() for weight in network.parameters())


def test_lambda_is_as_table_4_has_it():
    with torch.device("meta"):
        network = DepthNetwork()
        depth, elevation = network(torch.rand(3, 17, 2))
    counts = [count(module) for module in network.modules() if isinstance(module, nn.Linear)]
    assert counts == [35_840, *[WIDE] * 6, 17_425, *[WIDE] * 4, 1_025]
    assert count(network) == 10_550_290
    assert depth.shape == (3, 17) and elevation.shape == (3,)


def test_it_computes_what_it_says():
    torch.manual_seed(0)
    network = DepthNetwork(joints=3, width=8)
    points = torch.randn(4, 3, 2)
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]

    def block(features, first, second):
        inner = leaky_relu(second(leaky_relu(first(features), 0.01)), 0.01)
        return leaky_relu(features + inner, 0.01)

    common = block(leaky_relu(layers[0](points.reshape(4, 6)), 0.01), *layers[1:3])
    depth = layers[7](block(block(common, *layers[3:5]), *layers[5:7]))
    elevation = layers[12](block(block(common, *layers[8:10]), *layers[10:12]))
    torch.testing.assert_close(network(points), (depth, elevation.squeeze(1)))


@pytest.mark.parametrize(("output", "other"), [(0, "elevation"), (1, "depth")])
def test_each_output_has_blocks_of_its_own(output, other):
    torch.manual_seed(0)
    network = DepthNetwork(joints=3, width=8)
    network(torch.randn(4, 3, 2))[output].square().sum().backward()
    used = {name for name, weight in network.named_parameters() if weight.grad is not None}
    assert used == {name for name, _ in network.named_parameters() if not name.startswith(other)}


def test_outputs_below_zero_are_not_shrunk():
    network = DepthNetwork(joints=3, width=8)
    for branch in (network.depth, network.elevation):
        nn.init.zeros_(branch[-1].weight)
        nn.init.constant_(branch[-1].bias, -2.0)
    depth, elevation = network(torch.randn(4, 3, 2))
    assert (depth == -2).all() and (elevation == -2).all()


def test_no_poses_give_no_depths():
    depth, elevation = DepthNetwork(joints=3, width=8)(torch.rand(0, 3, 2))
    assert depth.shape == (0, 3) and elevation.shape == (0,)
