"""Plain implementations of layers that the suite writes for speed."""

import torch
from torch import Tensor, nn

from lightning_modules.layers.grouped import GroupedLinear
from lightning_modules.layers.residual_network import ResidualNetwork
from lightning_modules.srnet.recombine import SplitRecombine


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


def plain_copy(network: ResidualNetwork) -> ResidualNetwork:
    """Replace every layer of a network by the plain one with the same weights, in place."""
    for layer in [network.input, *(half for block in network.blocks for half in block)]:
        layer[0] = PlainSplitRecombine(layer[0])
    network.output = PlainSplitRecombine(network.output)  # type: ignore[arg-type]
    return network


class PlainTemporal(nn.Module):
    """A dense temporal network over (B, C, T), its convolutions strided ones of PyTorch's.

    Args:
        network: network whose layers and weights are copied.
    """

    def __init__(self, network: ResidualNetwork) -> None:
        super().__init__()
        channels = network.output.in_features
        self.current = network.current
        self.input = self._layer(network.input, 34)
        self.blocks = nn.ModuleList(
            nn.Sequential(*(self._layer(half, channels) for half in block))
            for block in network.blocks
        )
        self.output = nn.Conv1d(channels, 51, 1)
        self.output.weight.data.copy_(network.output.weight[:, :, None])
        self.output.bias.data.copy_(network.output.bias)

    def forward(self, windows: Tensor) -> Tensor:
        """Lift windows (B, T, J, 2) to joints (B, J, 3)."""
        features = self.input(windows.flatten(2).mT)
        for block in self.blocks:
            features = features[:, :, self.current :: 3] + block(features)
        return self.output(features)[:, :, 0].unflatten(1, (-1, 3))

    @staticmethod
    def _layer(layer: nn.Sequential, channels: int) -> nn.Sequential:
        linear, norm, activation, dropout = layer
        taps = linear.in_features // channels
        convolution = nn.Conv1d(channels, linear.out_features, taps, taps, bias=False)
        convolution.weight.data.copy_(linear.weight.unflatten(1, (taps, channels)).mT)
        copied = nn.BatchNorm1d(linear.out_features)
        copied.load_state_dict(norm.state_dict())
        slope = activation.negative_slope
        return nn.Sequential(
            convolution, copied, nn.LeakyReLU(slope, inplace=True), nn.Dropout(dropout.p)
        )


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
        layer: grouped layer.
        features: (B, sum of in_widths).
        weights: `padded_weights(layer)`, computed here by default.
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
