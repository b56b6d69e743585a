"""ResidualNetwork: one residual graph over a pose or a window, of dense or grouped layers."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from lightning_modules.layers.dropout import QuickDropout
from lightning_modules.layers.grouped import share

# makes a layer from the body parts' input and output widths and the keyword `taps`: `Dense`,
# `GroupedLinear` or a paper's own
Layer = Callable[..., nn.Module]


def temporal_layers(receptive_field: int) -> int:
    """Number of weight layers over 3^n frames: 2 n, as every second layer takes three frames.

    Raises:
        ValueError: the receptive field is no power of 3.
    """
    power = round(math.log(max(receptive_field, 1), 3))
    if receptive_field != 3**power:
        raise ValueError(
            f"A temporal network cannot see {receptive_field} frames: choose 1, 3, 9, 27, 81 or "
            "243 (or another power of 3)."
        )
    return 2 * power


class Dense(nn.Linear):
    """A linear map without bias of all body parts' channels at once.

    Args:
        in_widths: channels of each part of the input.
        out_widths: channels of each part of the output.
        taps: frames that the map takes at once; widths are of one.
    """

    def __init__(self, in_widths: Sequence[int], out_widths: Sequence[int], taps: int = 1) -> None:
        super().__init__(taps * sum(in_widths), sum(out_widths), bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """Map (B, taps, sum of in_widths), or without taps for one, to (B, sum of out_widths)."""
        return super().forward(input.flatten(1))


class ResidualNetwork(nn.Module):
    """Lifts one frame of 2D keypoints to 3D, or a window to its middle frame's (SRNet, Fig. 3).

    An input layer, residual blocks of two layers, an output layer. Hidden layers are linear, batch
    normalisation, LeakyReLU, dropout; a block adds its input after both. A grouped first layer
    takes each part's own joints; as every part has the root, only the first part's is put out.

    Over 3^n frames the input layer and every block's first are convolutions of three frames, their
    taps (VideoPose3D, Pavllo et al., CVPR 2019). To lift a window they move on by three, so that
    each is a reshape and a product; to lift a span of frames they are dilated instead. A block then
    adds its input's middle frame of every three, or the last when causal.

    Args:
        layers: makers of the layers, from input to output; an even number, at least 4, for one
            frame, and `temporal_layers` of them for more.
        groups: joints of each body part, the root first.
        width: hidden channels, shared out over the body parts.
        dropout: probability of dropping a hidden value.
        receptive_field: T, frames of a window, a power of 3.
        causal: whether a window's own frame is its last, not its middle.
        slope: slope of the activation below zero: LeakyReLU's 0.01, or 0 for ReLU.

    Raises:
        ValueError: a number of layers that does not go with the frames, or no power of 3.
    """

    taken: Tensor
    given: Tensor

    def __init__(
        self,
        layers: Sequence[Layer],
        groups: Sequence[Sequence[int]],
        width: int = 1024,
        dropout: float = 0.0,
        receptive_field: int = 1,
        causal: bool = False,
        slope: float = 0.01,
    ) -> None:
        super().__init__()
        needed = temporal_layers(receptive_field)
        if not needed and (len(layers) < 4 or len(layers) % 2):
            raise ValueError(
                f"A network cannot have {len(layers)} layers: choose an even number from 4 on."
            )
        if needed and len(layers) != needed:
            raise ValueError(
                f"A network over {receptive_field} frames has {needed} layers, not {len(layers)}: "
                "leave the number of layers out."
            )
        self.taps = 3 if needed else 1
        self.current = 2 if causal else 1
        sizes = [len(group) for group in groups]
        hidden = share(width, sizes)
        # the released code puts out one channel that no joint uses; it is part of the paper's count
        outputs = share(3 * sum(sizes) + 1, sizes)
        num_joints = 1 + sum(size - 1 for size in sizes)

        def hidden_layer(layer: Layer, ins: Sequence[int], taps: int) -> nn.Sequential:
            norm, act = nn.BatchNorm1d(width), nn.LeakyReLU(slope, inplace=True)
            return nn.Sequential(layer(ins, hidden, taps=taps), norm, act, QuickDropout(dropout))

        self.input = hidden_layer(
            layers[0],
            [2 * num_joints] if layers[0] is Dense else [2 * size for size in sizes],
            self.taps,
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(hidden_layer(first, hidden, self.taps), hidden_layer(second, hidden, 1))
            for first, second in zip(layers[1:-1:2], layers[2:-1:2], strict=True)
        )
        if layers[-1] is Dense:
            self.output: nn.Module = nn.Linear(width, 3 * num_joints)
        else:
            self.output = layers[-1](hidden, outputs, taps=1)
        everything = torch.arange(num_joints)
        flat = torch.tensor([joint for group in groups for joint in group])
        self.register_buffer("taken", everything if layers[0] is Dense else flat, persistent=False)
        self.register_buffer(
            "given", everything if layers[-1] is Dense else _first_places(flat), persistent=False
        )

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift windows (B, T, J, 2), or frames (B, J, 2) where T is 1, to joints (B, J, 3)."""
        return self._lift(keypoints.flatten(0, -3), _consecutive)

    def forward_span(self, span: Tensor) -> Tensor:
        """Lift all windows of a stretch of frames, (N + T - 1, J, 2), to joints (N, J, 3).

        What windows share is computed once: in evaluation the result is that of `forward`.
        """
        return self._lift(span, _dilated)

    def _lift(self, frames: Tensor, triples: Callable[[Tensor, int], Tensor]) -> Tensor:
        features = frames[:, self.taken].flatten(1)
        if self.taps == 1:
            features = self.input(features)
            for block in self.blocks:
                features = features + block(features)
        else:
            features = self.input(triples(features, 1))
            for power, block in enumerate(self.blocks, start=1):
                inputs = triples(features, 3**power)
                features = inputs[:, self.current] + block(inputs)
        outputs = self.output(features)
        return outputs[:, : outputs.shape[1] // 3 * 3].unflatten(1, (-1, 3))[:, self.given]


def _consecutive(features: Tensor, step: int) -> Tensor:
    """Windows' frames by threes, (F, C) as (F / 3, 3, C); `step` plays no role."""
    return features.unflatten(0, (-1, 3))


def _dilated(features: Tensor, step: int) -> Tensor:
    """All triples of frames at a distance of `step`: a view of (F, C) as (F - 2 step, 3, C)."""
    return features.unfold(0, 2 * step + 1, 1)[..., ::step].mT


def _first_places(flat: Tensor) -> Tensor:
    """For each joint the first place at which it stands in `flat`."""
    joints = flat.tolist()
    return torch.tensor([joints.index(joint) for joint in range(max(joints) + 1)])
