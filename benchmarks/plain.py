"""The plain way to write what the suite writes for speed."""

import torch
from torch import Tensor, nn

from lightning_modules.networks.grouped import GroupedLinear
from lightning_modules.networks.lifting import LiftingNetwork
from lightning_modules.networks.recombine import SplitRecombine


class PlainSplitRecombine(nn.Module):
    """SRNet's layer with multiplication, part by part, each part's context by itself."""

    def __init__(self, layer: SplitRecombine) -> None:
        super().__init__()
        self.widths = layer.in_widths
        self.maps = nn.ModuleList()
        self.contexts = nn.ModuleList()
        self.norms = nn.ModuleList()
        total, place = sum(self.widths), 0
        for number, (width, weight) in enumerate(zip(self.widths, layer.weights, strict=True)):
            own = nn.Linear(width, len(weight), bias=False).to(weight)
            context = nn.Linear(total - width, 1).to(weight)
            own.weight.data.copy_(weight)
            context.weight.data.copy_(layer.context.weight[place : place + total - width][None])
            context.bias.data.copy_(layer.context.bias[number : number + 1])
            place += total - width
            self.maps.append(own)
            self.contexts.append(context)
            norm = nn.BatchNorm1d(1).to(weight)
            for name in ("weight", "bias", "running_mean", "running_var"):
                getattr(norm, name).data.copy_(getattr(layer.norm, name)[number : number + 1])
            self.norms.append(norm)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, all parts' channels) to (B, all parts' new channels)."""
        parts = features.split(self.widths, dim=1)
        outputs = []
        for number, part in enumerate(parts):
            others = torch.cat([other for n, other in enumerate(parts) if n != number], dim=1)
            gate = torch.sigmoid(self.norms[number](self.contexts[number](others)))
            outputs.append(self.maps[number](gate * part))
        return torch.cat(outputs, dim=1)


def plain_copy(network: LiftingNetwork) -> LiftingNetwork:
    """Put the plain layer with the same weights in place of every one of a network (in place)."""
    for layer in [network.input, *(half for block in network.blocks for half in block)]:
        layer[0] = PlainSplitRecombine(layer[0])
    network.output = PlainSplitRecombine(network.output)  # type: ignore[arg-type]
    return network


def padded_weights(layer: GroupedLinear) -> Tensor:
    """A grouped layer's matrices, padded to the widest: (parts, out, in)."""
    widest_in = max(layer.in_widths)
    widest_out = max(len(weight) for weight in layer.weights)
    return torch.stack(
        [
            nn.functional.pad(w, (0, widest_in - w.shape[1], 0, widest_out - w.shape[0]))
            for w in layer.weights
        ]
    )


def padded_product(layer: GroupedLinear, features: Tensor, weights: Tensor | None = None) -> Tensor:
    """A grouped layer as one batched product over parts padded to the widest.

    Args:
        layer: the layer.
        features: (B, sum of in_widths).
        weights: `padded_weights(layer)`, where they are held so.
    """
    weights = padded_weights(layer) if weights is None else weights
    parts = torch.stack(
        [
            nn.functional.pad(part, (0, weights.shape[2] - part.shape[1]))
            for part in features.split(layer.in_widths, dim=1)
        ]
    )
    products = torch.bmm(parts, weights.mT)
    return torch.cat(
        [products[n, :, : len(weight)] for n, weight in enumerate(layer.weights)], dim=1
    )
