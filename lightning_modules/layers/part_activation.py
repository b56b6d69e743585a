"""What follows the products of body parts: normalisation, LeakyReLU and dropout in one."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_modules.layers.dropout import keep_mask

_EPS = 1e-5


class PartActivation(nn.Module):
    """Batch normalisation of every part's channels, LeakyReLU and dropout.

    Args:
        parts: G.
        width: C.
        dropout: p.
        slope: of LeakyReLU below zero; 0.2 in the released RIE code.

    Raises:
        ValueError: from `forward`, in training over a single row, which has no variance.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, parts: int, width: int, dropout: float, slope: float = 0.2) -> None:
        super().__init__()
        self.dropout = dropout
        self.slope = slope
        self.momentum = 0.1
        self.weight = nn.Parameter(torch.ones(parts, width))
        self.bias = nn.Parameter(torch.zeros(parts, width))
        self.register_buffer("running_mean", torch.zeros(parts, width))
        self.register_buffer("running_var", torch.ones(parts, width))

    def forward(self, features: Tensor) -> Tensor:
        """Map (G, N, C) to the same shape."""
        if self.training:
            if features.shape[1] == 1:
                raise ValueError("One window has no variance to normalise by: train on batches.")
            # LeakyReLU passes a positive factor on: dropout's goes in before it, at no cost
            factor = 1 / (1 - self.dropout)
            return _TrainedActivation.apply(
                features, self.weight * factor, self.bias * factor, self
            )
        scale = self.weight * (self.running_var + _EPS).rsqrt()
        shift = self.bias - self.running_mean * scale
        return F.leaky_relu(
            torch.addcmul(shift[:, None], features, scale[:, None]), self.slope, inplace=True
        )


class _TrainedActivation(torch.autograd.Function):
    """The activation over batch statistics; bound by memory, so that it writes few arrays."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, layer: PartActivation) -> Tensor:  # noqa: ANN401
        output, mean, inverse = (
            torch.empty_like(x),
            torch.empty_like(weight),
            torch.empty_like(bias),
        )
        tables = (x, weight, bias, layer.running_mean, layer.running_var, output, mean, inverse)
        for *parts, out, part_mean, part_inverse in zip(*tables, strict=True):
            stats = {"out": out, "save_mean": part_mean, "save_invstd": part_inverse}
            torch.ops.aten.native_batch_norm.out(*parts, True, layer.momentum, _EPS, **stats)
        F.leaky_relu_(output, layer.slope)
        if layer.dropout:
            output.mul_(keep_mask(output, layer.dropout))
        ctx.save_for_backward(x, output, weight, mean, inverse)
        ctx.slope, ctx.drops = layer.slope, layer.dropout > 0
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # noqa: ANN401
        x, output, weight, mean, inverse = ctx.saved_tensors
        active = torch.ops.aten.leaky_relu_backward(gradient, output, ctx.slope, True)
        if ctx.drops:  # what came out as zero was dropped
            torch.ops.aten.hardshrink_backward.grad_input(active, output, 0.0, grad_input=active)
        weights, biases = torch.empty_like(weight), torch.empty_like(weight)
        for part, part_x, w, m, i, dw, db in zip(
            active, x, weight, mean, inverse, weights, biases, strict=True
        ):
            grads = torch.ops.aten.native_batch_norm_backward(
                part, part_x, w, None, None, m, i, True, _EPS, [True] * 3
            )
            for place, grad in zip((part, dw, db), grads, strict=True):
                place.copy_(grad)
        return active, weights, biases, None
