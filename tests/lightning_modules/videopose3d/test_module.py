"""Temporal networks: parameter counts, a plain convolutional form, spans, and what is refused."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.plain import PlainTemporal
from datamodules.skeletons import H36M17
from lightning_modules import SRNet, TemporalConv
from lightning_modules.layers.dropout import QuickDropout
from lightning_modules.layers.residual_network import temporal_layers
from lightning_modules.srnet.network import SRNetwork
from lightning_modules.srnet.recombine import SplitRecombine

KINDS = ["fc", "gp", "lf", "es", "sfs", "sr"]


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def drawn(model, seed=0):
    """Statistics and gates that are not as made: those would hide what goes through them."""
    torch.manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if "running_var" in name or name.endswith((".1.weight", "norm.weight")):
            tensor.uniform_(0.5, 1.5)
        elif tensor.is_floating_point() and ("mean" in name or "bias" in name or "context" in name):
            tensor.normal_(std=0.1)
    return model


@pytest.mark.parametrize(
    ("kind", "operator", "frames", "count"),
    [
        # measured on the released code
        ("recombined", "multiply", 27, 1_829_515),
        ("recombined", "multiply", 81, 2_720_791),
        ("recombined", "multiply", 243, 3_612_067),
        ("recombined", "add", 243, 3_611_867),
        ("recombined", "concat", 243, 3_631_387),
        ("dense", "multiply", 27, 8_555_571),
        ("dense", "multiply", 81, 12_753_971),
        ("dense", "multiply", 243, 16_952_371),
    ],
)
def test_parameter_counts_at_the_papers_width(kind, operator, frames, count):
    kinds = [kind] * temporal_layers(frames)
    network = SRNetwork(kinds, H36M17.groups[5], 1024, operator, receptive_field=frames)
    assert parameters(network) == count


def test_temporal_conv_has_videopose3ds_16_95_million_parameters():
    assert parameters(TemporalConv()) == 16_952_371


def convolved(network, windows, slope):
    """A dense network as VideoPose3D describes it: dilated convolutions over (B, C, T)."""

    def layer(features, half, dilation):
        linear, norm, *_ = half
        taps = linear.weight.shape[1] // features.shape[1]
        kernel = linear.weight.unflatten(1, (taps, -1)).mT
        features = F.conv1d(features, kernel, dilation=dilation)
        statistics = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        return F.leaky_relu(F.batch_norm(features, *statistics), slope)

    features = layer(windows.flatten(2).mT, network.input, 1)
    for power, block in enumerate(network.blocks, start=1):
        reach = 3**power
        middle = (
            features[:, :, 2 * reach :] if network.current == 2 else features[:, :, reach:-reach]
        )
        features = middle + layer(layer(features, block[0], reach), block[1], 1)
    outputs = F.conv1d(features, network.output.weight[:, :, None], network.output.bias)
    return outputs[:, :, 0].unflatten(1, (-1, 3))


@pytest.mark.parametrize("causal", [False, True])
def test_a_dense_network_is_a_stack_of_dilated_convolutions(causal):
    model = drawn(TemporalConv(81, width=24, causal=causal).double()).eval()
    windows = torch.randn(5, 81, 17, 2, dtype=torch.float64)
    torch.testing.assert_close(model(windows), convolved(model.network, windows, slope=0))


def test_the_benchmarks_strided_convolutions_are_the_same_network():
    model = drawn(TemporalConv(27, width=24, dropout=0)).double()
    plain = PlainTemporal(model.network).double()
    windows = torch.randn(5, 27, 17, 2, dtype=torch.float64)
    torch.testing.assert_close(model(windows), plain(windows))
    torch.testing.assert_close(model.eval()(windows), plain.eval()(windows))


@pytest.mark.parametrize("operator", ["multiply", "add", "concat"])
def test_a_recombined_layer_over_three_frames_is_the_released_codes(operator):
    """Part by part, as the paper's convolutions: a gate or context a part, step and frame."""
    torch.manual_seed(0)
    ins, outs, dimensions = [4, 3, 5], [6, 7, 6], 2 if operator == "concat" else 1
    layer = drawn(SplitRecombine(ins, outs, operator, dimensions, taps=3)).double()
    features = torch.randn(32, 3, sum(ins), dtype=torch.float64)
    parts, kernels = (
        features.split(ins, dim=2),
        iter(
            layer.context.weight.split([3 * dimensions * 3 * (sum(ins) - width) for width in ins])
        ),
    )
    expected = []
    for number, part in enumerate(parts):
        others = torch.cat([other for n, other in enumerate(parts) if n != number], dim=2)
        kernel = next(kernels).view(3 * dimensions, 3, -1).mT
        rows = slice(3 * dimensions * number, 3 * dimensions * (number + 1))
        context = F.conv1d(others.mT, kernel, layer.context.bias[rows])[:, :, 0]
        if operator == "multiply":
            mean, variance = context.mean(0), context.var(0, unbiased=False)
            normal = (context - mean) / (variance + 1e-5).sqrt()
            gate = torch.sigmoid(normal * layer.norm.weight[rows] + layer.norm.bias[rows])
            mixed = part * gate[:, :, None]
        elif operator == "add":
            mixed = part + F.leaky_relu(context)[:, :, None]
        else:
            mixed = torch.cat([part, F.leaky_relu(context).view(-1, 3, dimensions)], dim=2)
        expected.append(mixed.flatten(1) @ layer.weights[number].t())
    torch.testing.assert_close(layer(features), torch.cat(expected, dim=1))


@pytest.mark.parametrize("frames", [3, 9, 27])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("network", KINDS)
def test_a_span_gives_each_windows_pose(network, causal, frames):
    model = drawn(SRNet(network=network, receptive_field=frames, width=48, causal=causal)).eval()
    _span_is_windows(model, 1e-5, torch.float32)
    _span_is_windows(model.double(), 1e-9, torch.float64)


@pytest.mark.parametrize("causal", [False, True])
def test_a_span_of_243_frames_gives_each_windows_pose(causal):
    model = drawn(SRNet(receptive_field=243, width=32, causal=causal)).eval()
    _span_is_windows(model, 1e-5, torch.float32)
    dense = drawn(TemporalConv(width=32, causal=causal)).eval()
    _span_is_windows(dense.double(), 1e-9, torch.float64)


@torch.no_grad()
def _span_is_windows(model, atol, dtype):
    frames = model.receptive_field
    span = torch.randn(frames + 6, 17, 2, dtype=dtype)
    windows = torch.stack([span[n : n + frames] for n in range(7)])
    each = torch.cat([model(window[None]) for window in windows])
    torch.testing.assert_close(model(windows), each, rtol=0, atol=atol)
    torch.testing.assert_close(model.forward_span(span), each, rtol=0, atol=atol)
    assert each.std(0).min() > 100 * atol


@pytest.mark.parametrize("model", [SRNet, TemporalConv])
def test_one_frame_has_a_span_too(model):
    lifter = drawn(model(receptive_field=1, width=32)).eval()
    frames = torch.randn(9, 17, 2)
    assert not lifter.shares_windows
    torch.testing.assert_close(lifter.forward_span(frames), lifter(frames[:, None]))


@pytest.mark.parametrize("causal", [False, True])
def test_a_sequence_is_lifted_as_its_padded_windows_are(causal):
    model = drawn(SRNet(receptive_field=9, width=48, causal=causal)).eval()
    video = torch.randn(12, 17, 2)
    after = 0 if causal else 4
    places = torch.arange(12)[:, None] + torch.arange(after - 8, after + 1)
    expected = model.lift(video[places.clamp(0, 11)])
    torch.testing.assert_close(model.lift_sequence(video), expected, rtol=0, atol=1e-5)


def test_a_causal_network_adds_the_last_frame_and_a_centred_one_the_middle():
    """With blocks that put out zero, only the residual's own frames are left to be seen."""
    for causal, seen in ((False, {12, 13, 14}), (True, {24, 25, 26})):
        network = SRNet("fc", receptive_field=27, width=16, causal=causal).network.eval()
        for block in network.blocks:
            nn.init.zeros_(block[1][1].weight)
        windows = torch.randn(1, 27, 17, 2, requires_grad=True)
        network(windows).sum().backward()
        assert set(windows.grad[0].abs().sum((1, 2)).nonzero().flatten().tolist()) == seen


@pytest.mark.parametrize("frames", [0, -3, 2, 5, 25, 244])
@pytest.mark.parametrize("model", [SRNet, TemporalConv])
def test_frames_that_are_no_power_of_3_are_refused(model, frames):
    with pytest.raises(ValueError, match=f"{frames} frames: choose 1, 3, 9, 27, 81 or 243"):
        model(receptive_field=frames)


def test_layers_that_contradict_the_frames_are_refused():
    SRNet(receptive_field=27, num_layers=6, width=32)
    with pytest.raises(ValueError, match="81 frames has 8 layers, not 6"):
        SRNet(receptive_field=81, num_layers=6, width=32)


def test_quick_dropout_is_dropout():
    torch.manual_seed(0)
    dropout, values = QuickDropout(0.25), torch.ones(400, 1000)
    dropped = dropout(values)
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    # six standard deviations of the mean
    assert (dropped == 0).float().mean() == pytest.approx(0.25, abs=6 * (0.1875 / 4e5) ** 0.5)
    assert dropout.eval()(values) is values


@pytest.mark.parametrize("make", [SRNet, TemporalConv])
def test_they_learn_to_repeat_a_batch(make):
    torch.manual_seed(0)
    model = make(receptive_field=27, width=128, dropout=0.0, lr=3e-3)
    windows, joints = torch.randn(32, 27, 17, 2), 0.3 * torch.randn(32, 17, 3)
    optimizer = model.configure_optimizers()["optimizer"]
    losses = []
    for _ in range(60):
        loss = model.loss(model(windows), joints)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_temporal_convs_loss_is_the_mean_distance():
    predicted, joints = torch.zeros(2, 17, 3), torch.zeros(2, 17, 3)
    joints[0, 3] = torch.tensor([3.0, 0.0, 4.0])
    assert TemporalConv(27, width=8).loss(predicted, joints) == pytest.approx(5 / 34)
