"""The local feature encoders of all body parts: temporal convolutions as batched products."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_modules.layers.parts import PartActivation, PartLinear
from lightning_modules.layers.residual_network import temporal_layers
from lightning_modules.rie.encodings import RelativeEncoding


class PartTCN(nn.Module):
    """One temporal convolutional network a body part, all at once (RIE, Eq. 14).

    VideoPose3D's network in the form that puts out one frame: kernels of three frames that move on
    by three, so that each convolution is a reshape and a product. Features stand as (G, B, T, C).

    Args:
        groups: joints of each of the G body parts.
        receptive_field: T = 3^n, frames of a window, n >= 1.
        encoding: encoding of a joint's keypoints.
        width: channels of a part's hidden layers.
        out_width: channels of a part's output.
        dropout: probability of dropping a hidden value.
        causal: whether a window's current frame is its last, not its middle.
    """

    joints: Tensor

    def __init__(
        self,
        groups: Sequence[Sequence[int]],
        receptive_field: int,
        encoding: RelativeEncoding,
        width: int = 512,
        out_width: int = 512,
        dropout: float = 0.2,
        causal: bool = False,
    ) -> None:
        super().__init__()
        parts, layers = len(groups), temporal_layers(receptive_field) // 2
        self.encoding = encoding
        self.current = receptive_field - 1 if causal else receptive_field // 2
        self.middle = 2 if causal else 1
        self.most = max(map(len, groups))
        # where a part has fewer joints than another, the root with weights of zero
        padded = [[*group, *[0] * (self.most - len(group))] for group in groups]
        self.register_buffer("joints", torch.tensor(padded), persistent=False)
        self.weights = nn.ParameterList(
            _uniform(width, 3, len(group), encoding.channels) for group in groups
        )
        self.input = PartActivation(parts, width, dropout)

        def layer(taps: int) -> nn.Sequential:
            return nn.Sequential(
                PartLinear(parts, taps * width, width), PartActivation(parts, width, dropout)
            )

        self.blocks = nn.ModuleList(nn.Sequential(layer(3), layer(1)) for _ in range(layers - 1))
        self.output = PartLinear(parts, width, out_width, bias=True)

    def forward(self, keypoints: Tensor) -> Tensor:
        """Encode windows (B, T, J, 2) to their parts' features (G, B, out_width)."""
        # fewer numbers to multiply where there are several stacks to fold
        folds = self.encoding.is_linear and self.encoding.channels > 2
        triples, weight = self._folded(keypoints) if folds else self._plain(keypoints)
        features = self.input(torch.bmm(triples, weight.mT))
        for block in self.blocks:
            triples = features.unflatten(1, (-1, 3))
            features = triples[:, :, self.middle] + block(triples.flatten(2))
        return self.output(features)

    def forward_span(self, span: Tensor) -> Tensor:
        """Encode all windows of a stretch of frames, (N + T - 1, J, 2), to (G, N, out_width).

        The same weights dilated, so that what windows share is computed once. It cannot be done
        where the encoding refers to a window's current frame.
        """
        encoded = self.encoding(span[None], self.current)[0, :, self.joints]
        triples = _dilated(encoded.movedim(1, 0).flatten(2), 1)
        features = self.input(torch.bmm(triples.flatten(2), self._padded().flatten(2).mT))
        for power, block in enumerate(self.blocks, start=1):
            triples = _dilated(features, 3**power)
            features = triples[:, :, self.middle] + block(triples.flatten(2))
        return self.output(features)

    def _plain(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """The first product's factors (G, B T / 3, K) and (G, C, K): all stacks as they are."""
        encoded = self.encoding(keypoints, self.current)
        return _triples(encoded[:, :, self.joints]), self._padded().flatten(2)

    def _folded(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """The same product of plain positions: a triple's, with its roots, and the current ones."""
        roots = torch.zeros_like(self.joints[:, :1])
        triples = _triples(keypoints[:, :, torch.cat([self.joints, roots], dim=1)])
        own, root, current = self.encoding.fold(self._padded())
        weight = torch.cat([own, root], dim=-2).flatten(2)
        if self.encoding.temporal is None:
            return triples, weight
        now = keypoints[:, self.current, self.joints].movedim(1, 0).flatten(2)
        now = now.repeat_interleave(keypoints.shape[1] // 3, dim=1)
        return torch.cat([triples, now], dim=2), torch.cat([weight, current.flatten(2)], dim=2)

    def _padded(self) -> Tensor:
        """All parts' first weights (G, C, 3, most joints, channels)."""
        gaps = (self.most - weight.shape[2] for weight in self.weights)
        return torch.stack(
            [F.pad(weight, (0, 0, 0, gap)) for weight, gap in zip(self.weights, gaps, strict=True)]
        )


def _uniform(*shape: int) -> nn.Parameter:
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))


def _triples(encoded: Tensor) -> Tensor:
    """(B, T, G, J, channels) to (G, B T / 3, 3 J channels)."""
    return encoded.movedim(2, 0).flatten(3).flatten(1, 2).unflatten(1, (-1, 3)).flatten(2)


def _dilated(features: Tensor, step: int) -> Tensor:
    """All triples of frames at a distance of `step`: (G, F, C) to (G, F - 2 step, 3, C)."""
    return features.unfold(1, 2 * step + 1, 1)[..., ::step].mT
