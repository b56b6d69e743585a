"""Layers over G body parts at once: features (G, N, C), and weights of its own for every part.

The gradients of `PartActivation` use operators of `torch.ops.aten`, which no version of PyTorch
guarantees; they are used in this file alone.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_modules.layers.dropout import keep_mask

_EPS = 1e-5


class PartLinear(nn.Module):
    """One linear map a part, as one batched product.

    Weights stand as (G, in, out), the layout that their gradients come in.

    Args:
        parts: G, number of body parts.
        in_width: channels of each part's input.
        out_width: channels of each part's output.
        bias: whether a bias is added.
    """

    def __init__(self, parts: int, in_width: int, out_width: int, bias: bool = False) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_width)
        self.weight = nn.Parameter(torch.empty(parts, in_width, out_width).uniform_(-bound, bound))
        shape = (parts, 1, out_width)
        self.bias = nn.Parameter(torch.empty(shape).uniform_(-bound, bound)) if bias else None

    def forward(self, features: Tensor) -> Tensor:
        """Map (G, N, in_width) to (G, N, out_width)."""
        if self.bias is None:
            return torch.bmm(features, self.weight)
        return torch.baddbmm(self.bias, features, self.weight)


class PartActivation(nn.Module):
    """Batch normalisation of every part's channels, LeakyReLU and dropout.

    Args:
        parts: G, number of body parts.
        width: C, channels of each part.
        dropout: probability of dropping a value.
        slope: slope of LeakyReLU below zero; 0.2 in the released RIE code.

    Raises:
        ValueError: from `forward`, in training on a single row, which has no variance.
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
                raise ValueError(
                    "A batch of one window has no variance to normalise by: choose a larger batch."
                )
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


class PartBlocks(nn.Module):
    """A linear layer, then residual blocks of two, of every part.

    All are followed by normalisation, LeakyReLU and dropout.

    Args:
        parts: G, number of body parts.
        in_width: channels of each part's input.
        num_blocks: number of residual blocks.
        hidden: channels of all layers' outputs.
        dropout: probability of dropping a value.
        slope: slope of LeakyReLU below zero.
    """

    def __init__(
        self,
        parts: int,
        in_width: int,
        num_blocks: int,
        hidden: int,
        dropout: float,
        slope: float,
    ) -> None:
        super().__init__()

        def layer(width: int) -> nn.Sequential:
            return nn.Sequential(
                PartLinear(parts, width, hidden, bias=True),
                PartActivation(parts, hidden, dropout, slope),
            )

        self.input = layer(in_width)
        self.blocks = nn.ModuleList(
            nn.Sequential(layer(hidden), layer(hidden)) for _ in range(num_blocks)
        )

    def features(self, features: Tensor) -> Tensor:
        """Map (G, N, in_width) to (G, N, hidden)."""
        features = self.input(features)
        for block in self.blocks:
            features = features + block(features)
        return features


class PartMLP(PartBlocks):
    """The fully connected block of the Feature Fusion Network (RIE, Sec. 3.1).

    The slope of its LeakyReLU, 0.2, is the released code's.

    Args:
        parts: G, number of body parts.
        in_width: channels of each part's input.
        out_widths: channels of each part's output.
        num_blocks: number of residual blocks.
        hidden: channels of hidden layers.
        dropout: probability of dropping a value.
    """

    def __init__(
        self,
        parts: int,
        in_width: int,
        out_widths: Sequence[int],
        num_blocks: int = 1,
        hidden: int = 1024,
        dropout: float = 0.25,
    ) -> None:
        super().__init__(parts, in_width, num_blocks, hidden, dropout, slope=0.2)
        self.outputs = nn.ModuleList(nn.Linear(hidden, width) for width in out_widths)

    def forward(self, features: Tensor) -> list[Tensor]:
        """Map (G, N, in_width) to each part's (N, out_width)."""
        parts = zip(self.outputs, self.features(features), strict=True)
        return [output(part) for output, part in parts]
