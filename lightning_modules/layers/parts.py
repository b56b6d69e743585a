"""Layers over G body parts at once: features (G, N, C), every part with weights of its own."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lightning_modules.layers.part_activation import PartActivation


class PartLinear(nn.Module):
    """One linear map a part, as one batched product.

    Weights stand as (G, in, out), the layout that their gradients come in.

    Args:
        parts: G.
        in_width: channels of the input.
        out_width: channels of the output.
        bias: whether it has one.
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


class PartBlocks(nn.Module):
    """A linear layer, then residual blocks of two, of every part.

    All are followed by normalisation, LeakyReLU and dropout.

    Args:
        parts: G.
        in_width: channels of the input.
        num_blocks: residual blocks.
        hidden: channels between and of the output.
        dropout: probability.
        slope: of LeakyReLU below zero.
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

    Its slope of LeakyReLU is the released code's.

    Args:
        parts: G.
        in_width: channels of the input.
        out_widths: channels of each part's output.
        num_blocks: residual blocks.
        hidden: channels between.
        dropout: probability.
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
