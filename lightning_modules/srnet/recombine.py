"""Split and recombine: each body part sees the rest of the body through a narrow context."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_modules.layers.grouped import GroupedLinear

Operator = Literal["multiply", "add", "concat"]


class GateNorm(nn.BatchNorm1d):
    """Batch normalisation of the gates, whose momentum the released code does not anneal."""


class GlobalContext(nn.Module):
    """Linear map from all other parts to a context of few channels, for each part (SRNet, Eq. 6).

    All parts' maps are one product with a matrix that is zero where a part would see itself. The
    weights start at zero, as in the released code. Over several frames, the taps of a temporal
    layer, a part has a context for each, and each sees all of them.

    Args:
        widths: channels of each body part.
        dimensions: H, channels of each part's context.
        taps: frames that the map takes at once.
    """

    others: Tensor

    def __init__(self, widths: Sequence[int], dimensions: Sequence[int], taps: int = 1) -> None:
        super().__init__()
        total = sum(widths)
        parts = torch.arange(len(widths))
        owner = parts.repeat_interleave(torch.tensor(widths)).repeat(taps)
        viewer = parts.repeat_interleave(taps * torch.tensor(dimensions))
        self.register_buffer("others", viewer[:, None] != owner, persistent=False)
        self.weight = nn.Parameter(torch.zeros(int(self.others.sum())))
        bounds = torch.tensor([1 / math.sqrt(taps * (total - width)) for width in widths])[viewer]
        self.bias = nn.Parameter(torch.empty(len(viewer)).uniform_(-1, 1) * bounds)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, taps, sum of widths) to (B, taps * sum of dimensions), part by part."""
        matrix = self.weight.new_zeros(self.others.shape).masked_scatter(self.others, self.weight)
        return F.linear(features.flatten(1), matrix, self.bias)


class SplitRecombine(GroupedLinear):
    """A grouped layer whose parts are recombined with their global context (SRNet, Eq. 5).

    multiply: the part times sigmoid(BN(context)), a gate of one channel; add: the part plus
    LeakyReLU(context), of one channel; concat: LeakyReLU(context) as H further channels. The
    normalisation, the activations and the gate's place before the part's own map are the released
    code's.

    Args:
        in_widths: channels of each part of the input.
        out_widths: channels of each part of the output.
        operator: operation that combines a part and its context.
        context: H, size of the context: channels (int), or a fraction (float) of the part's own.
        taps: frames that the layer takes at once, each with a gate or context of its own.

    Raises:
        ValueError: H is not positive, or more than 1 with an operator that broadcasts it.
    """

    def __init__(
        self,
        in_widths: Sequence[int],
        out_widths: Sequence[int],
        operator: Operator = "multiply",
        context: int | float = 1,
        taps: int = 1,
    ) -> None:
        if context <= 0 or (operator != "concat" and (context != 1 or isinstance(context, float))):
            raise ValueError(
                f"A context of {context} channels does not go with the operator {operator}: choose "
                "1 channel, or the operator concat."
            )
        dimensions = [
            context if isinstance(context, int) else max(1, round(context * width))
            for width in in_widths
        ]
        super().__init__(in_widths, out_widths, dimensions if operator == "concat" else None, taps)
        self.operator = operator
        self.taps = taps
        self.dimensions = [taps * dimension for dimension in dimensions]
        self.context = GlobalContext(in_widths, dimensions, taps)
        self.norm = GateNorm(taps * sum(dimensions)) if operator == "multiply" else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, taps, sum of in_widths), or without taps for one, to (B, sum of out_widths)."""
        context = self.norm(self.context(features))
        context = context.sigmoid() if self.operator == "multiply" else F.leaky_relu(context)
        parts = features.split(self.in_widths, dim=-1)
        contexts = context.split(self.dimensions, dim=1)
        if features.ndim == 3:
            contexts = tuple(own.unflatten(1, (self.taps, -1)) for own in contexts)
        pairs = list(zip(parts, contexts, strict=True))
        if self.operator == "multiply":
            return self.products([part * gate for part, gate in pairs])
        if self.operator == "add":
            return self.products([part + shift for part, shift in pairs])
        return self.products([torch.cat(pair, dim=-1) for pair in pairs])
