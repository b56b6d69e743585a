"""The Feature Fusion Network against its paper's parameter counts and a plain form of itself."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from datamodules.skeletons import H36M17, SKELETONS
from lightning_modules.layers.parts import PartActivation
from lightning_modules.rie.encodings import RelativeEncoding
from lightning_modules.rie.feature_fusion import FeatureFusionNetwork

LINEAR = [(True, True, "sub"), (True, False, "sub"), (True, True, None), (False, True, "sub")]


def count(module):
    return sum(weight.numel() for weight in module.parameters())


@pytest.mark.parametrize(
    ("width", "latent", "first", "third", "of_parts"),
    [
        (512, 256, 39_543_347, 57_940_787, (21_830_912, 4_506_880, 17_086_720, 14_516_275)),
        (256, 256, 23_385_651, 41_783_091, (5_673_216, 4_506_880, 17_086_720, 14_516_275)),
        (512, 512, 43_083_827, 69_346_867, (22_487_552, 4_769_280, 23_641_600, 18_448_435)),
    ],
)
def test_parameters_are_as_many_as_the_released_code_has(width, latent, first, third, of_parts):
    with torch.device("meta"):
        groups = H36M17.partition(5)
        stages = [
            FeatureFusionNetwork(groups, 243, RelativeEncoding(), fusion, width, latent)
            for fusion in (False, True)
        ]
    assert [count(network) for network in stages] == [first, third]
    _, whole = stages
    parts = (whole.encoders, whole.global_encoder, whole.fusion, whole.decoders)
    assert tuple(map(count, parts)) == of_parts


def small(skeleton="h36m17", frames=27, encoding=None, causal=False, fusion=True):
    torch.manual_seed(0)
    network = FeatureFusionNetwork(
        SKELETONS[skeleton].partition(5),
        frames,
        encoding or RelativeEncoding(),
        fusion,
        width=12,
        latent=6,
        hidden=10,
        dropout=0,
        fc_dropout=0,
        causal=causal,
    ).double()
    for module in network.modules():
        if isinstance(module, PartActivation):
            for tensor in (*module.parameters(), *module.buffers()):
                tensor.data.uniform_(0.5, 1.5)
    return network


def windows(network, frames=27, skeleton="h36m17", batch=7):
    return torch.rand(batch, frames, len(SKELETONS[skeleton].joints), 2).double() * 2 - 1


def plain_activation(x, activation, part, training):
    """Of (N, C) or (N, C, T), as nn.BatchNorm1d and LeakyReLU have it; moves the statistics."""
    norm = nn.BatchNorm1d(activation.weight.shape[1]).double().train(training)
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(norm, name).data.copy_(getattr(activation, name)[part])
    for name in ("weight", "bias"):
        setattr(norm, name, None)
    shape = (1, -1) + (1,) * (x.ndim - 2)
    scaled = norm(x) * activation.weight[part].view(shape) + activation.bias[part].view(shape)
    return F.leaky_relu(scaled, 0.2), norm


def plain_mlp(x, mlp, part, training):
    def layer(x, pair):
        product = x @ pair[0].weight[part] + pair[0].bias[part]
        return plain_activation(product, pair[1], part, training)[0]

    x = layer(x, mlp.input)
    for block in mlp.blocks:
        x = x + layer(layer(x, block[0]), block[1])
    return mlp.outputs[part](x)


def plain_network(network, groups, keypoints, training, current, middle):
    """The same function by convolutions, stacks and loops over body parts."""
    encoders, encoding = network.encoders, network.encoders.encoding
    local, statistics = [], []
    for part, group in enumerate(groups):
        x = keypoints[:, :, list(group)]
        stacks = [x] if encoding.absolute else []
        if encoding.positional:
            stacks.append(x - keypoints[:, :, :1])
        if encoding.temporal == "sub":
            stacks.append(x - x[:, current, None])
        channels = torch.cat(stacks, dim=-1).flatten(2).mT
        weight = encoders.weights[part].flatten(2).permute(0, 2, 1)
        x = F.conv1d(channels, weight, stride=3)
        x, norm = plain_activation(x, encoders.input, part, training)
        statistics.append(norm)
        for block in encoders.blocks:
            wide = block[0][0].weight[part].unflatten(0, (3, -1)).permute(2, 1, 0)
            y = plain_activation(F.conv1d(x, wide, stride=3), block[0][1], part, training)[0]
            narrow = block[1][0].weight[part].mT[..., None]
            y = plain_activation(F.conv1d(y, narrow), block[1][1], part, training)[0]
            x = x[:, :, middle::3] + y
        (features,) = x.movedim(2, 0)
        local.append(features @ encoders.output.weight[part] + encoders.output.bias[part])
    whole = plain_mlp(keypoints[:, current].flatten(1), network.global_encoder, 0, training)
    joints = [None] * keypoints.shape[2]
    for part, group in enumerate(groups):
        others = torch.cat([each for n, each in enumerate(local) if n != part], dim=1)
        fused = [plain_mlp(others, network.fusion, part, training)] if network.fusion else []
        features = torch.cat([local[part], *fused, whole], dim=1)
        decoded = plain_mlp(features, network.decoders, part, training).unflatten(1, (-1, 3))
        for place, joint in enumerate(group):
            joints[joint] = decoded[:, place]
    return torch.stack(joints, dim=1), statistics


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(
    ("skeleton", "encoding", "fusion"),
    [("h36m17", encoding, True) for encoding in LINEAR]
    + [("h36m17", (True, False, None), True), ("humaneva15", LINEAR[0], True)]
    + [("h36m17", LINEAR[0], False)],
)
def test_it_is_the_plain_network(skeleton, encoding, fusion, causal, training):
    network = small(skeleton, 27, RelativeEncoding(*encoding), causal, fusion).train(training)
    keypoints = windows(network, 27, skeleton)
    groups = SKELETONS[skeleton].partition(5)
    current, middle = (26, 2) if causal else (13, 1)
    expected, norms = plain_network(network, groups, keypoints, training, current, middle)
    weights = list(network.parameters())
    gradient = torch.rand_like(expected)
    theirs = torch.autograd.grad(expected, weights, gradient)
    got = network(keypoints)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-11)
    ours = torch.autograd.grad(got, weights, gradient)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-8, atol=1e-10)
    for part, norm in enumerate(norms):
        for name in ("running_mean", "running_var"):
            moved = getattr(network.encoders.input, name)[part]
            torch.testing.assert_close(moved, getattr(norm, name))


@pytest.mark.parametrize("encoding", LINEAR)
def test_folded_stacks_are_the_stacks(encoding):
    network = small(encoding=RelativeEncoding(*encoding))
    keypoints = windows(network)
    products = [
        torch.bmm(triples, weight.mT)
        for triples, weight in (
            network.encoders._plain(keypoints),
            network.encoders._folded(keypoints),
        )
    ]
    torch.testing.assert_close(*products, rtol=0, atol=1e-12)
    assert network.encoders.weights[2].shape[1:] == (3, 5, network.encoders.encoding.channels)


@pytest.mark.parametrize("frames", [27, 81])
@pytest.mark.parametrize("positional", [True, False])
@pytest.mark.parametrize("causal", [True, False])
def test_a_span_is_its_windows(frames, positional, causal):
    network = small(frames=frames, encoding=RelativeEncoding(True, positional, None), causal=causal)
    network.eval()
    span = windows(network, 40 + frames - 1, batch=1)[0]
    expected = network(span.unfold(0, frames, 1).movedim(-1, 1))
    torch.testing.assert_close(network.forward_span(span), expected, rtol=0, atol=1e-12)


def test_local_features_without_absolute_positions_do_not_see_a_shift():
    network = small(encoding=RelativeEncoding(False, True, "sub")).eval()
    keypoints = windows(network)
    shifted = keypoints + keypoints.new_tensor([0.2, -0.1])
    features = [network.encoders(each) for each in (keypoints, shifted)]
    torch.testing.assert_close(*features, rtol=0, atol=1e-12)
    assert not torch.allclose(network(keypoints), network(shifted))
