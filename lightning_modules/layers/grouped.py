"""Grouped linear layers: each body part has features of its own (SRNet, Eq. 4)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def share(total: int, sizes: Sequence[int]) -> list[int]:
    """Divide `total` channels in proportion to `sizes`, rounded down; the last takes the rest.

    The released SRNet code's rule (for its Eq. 2 and 3): 1024 over 8, 8, 10, 8, 8 gives 195, 195,
    243, 195, 196.
    """
    widths = [size * total // sum(sizes) for size in sizes]
    widths[-1] += total - sum(widths)
    return widths


class GroupedLinear(nn.Module):
    """One linear map without bias a body part, on its own channels alone.

    A temporal layer's map takes the channels of several frames, its taps. Parts have unequal
    widths, for which one product a part, written to one output, is the fastest form measured:
    padding to equal widths for a batched product takes twice as long (`make bench`).

    Args:
        in_widths: channels of each part of the input.
        out_widths: channels of each part of the output.
        extra: further channels that each part's map takes, after its own; none by default.
        taps: frames that the map takes at once; widths are of one.
    """

    def __init__(
        self,
        in_widths: Sequence[int],
        out_widths: Sequence[int],
        extra: Sequence[int] | None = None,
        taps: int = 1,
    ) -> None:
        super().__init__()
        self.in_widths = list(in_widths)
        fan_ins = [
            taps * (own + more)
            for own, more in zip(in_widths, extra or [0] * len(in_widths), strict=True)
        ]
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(out, fan_in))
            for out, fan_in in zip(out_widths, fan_ins, strict=True)
        )
        for weight in self.weights:
            nn.init.kaiming_uniform_(weight, a=math.sqrt(5))

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, taps, sum of in_widths), or without taps for one, to (B, sum of out_widths)."""
        return self.products(features.split(self.in_widths, dim=-1))

    def products(self, parts: Sequence[Tensor]) -> Tensor:
        """Map each part's (B, taps, own + extra channels); concatenated."""
        maps = zip(parts, self.weights, strict=True)
        return torch.cat([F.linear(part.flatten(1), weight) for part, weight in maps], dim=1)
