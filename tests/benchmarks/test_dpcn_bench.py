"""What DPCN is timed against is the same function."""

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import data, dpcn, networks, timing
from benchmarks.plain_dpcn import PlainLifters, compiled, written
from datamodules.sources.synthetic.source import SyntheticMocap
from lightning_modules.dpcn.consensus import Consensus
from lightning_modules.dpcn.network import GroupLifters
from lightning_modules.layers.parts import PartActivation

GROUPS = torch.tensor([[0, 1, 2, 5], [2, 3, 4, 5], [0, 1, 2, 5], [1, 3, 4, 5]])


def test_the_loop_over_groups_is_ours():
    """Outputs, the gradient of every weight and all running statistics."""
    torch.manual_seed(0)
    ours = GroupLifters(GROUPS, width=12, dropout=0.0)
    for module in ours.modules():
        if isinstance(module, PartActivation):
            for tensor in (*module.parameters(), *module.buffers()):
                nn.init.uniform_(tensor, 0.5, 1.5)
    plain = PlainLifters(ours).double()
    ours.double()
    keypoints = torch.rand(9, 6, 2).double()
    for training in (False, True):
        outputs = [network.train(training)(keypoints) for network in (ours, plain)]
        torch.testing.assert_close(*outputs, rtol=0, atol=1e-12)
    for output in outputs:
        output.square().sum().backward()
    for weight in ours.parameters():
        weight.data = weight.grad
    moved = PlainLifters(ours)  # gradients in the place of weights, as the plain form has them
    for expected, got in zip(plain.parameters(), moved.parameters(), strict=True):
        torch.testing.assert_close(got.double(), expected.grad, rtol=1e-6, atol=1e-7)
    statistics = dict(moved.named_buffers())
    for name, expected in plain.named_buffers():
        if "running" in name:
            torch.testing.assert_close(statistics[name].double(), expected, rtol=1e-6, atol=1e-7)


def test_both_problems_have_our_consensus():
    sequences = SyntheticMocap(frames=9).read()
    poses = dpcn.group_poses(sequences, GROUPS, 3)
    expected = Consensus(GROUPS, 6)(poses).numpy()
    for form in (written, compiled):
        solve = form(GROUPS.tolist(), 6)
        got = np.stack([solve(own) for own in poses.double().numpy()])
        np.testing.assert_allclose(got, expected, atol=1e-5)


def small(monkeypatch, path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(path))
    monkeypatch.setattr(timing, "_LEAST", 0.0)
    monkeypatch.setattr(networks, "BATCH", 8)
    monkeypatch.setattr(data, "SyntheticMocap", lambda: SyntheticMocap(frames=9))
    for name, value in {"WIDTH": 6, "PAIRS": 1}.items():
        monkeypatch.setattr(dpcn, name, value)


def test_rows_are_measured(monkeypatch, tmp_path):
    small(monkeypatch, tmp_path)
    four = torch.tensor([[*range(k, k + 5), *range(12, 17)] for k in (0, 3, 5, 7)])
    monkeypatch.setattr(dpcn, "sample_groups", lambda apart, size: four)
    rows = {(ratio.what, ratio.against): ratio.middle for ratio in dpcn.measure()}
    assert {against for _, against in rows} == {
        "cvxpy, pose by pose",
        "cvxpy, compiled once",
        "a loop over groups",
    }
    assert all(middle > 0 for middle in rows.values())


def test_without_cvxpy_the_other_rows_are_measured(monkeypatch, tmp_path, capsys):
    small(monkeypatch, tmp_path)
    monkeypatch.setattr(dpcn, "find_spec", lambda name: None)
    assert [row.against for row in dpcn.measure()] == ["a loop over groups"] * 2
    assert "cvxpy is not installed" in capsys.readouterr().out


@pytest.mark.parametrize("outliers", [0.0, 0.5])
def test_group_poses_have_the_noise_asked_for(monkeypatch, outliers):
    monkeypatch.setattr(dpcn, "OUTLIERS", outliers)
    sequences = SyntheticMocap(frames=9).read()
    groups = torch.arange(17)[None]
    noisy = dpcn.group_poses(sequences, groups, 400)
    monkeypatch.setattr(dpcn, "NOISE", 0.0)
    monkeypatch.setattr(dpcn, "OUTLIER", 0.0)
    spread = (noisy - dpcn.group_poses(sequences, groups, 400)).square().mean().sqrt()
    expected = np.sqrt((0.03**2 + outliers * 0.2**2) * 16 / 17)
    assert spread.item() == pytest.approx(expected, rel=0.03)
