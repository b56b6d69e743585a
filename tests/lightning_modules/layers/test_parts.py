"""Normalisation, LeakyReLU and dropout in one, against PyTorch's own."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lightning_modules.layers.dropout import keep_mask
from lightning_modules.layers.parts import PartActivation


def drawn(dropout, parts=3, width=4):
    layer = PartActivation(parts, width, dropout).double()
    for tensor in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
        tensor.data.uniform_(0.5, 1.5)
    return layer


@pytest.mark.parametrize("training", [True, False])
def test_without_dropout_it_is_batch_norm_and_leaky_relu(training):
    layer = drawn(0.0).train(training)
    layer.momentum = 0.03
    x = torch.randn(3, 50, 4).double().requires_grad_()
    norms = []
    for part in range(3):
        norm = nn.BatchNorm1d(4, momentum=0.03).double().train(training)
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(norm, name).data.copy_(getattr(layer, name)[part])
        norms.append(norm)
    expected = torch.stack([F.leaky_relu(n(p), 0.2) for n, p in zip(norms, x, strict=True)])
    gradient = torch.randn_like(expected)
    got = layer(x)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-13)
    ours = torch.autograd.grad(got, [x, layer.weight, layer.bias], gradient)
    (theirs,) = torch.autograd.grad(expected, [x], gradient, retain_graph=True)
    torch.testing.assert_close(ours[0], theirs, rtol=0, atol=1e-12)
    for index, name in ((1, "weight"), (2, "bias")):
        each = torch.autograd.grad(
            expected, [getattr(norm, name) for norm in norms], gradient, retain_graph=True
        )
        torch.testing.assert_close(ours[index], torch.stack(each), rtol=0, atol=1e-11)
    for name in ("running_mean", "running_var"):
        moved = torch.stack([getattr(norm, name) for norm in norms])
        torch.testing.assert_close(getattr(layer, name), moved)


def test_dropout_scales_what_it_keeps_and_stops_what_it_drops():
    layer, plain = drawn(0.2, width=64), drawn(0.0, width=64)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(3, 200, 64).double().requires_grad_()
    torch.manual_seed(3)
    got = layer(x)
    kept = got != 0
    whole = plain(x)
    torch.testing.assert_close(got[kept], whole[kept] / 0.8)
    assert abs(kept.double().mean() - 0.8) < 4 * (0.16 / kept.numel()) ** 0.5
    gradient = torch.randn_like(got)
    (ours,) = torch.autograd.grad(got, [x], gradient)
    (theirs,) = torch.autograd.grad(whole, [x], gradient * kept / 0.8)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    torch.manual_seed(3)
    assert torch.equal(layer(x), got)
    plain.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer.eval()(x), plain.eval()(x))


@pytest.mark.parametrize("p", [0.05, 0.2, 0.25, 0.5, 0.9])
def test_masks_drop_each_value_by_itself(p):
    torch.manual_seed(0)
    mask = keep_mask(torch.empty(4 * 100_000 + 3), p)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    spread = (p * (1 - p) / len(mask)) ** 0.5
    assert abs(mask.mean() - (1 - p)) < 4 * spread
    # four of them come from one random number
    together = torch.corrcoef(mask[:-3].view(-1, 4).T) - torch.eye(4)
    assert together.abs().max() < 4 / 100_000**0.5
