"""`make bench` runs, and what it times against ours is the same function."""

import copy
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks import __main__, data, dpcn, networks, rie, timing
from benchmarks.official import official_network
from benchmarks.official_loader import official_batches
from benchmarks.plain import plain_copy
from datamodules.loading.windows import PoseWindows
from datamodules.skeletons import H36M17
from lightning_modules.srnet.network import SRNetwork

REF = os.environ.get("POSEPROOF_REF")
# of VideoPose3D, Pose3D-RIE or SRNet
LOADER = os.environ.get("POSEPROOF_LOADER", REF)


def test_bench_prints_ratios(monkeypatch, capsys, tiny_motion):
    monkeypatch.setattr("sys.argv", ["benchmarks"])
    monkeypatch.setattr(timing, "_LEAST", 0.0)
    monkeypatch.setattr(networks, "BATCH", 8)
    for name, value in {
        "BATCH": 4,
        "SIDE": 8,
        "FRAMES": 27,
        "WIDTH": 6,
        "HIDDEN": 8,
        "PAIRS": 1,
    }.items():
        monkeypatch.setattr(rie, name, value)
    for name, value in {"POSES": 400, "SOME": 10, "BATCH": 8, "BATCHES": 2}.items():
        monkeypatch.setattr(data, name, value)
    for name, value in {"PAIRS": 1, "WIDTH": 6, "SIZES": (17,)}.items():
        monkeypatch.setattr(dpcn, name, value)
    source = data.SyntheticMocap
    monkeypatch.setattr(data, "SyntheticMocap", lambda: source(frames=5))
    # nine pairs where a benchmark says nothing else
    monkeypatch.setattr(timing.compare, "__defaults__", (1, 1.0))
    __main__.main()
    printed = capsys.readouterr().out
    for what in (
        "FC's step",
        "batched",
        "occurrence",
        "27-frame",
        "memory",
        "consensus",
        "lifters",
    ):
        assert what in printed


def test_ratio_is_other_over_ours_and_scaled(monkeypatch):
    clock = iter([0, 1, 0, 2] + [0, 1, 0, 4] * 3)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    ratio = timing.compare("a", lambda: None, "b", lambda: None, pairs=3, scale=10)
    assert (ratio.low, ratio.middle, ratio.high) == (40, 40, 40)


def test_plain_loop_has_our_outputs_and_gradients():
    torch.manual_seed(0)
    ours = _drawn(SRNetwork(["recombined"] * 6, H36M17.groups[5], 64))
    plain = plain_copy(copy.deepcopy(ours))
    _same(ours, plain, plain_gradients(plain), torch.randn(32, 17, 2), 1e-5)


@pytest.mark.skipif(REF is None, reason="POSEPROOF_REF is not set to SRNet's released code")
def test_released_network_is_ours():
    torch.manual_seed(0)
    theirs, ours = official_network(Path(REF)), SRNetwork(["recombined"] * 6, H36M17.groups[5])
    assert sum(p.numel() for p in theirs.parameters()) == 899_029
    assert sum(p.numel() for p in ours.parameters()) == 899_029
    _drawn(ours)
    layers = [theirs.expand_conv, *theirs.layers_conv, theirs.final_layer]
    norms = [theirs.expand_bn, *theirs.layers_bn]
    for mine, layer in zip(recombined(ours), layers, strict=True):
        gates = layer.get_part_info
        contexts = mine.context.weight.split([c.weight.numel() for c in gates.m_conv])
        for g, weight in enumerate(mine.weights):
            _copy(layer.group_conv[g].weight, weight)
            _copy(gates.m_conv[g].weight, contexts[g])
            _copy(gates.m_conv[g].bias, mine.context.bias[g])
            _copy(gates.layers_bn[g].weight, mine.norm.weight[g])
            _copy(gates.layers_bn[g].bias, mine.norm.bias[g])
    for mine, norm in zip(hidden_norms(ours), norms, strict=True):
        norm.load_state_dict(mine.state_dict())

    def gradients():
        for layer in layers:
            gates = layer.get_part_info
            yield [c.weight.grad for c in layer.group_conv], gates.m_conv, gates.layers_bn

    keypoints = torch.randn(64, 17, 2)
    _same(ours, lambda x: theirs(x[:, None])[:, 0], gradients, keypoints, 1e-4, theirs)


@pytest.mark.skipif(LOADER is None, reason="POSEPROOF_LOADER is not set to a released loader")
@pytest.mark.parametrize("frames", [1, 27])
def test_released_loader_gives_our_windows(frames):
    sequences = data.SyntheticMocap(frames=9).load()
    whole = PoseWindows(sequences, frames)(
        torch.cartesian_prod(torch.arange(len(sequences)), torch.arange(2))
    )
    windows, poses = next(official_batches(Path(LOADER), sequences, frames, len(whole["index"])))
    rows = {(w.numpy().tobytes(), p.numpy().tobytes()) for w, p in zip(windows, poses, strict=True)}
    ours = zip(whole["keypoints"], whole["joints"], strict=True)
    assert rows == {(w.numpy().tobytes(), p.numpy().tobytes()) for w, p in ours}


def test_a_clone_without_a_loader(tmp_path):
    sequences = data.SyntheticMocap(frames=9).load()
    with pytest.raises(FileNotFoundError, match="has none of"):
        next(official_batches(tmp_path, sequences, 1, 8))


def recombined(network):
    return [network.input[0], *(h[0] for b in network.blocks for h in b), network.output]


def hidden_norms(network):
    return [network.input[1], *(half[1] for block in network.blocks for half in block)]


def plain_gradients(plain):
    def gradients():
        for layer in recombined(plain):
            yield [m.weight.grad for m in layer.maps], layer.contexts, layer.norms

    return gradients


def _drawn(network):
    """Gates that differ from sample to sample: as made, they are all one half."""
    for name, parameter in network.named_parameters():
        if "context" in name or "norm" in name:
            nn.init.normal_(parameter, mean=0.5 * ("norm" in name), std=0.1)
    return network


def _copy(target, source):
    target.data.copy_(source.data.reshape(target.shape))


def _same(ours, other, gradients, keypoints, atol, module=None):
    """Outputs in training and evaluation, and the gradient of every layer's every parameter."""
    outputs = ours(keypoints), other(keypoints)
    torch.testing.assert_close(*outputs, rtol=0, atol=atol)
    target = torch.randn_like(outputs[0])
    for output in outputs:
        ((output - target).abs()).mean().backward()
    for mine, (maps, contexts, norms) in zip(recombined(ours), gradients(), strict=True):
        expected = [
            *maps,
            torch.cat([c.weight.grad.flatten() for c in contexts]),
            torch.cat([c.bias.grad for c in contexts]),
            torch.cat([n.weight.grad for n in norms]),
            torch.cat([n.bias.grad for n in norms]),
        ]
        actual = [*mine.weights, mine.context.weight, mine.context.bias]
        for parameter, grad in zip(
            [*actual, mine.norm.weight, mine.norm.bias], expected, strict=True
        ):
            torch.testing.assert_close(
                parameter.grad, grad.reshape(parameter.shape), rtol=1e-3, atol=atol
            )
    ours.eval()
    (module or other).eval()
    torch.testing.assert_close(ours(keypoints), other(keypoints), rtol=0, atol=atol)
