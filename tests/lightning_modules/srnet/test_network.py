"""The networks against the released code's parameter counts, and against what they may connect."""

import pytest
import torch
from torch import nn

from datamodules.skeletons import H36M17
from lightning_modules.layers.grouped import share
from lightning_modules.martinez.network import MartinezNetwork
from lightning_modules.srnet.network import SRNetwork, shuffle_groups
from lightning_modules.srnet.recombine import SplitRecombine

FIVE = H36M17.groups[5]


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("kind", "layers", "groups", "operator", "count"),
    [
        # measured on the released code
        ("recombined", 6, 5, "multiply", 899_029),
        ("recombined", 8, 5, "multiply", 1_334_427),
        ("recombined", 6, 5, "add", 898_969),
        ("recombined", 8, 5, "add", 1_334_347),
        ("recombined", 6, 5, "concat", 904_153),
        ("recombined", 8, 5, "concat", 1_341_579),
        ("recombined", 6, 3, "multiply", 1_483_634),
        ("recombined", 6, 2, "multiply", 2_185_795),
        ("dense", 6, 5, "multiply", 4_291_635),
        ("dense", 8, 5, "multiply", 6_392_883),
        # in closed form
        ("grouped", 6, 5, "multiply", 878_291),
    ],
)
def test_parameter_counts_at_the_papers_width(kind, layers, groups, operator, count):
    network = SRNetwork([kind] * layers, H36M17.groups[groups], 1024, operator)
    assert parameters(network) == count


def test_mixed_networks_add_up_layer_by_layer():
    """Weights a layer, dense and grouped, as the released code's are."""
    dense, grouped = [34_816, *[1_048_576] * 4, 52_275], [8_678, *[211_540] * 4, 13_213]
    for split in range(7):
        kinds = ["grouped"] * split + ["dense"] * (6 - split)
        layers = sum(grouped[:split]) + sum(dense[split:])
        assert parameters(SRNetwork(kinds, FIVE)) == layers + 5 * 2 * 1024


def test_martinez_has_4_29_million_parameters():
    hidden = 4 * (1024**2 + 1024) + 34 * 1024 + 1024
    assert parameters(MartinezNetwork()) == hidden + 51 * 1024 + 51 + 5 * 2 * 1024


@pytest.mark.parametrize("groups", sorted(H36M17.groups))
def test_widths_follow_floor_and_remainder(groups):
    sizes = [2 * len(group) for group in H36M17.groups[groups]]
    widths = share(1024, sizes)
    assert sum(widths) == 1024
    assert widths[:-1] == [int(1024 * size / sum(sizes)) for size in sizes[:-1]]


def test_widths_of_the_released_code():
    assert share(1024, [8, 8, 10, 8, 8]) == [195, 195, 243, 195, 196]
    assert share(1024, [14, 10, 14]) == [377, 269, 378]
    assert share(1024, [16, 20]) == [455, 569]


@pytest.mark.parametrize("groups", sorted(H36M17.groups))
@pytest.mark.parametrize("shuffled", [0, 2])
def test_a_joint_of_a_grouped_network_depends_on_its_part_and_the_root_alone(groups, shuffled):
    parts = shuffle_groups(H36M17.groups[groups], shuffled, seed=3)
    torch.manual_seed(0)
    network = SRNetwork(["grouped"] * 6, parts, 96).eval()
    keypoints = torch.randn(1, 17, 2, requires_grad=True)
    output = network(keypoints)
    for part in parts:
        for joint in part[1:]:
            (gradient,) = torch.autograd.grad(output[0, joint].sum(), keypoints, retain_graph=True)
            seen = set(gradient[0].abs().sum(1).nonzero().flatten().tolist())
            assert seen == set(part)


def test_a_recombined_part_sees_the_rest_through_one_number():
    """Two bodies with equal gates and an equal part give equal features of that part."""
    torch.manual_seed(0)
    layer = SplitRecombine([4, 3, 5], [6, 6, 6]).eval()
    nn.init.normal_(layer.context.weight)
    features = torch.randn(2, 12, requires_grad=True)
    rest = torch.autograd.functional.jacobian(lambda x: layer(x)[:, :6].sum(0), features)[:, 0, 4:]
    assert torch.linalg.matrix_rank(rest, rtol=1e-5) == 1
    own = torch.autograd.functional.jacobian(lambda x: layer(x)[:, :6].sum(0), features)[:, 0, :4]
    assert torch.linalg.matrix_rank(own, rtol=1e-5) == 4


@pytest.mark.parametrize(("context", "widths"), [(3, [3, 3]), (0.25, [2, 1]), (2.0, [16, 8])])
def test_a_context_may_have_channels_or_a_fraction(context, widths):
    layer = SplitRecombine([8, 4], [5, 5], "concat", context)
    assert [weight.shape[1] for weight in layer.weights] == [8 + widths[0], 4 + widths[1]]
    assert layer(torch.randn(7, 12)).shape == (7, 10)


@pytest.mark.parametrize(
    ("operator", "context"), [("multiply", 2), ("add", 0.5), ("concat", 0), ("multiply", 1.0)]
)
def test_a_context_that_does_not_go_with_its_operator_is_refused(operator, context):
    with pytest.raises(ValueError, match="context"):
        SplitRecombine([8, 4], [5, 5], operator, context)


def test_gates_start_half_open():
    """Zero weights and batch normalisation: sigmoid(0) in training, as in the released code."""
    layer = SplitRecombine([8, 4], [5, 5])
    features = torch.randn(64, 12)
    gates = layer.norm(layer.context(features)).sigmoid()
    torch.testing.assert_close(gates, torch.full_like(gates, 0.5), atol=1e-4, rtol=0)


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_a_network_without_whole_blocks_is_refused(layers):
    with pytest.raises(ValueError, match="layers"):
        SRNetwork(["dense"] * layers, FIVE)


@pytest.mark.parametrize("frames", [1, 27])
@pytest.mark.parametrize(("operator", "context"), [("multiply", 1), ("add", 1), ("concat", 2)])
def test_no_frames_give_no_poses(operator, context, frames):
    """A rank's last evaluation batch may be empty."""
    network = SRNetwork(
        ["recombined"] * 6, H36M17.groups[5], 64, operator, context, receptive_field=frames
    )
    assert network.eval()(torch.rand(0, frames, 17, 2)).shape == (0, 17, 3)


numbers = pytest.mark.parametrize("number", H36M17.groups)


@numbers
@pytest.mark.parametrize("seed", range(3))
def test_shuffling_keeps_sizes_the_root_and_the_parts_left_alone(number, seed):
    groups = H36M17.groups[number]
    for count in range(2, number + 1):
        shuffled = shuffle_groups(groups, count, seed)
        assert [len(group) for group in shuffled] == [len(group) for group in groups]
        assert all(group[0] == 0 for group in shuffled)
        assert shuffled[count:] == groups[count:]
        moved = sorted(joint for group in shuffled[:count] for joint in group[1:])
        assert moved == sorted(joint for group in groups[:count] for joint in group[1:])


def test_shuffling_depends_on_the_seed_alone_and_mixes_the_parts():
    groups = H36M17.groups[5]
    outcomes = [shuffle_groups(groups, 5, seed) for seed in range(20)]
    assert outcomes == [shuffle_groups(groups, 5, seed) for seed in range(20)]
    assert len(set(outcomes)) == 20
    assert all(
        {frozenset(group) for group in groups} != {frozenset(group) for group in outcome}
        for outcome in outcomes
    )
    assert all(type(joint) is int for group in outcomes[0] for joint in group)


@numbers
def test_shuffling_none_changes_nothing(number):
    assert shuffle_groups(H36M17.groups[number], 0, 3) == H36M17.groups[number]


@pytest.mark.parametrize("count", [-1, 1, 6])
def test_counts_that_cannot_be_shuffled_are_refused(count):
    with pytest.raises(ValueError, match=f"{count} of 5 groups cannot be shuffled"):
        shuffle_groups(H36M17.groups[5], count, 0)
