"""What RIE is timed against is the same function."""

import copy
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks import rie
from benchmarks.official import official_rie, recognised
from benchmarks.plain_rie import PlainFusion
from datamodules.skeletons import H36M17, SKELETONS
from lightning_modules.layers.parts import PartActivation
from lightning_modules.rie.encodings import RelativeEncoding
from lightning_modules.rie.feature_fusion import FeatureFusionNetwork

REF = os.environ.get("POSEPROOF_RIE")


def small(groups, hidden=10):
    """A network whose weights and statistics are no longer as they were made, without dropout."""
    torch.manual_seed(0)
    sizes = {"width": 12, "latent": 6, "hidden": hidden, "dropout": 0.0, "fc_dropout": 0.0}
    network = FeatureFusionNetwork(groups, 27, RelativeEncoding(), **sizes)
    for module in network.modules():
        if isinstance(module, PartActivation):
            for tensor in (*module.parameters(), *module.buffers()):
                nn.init.uniform_(tensor, 0.5, 1.5)
    return network.double()


GROUPINGS = [(SKELETONS[name], n) for name in SKELETONS for n in SKELETONS[name].groups]


@pytest.mark.parametrize(("skeleton", "number"), GROUPINGS)
def test_the_plain_form_is_our_network(skeleton, number):
    """Outputs, the gradient of every weight and all running statistics."""
    ours = small(skeleton.partition(number))
    plain = PlainFusion(ours)
    assert sum(p.numel() for p in plain.parameters()) == sum(p.numel() for p in ours.parameters())
    keypoints = torch.rand(9, 27, len(skeleton.joints), 2).double()
    outputs = [network.eval()(keypoints) for network in (ours, plain)]
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-12)
    outputs = [network.train()(keypoints) for network in (ours, plain)]
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-12)
    for output in outputs:
        output.square().sum().backward()
    # statistics, and gradients in the place of weights, as the plain form has them
    for weight in ours.parameters():
        weight.data = weight.grad
    moved = PlainFusion(ours)
    for expected, got in zip(plain.parameters(), moved.parameters(), strict=True):
        torch.testing.assert_close(got, expected.grad, rtol=1e-9, atol=1e-9)
    statistics = dict(moved.named_buffers())
    for name, expected in plain.named_buffers():
        if "running" in name:
            torch.testing.assert_close(statistics[name], expected)


def test_products_are_those_that_the_research_counted():
    """1529 M floating-point operations a window, forward and backward, in the research's table."""
    with torch.device("meta"):
        whole = FeatureFusionNetwork(H36M17.partition(5), 243, RelativeEncoding(), latent=256)
    assert 2 * rie._products(whole) / rie.BATCH == pytest.approx(1529e6, rel=2e-3)


def test_rows_are_measured(monkeypatch):
    sizes = {"BATCH": 4, "SIDE": 8, "FRAMES": 27, "WIDTH": 6, "LATENT": 4, "HIDDEN": 8, "PAIRS": 1}
    for name, value in sizes.items():
        monkeypatch.setattr(rie, name, value)
    rows = {(ratio.what, ratio.against): ratio.middle for ratio in rie.measure(None)}
    assert len(rows) == 6
    assert all(middle > 0 for middle in rows.values())


def test_a_clone_is_recognised(tmp_path):
    assert recognised(tmp_path) == "VideoPose3D"
    (tmp_path / "common").mkdir()
    (tmp_path / "common/model.py").write_text("class RIEModel:")
    assert recognised(tmp_path) == "RIE"


@pytest.fixture
def float64():
    """The released network makes an array of the default type on its way."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.skipif(REF is None, reason="POSEPROOF_RIE is not set to RIE's released code")
def test_the_released_network_is_ours(float64):
    """Outputs, the gradient of every weight and all running statistics."""
    ours = small(H36M17.partition(5), hidden=1024)
    theirs = official_rie(Path(REF), 12, 6, 3).double()
    for module in theirs.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    load(theirs, PlainFusion(ours))
    keypoints = torch.rand(9, 27, 17, 2).double()
    for training in (False, True):
        released = theirs.train(training)(keypoints)[:, 0]
        got = ours.train(training)(keypoints)
        torch.testing.assert_close(got, released, rtol=0, atol=1e-12)
    for output in (got, released):
        output.square().sum().backward()
    for weight in ours.parameters():
        weight.data = weight.grad
    moved = copy.deepcopy(theirs)
    load(moved, PlainFusion(ours))
    for expected, mine in zip(theirs.parameters(), moved.parameters(), strict=True):
        torch.testing.assert_close(mine, expected.grad, rtol=1e-8, atol=1e-9)
    for expected, mine in zip(theirs.buffers(), moved.buffers(), strict=True):
        if expected.is_floating_point():
            torch.testing.assert_close(mine, expected)


def load(released, plain):
    """Give the released network a plain form's weights: other names, parts and channels in order.

    Its arms and legs change sides in name alone, and its channels stand stack by stack.
    """
    ours = {"Torso": 2, "LArm": 4, "RArm": 3, "LLeg": 0, "RLeg": 1}
    fill_block(released.GlobalInfo, plain.whole)
    for fuse, (name, part) in zip(released.FuseBlocks, ours.items(), strict=True):
        encoder, theirs = plain.encoders[part], getattr(released, f"LocalLayer_{name}")
        first, *later = (m for m in encoder.modules() if isinstance(m, nn.Conv1d))
        stacks = first.weight.unflatten(1, (-1, 3, 2)).transpose(1, 2).flatten(1, 3)
        theirs.expand_conv.weight.data.copy_(stacks)
        fill(theirs.layers_conv, later)
        norms = [m for m in encoder.modules() if isinstance(m, nn.BatchNorm1d)]
        fill([theirs.expand_bn, *theirs.layers_bn], norms)
        theirs.shrink.weight.data.copy_(encoder.output.weight[..., None])
        theirs.shrink.bias.data.copy_(encoder.output.bias)
        fill_block(fuse, plain.fusion[part])
        mine = [other for other in range(5) if other != part]
        order = [mine.index(other) for other in ours.values() if other != part]
        latents = plain.fusion[part][0].weight.unflatten(1, (4, -1))[:, order]
        fuse.fc_1.weight.data.copy_(latents.flatten(1))
        fill_block(getattr(released, f"Integration_{name}"), plain.decoders[part])


def fill_block(block, plain):
    """Weights of a fully connected block."""
    linears, norms = (
        [module for module in plain.modules() if isinstance(module, kind)]
        for kind in (nn.Linear, nn.BatchNorm1d)
    )
    fill(
        [block.fc_1, *(w for each in block.layers for w in (each.w1, each.w2)), block.fc_2], linears
    )
    pairs = ((each.batch_norm1, each.batch_norm2) for each in block.layers)
    fill([block.bn_1, *(norm for pair in pairs for norm in pair)], norms)


def fill(targets, sources):
    for target, source in zip(targets, sources, strict=True):
        target.load_state_dict(source.state_dict())


@pytest.mark.skipif(REF is None, reason="POSEPROOF_RIE is not set to RIE's released code")
def test_the_released_network_is_as_large_as_ours():
    theirs = official_rie(Path(REF))
    assert sum(weight.numel() for weight in theirs.parameters()) == 57_940_787
    assert theirs(torch.rand(2, 243, 17, 2)).shape == (2, 1, 17, 3)
