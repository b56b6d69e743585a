"""Group lifters against Martinez et al.'s network, group by group, and the known counts."""

import pytest
import torch
from torch import nn

from lightning_modules.dpcn.network import GroupLifters
from lightning_modules.martinez.network import MartinezNetwork

GROUPS = torch.tensor([[0, 1, 2, 5], [2, 3, 4, 5], [0, 1, 2, 5]])


def count(network):
    return sum(weight.numel() for weight in network.parameters())


def test_a_lifter_of_ten_joints_has_4_26_million_weights():
    groups = torch.arange(10).expand(2, -1)
    assert count(GroupLifters(groups)) == 2 * 4_260_894
    assert count(GroupLifters(groups, shared=True)) == 4_260_894


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_each_lifter_is_martinez_network_with_leaky_relu(training, shared):
    torch.manual_seed(0)
    ours = GroupLifters(GROUPS, width=8, dropout=0.0, shared=shared).train(training)
    keypoints = torch.rand(6, 6, 2)
    lifted = ours(keypoints)
    assert lifted.shape == (6, 3, 4, 3)
    own = keypoints[:, GROUPS].movedim(1, 0)
    if shared:
        rows = plain(ours, 0, training)(own.flatten(0, 1))
        expected = rows.unflatten(0, (3, 6)).movedim(0, 1)
    else:
        expected = torch.stack([plain(ours, j, training)(own[j]) for j in range(3)], 1)
    torch.testing.assert_close(lifted, expected, atol=1e-5, rtol=1e-5)


def plain(ours, part, training):
    """One lifter as Martinez et al.'s network."""
    network = MartinezNetwork(4, 8, 2, dropout=0.0).train(training)
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.ReLU):
            parent, _, child = name.rpartition(".")
            setattr(network.get_submodule(parent), child, nn.LeakyReLU(0.01))
    layers = [ours.input, *(layer for block in ours.blocks for layer in block)]
    theirs = [network.input, *(layer for block in network.blocks for layer in block)]
    for mine, its in zip(layers, theirs, strict=True):
        its[0].weight.data, its[0].bias.data = mine[0].weight[part].mT, mine[0].bias[part, 0]
    network.output.weight.data = ours.output.weight[part].mT
    network.output.bias.data = ours.output.bias[part, 0]
    return network


def test_targets_are_the_groups_true_poses_about_their_centres():
    joints = torch.rand(5, 6, 3)
    targets = GroupLifters(GROUPS, width=4).targets(joints)
    for pose, own in zip(joints, targets, strict=True):
        for group, target in zip(GROUPS, own, strict=True):
            torch.testing.assert_close(target, pose[group] - pose[group].mean(0))


def test_a_rank_without_frames_gets_none():
    for shared in (True, False):
        lifters = GroupLifters(GROUPS, width=4, shared=shared).eval()
        assert lifters(torch.zeros(0, 6, 2)).shape == (0, 3, 4, 3)
