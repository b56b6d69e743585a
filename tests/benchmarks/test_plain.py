"""The plain forms that the benchmarks run are the same function: an independent check of ours."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.data import _built
from benchmarks.plain import padded_product, plain_copy
from datamodules.loading.windows import PoseWindows
from datamodules.skeletons import H36M17
from datamodules.sources.synthetic.source import SyntheticMocap
from lightning_modules.layers.grouped import GroupedLinear
from lightning_modules.srnet.network import SRNetwork


@pytest.mark.parametrize("groups", sorted(H36M17.groups))
def test_the_network_equals_a_loop_over_parts(groups):
    torch.manual_seed(0)
    ours = SRNetwork(["recombined"] * 6, H36M17.groups[groups], 96).double()
    for name, parameter in ours.named_parameters():
        if "context" in name:
            nn.init.normal_(parameter, std=0.1)
    plain = plain_copy(copy.deepcopy(ours))
    keypoints = torch.randn(32, 17, 2, dtype=torch.float64)
    for network in (ours, plain):
        network(keypoints).square().sum().backward()
    torch.testing.assert_close(ours(keypoints), plain(keypoints))
    torch.testing.assert_close(
        ours.eval()(keypoints), plain.eval()(keypoints), rtol=1e-4, atol=1e-5
    )
    mine, other = (n.input[0] for n in (ours, plain))
    for part, weight in enumerate(mine.weights):
        expected = other.maps[part].weight.grad
        torch.testing.assert_close(weight.grad, expected)
    expected = torch.cat([context.weight.grad.flatten() for context in other.contexts])
    torch.testing.assert_close(mine.context.weight.grad, expected)


def test_the_padded_product_equals_the_separate_ones():
    layer = GroupedLinear([4, 7, 3], [5, 2, 6])
    features = torch.randn(9, 14)
    torch.testing.assert_close(padded_product(layer, features), layer(features))


def test_windows_built_one_by_one_are_the_gathered_ones(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    sequences = SyntheticMocap(frames=9).read()
    batch = torch.stack([torch.arange(0, 200, 7), torch.arange(29) % 2], dim=1)
    gathered = PoseWindows(sequences, 27)(batch)["keypoints"]
    np.testing.assert_allclose(_built(sequences, batch.numpy(), 27), gathered, atol=1e-7)
