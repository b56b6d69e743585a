"""What RIE is timed against is the same function."""

import os
from pathlib import Path

import pytest
import torch

from benchmarks import rie
from benchmarks.official import official_rie, recognised
from benchmarks.plain_rie import PlainFusion
from datamodules.skeletons import H36M17
from lightning_modules.networks.encodings import RelativeEncoding
from lightning_modules.networks.feature_fusion import FeatureFusionNetwork

REF = os.environ.get("POSEPROOF_RIE")


def test_the_plain_form_has_our_outputs_and_gradients():
    torch.manual_seed(0)
    sizes = {"width": 12, "latent": 6, "hidden": 10, "dropout": 0.0, "fc_dropout": 0.0}
    ours = FeatureFusionNetwork(H36M17.partition(5), 27, RelativeEncoding(), **sizes).double()
    plain = PlainFusion(ours)
    assert sum(p.numel() for p in plain.parameters()) == sum(p.numel() for p in ours.parameters())
    keypoints = torch.rand(9, 27, 17, 2).double()
    for training in (True, False):
        outputs = [network.train(training)(keypoints) for network in (ours, plain)]
        torch.testing.assert_close(*outputs, rtol=0, atol=1e-12)
    for output in (ours.train()(keypoints), plain.train()(keypoints)):
        output.square().sum().backward()
    for part, encoder in enumerate(plain.encoders):
        mine = ours.encoders.blocks[0][0][0].weight.grad[part].unflatten(0, (3, -1))
        theirs = encoder.blocks[0][0][0].weight.grad
        torch.testing.assert_close(mine.permute(2, 1, 0), theirs, rtol=1e-9, atol=1e-9)


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


@pytest.mark.skipif(REF is None, reason="POSEPROOF_RIE names no clone of the released RIE code")
def test_the_released_network_is_as_large_as_ours():
    theirs = official_rie(Path(REF))
    assert sum(weight.numel() for weight in theirs.parameters()) == 57_940_787
    assert theirs(torch.rand(2, 243, 17, 2)).shape == (2, 1, 17, 3)
