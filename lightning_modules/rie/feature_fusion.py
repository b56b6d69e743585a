"""The Feature Fusion Network (Shan et al., ACM MM 2021, Sec. 3.1)."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from lightning_modules.layers.parts import PartMLP
from lightning_modules.rie.encodings import RelativeEncoding
from lightning_modules.rie.part_tcn import PartTCN


class FeatureFusionNetwork(nn.Module):
    """Lifts a window of keypoints to its current frame's pose, body part by body part.

    A part's decoder is given the part's local features over time, the other parts' local features
    fused, and global features of all joints in the current frame (Eq. 1 to 4). Every part has a
    fusion block of its own, as in the released code; the paper's notation suggests a shared one.

    Args:
        groups: joints of each body part; every joint stands in one part.
        receptive_field: T = 3^n, frames of a window, n >= 1.
        encoding: encoding of a joint's keypoints for the local encoders.
        fusion: whether there is a Feature Fusion Module; without it (stage 1) decoders have two
            inputs.
        width: channels of the temporal convolutions.
        latent: channels of local, fused and global features.
        hidden: channels of all fully connected blocks.
        dropout: probability of dropping a value in the temporal convolutions.
        fc_dropout: probability of dropping a value in the fully connected blocks.
        causal: whether a window's current frame is its last, not its middle.
    """

    others: Tensor
    places: Tensor

    def __init__(
        self,
        groups: Sequence[Sequence[int]],
        receptive_field: int,
        encoding: RelativeEncoding,
        fusion: bool = True,
        width: int = 512,
        latent: int = 512,
        hidden: int = 1024,
        dropout: float = 0.2,
        fc_dropout: float = 0.25,
        causal: bool = False,
    ) -> None:
        super().__init__()
        parts = len(groups)
        order = torch.tensor([joint for group in groups for joint in group])
        self.register_buffer("places", order.argsort(), persistent=False)
        others = torch.tensor([[n for n in range(parts) if n != part] for part in range(parts)])
        self.register_buffer("others", others, persistent=False)
        self.encoders = PartTCN(groups, receptive_field, encoding, width, latent, dropout, causal)
        block = partial(PartMLP, hidden=hidden, dropout=fc_dropout)
        # two residual blocks, where fusion and decoders have one: only the released code says so
        self.global_encoder = block(1, 2 * len(order), [latent], num_blocks=2)
        self.fusion = block(parts, (parts - 1) * latent, [latent] * parts) if fusion else None
        self.decoders = block(parts, (2 + fusion) * latent, [3 * len(group) for group in groups])

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift windows (B, T, J, 2) to joints (B, J, 3)."""
        return self._decode(self.encoders(keypoints), keypoints[:, self.encoders.current])

    def forward_span(self, span: Tensor) -> Tensor:
        """Lift all windows of (N + T - 1, J, 2) to (N, J, 3), where `PartTCN.forward_span` can."""
        local = self.encoders.forward_span(span)
        current = self.encoders.current
        return self._decode(local, span[current : current + local.shape[1]])

    def _decode(self, local: Tensor, pose: Tensor) -> Tensor:
        """Decode local features (G, B, latent) and the current keypoints (B, J, 2)."""
        (whole,) = self.global_encoder(pose.flatten(1)[None])
        features = [local, whole.expand_as(local)]
        if self.fusion is not None:
            others = local[self.others].movedim(1, 2).flatten(2)
            features.insert(1, torch.stack(self.fusion(others)))
        outputs = self.decoders(torch.cat(features, dim=2))
        return torch.cat(outputs, dim=1).unflatten(1, (-1, 3))[:, self.places]
