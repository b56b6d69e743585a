"""RIE: relative information encoding (Shan et al., ACM MM 2021)."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from lightning_modules.layers.parts import PartActivation
from lightning_modules.layers.residual_network import temporal_layers
from lightning_modules.lifter import PoseLifter
from lightning_modules.rie.encodings import Operator, RelativeEncoding
from lightning_modules.rie.feature_fusion import FeatureFusionNetwork


class RIE(PoseLifter):
    """The Feature Fusion Network on joints relative to the root and to the current frame as well.

    It is trained in three stages, `stages` of its config: all without the fusion module; fusion and
    decoders alone; all.

    Args:
        positional: whether positions relative to the root are an input (P-ENH, Eq. 9).
        temporal: operator that compares positions with the current frame's (T-ENH, Eq. 13); null
            leaves them out.
        absolute: whether the keypoints themselves are an input; false is the supplement's w/o ABS.
        fusion: whether there is a Feature Fusion Module; stage 1 has none.
        receptive_field: T, frames of a window, a power of 3 from 3 on.
        groups: number of body parts, 5 in the paper; the root belongs to the middle of the body.
        width: channels of the temporal convolutions.
        latent: channels of local, fused and global features.
        hidden: channels of the fully connected blocks.
        dropout: probability of dropping a value in the temporal convolutions.
        fc_dropout: probability of dropping a value in the fully connected blocks.
        weight_decay: weight decay of AdamW, on every parameter.
        kwargs: options of PoseLifter.

    Raises:
        ValueError: a receptive field that is no power of 3, an unknown grouping, or an encoding
            without any input.
    """

    def __init__(
        self,
        positional: bool = True,
        temporal: Operator | None = "sub",
        absolute: bool = True,
        fusion: bool = True,
        receptive_field: int = 243,
        groups: int = 5,
        width: int = 512,
        latent: int = 512,
        hidden: int = 1024,
        dropout: float = 0.2,
        fc_dropout: float = 0.25,
        weight_decay: float = 0.01,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(receptive_field=receptive_field, weight_decay=weight_decay, **kwargs)
        if not temporal_layers(receptive_field):
            raise ValueError(
                f"RIE's window cannot have {receptive_field} frames: choose 27, 81 or 243 "
                "(or another power of 3)."
            )
        self.network = FeatureFusionNetwork(
            self.skeleton.partition(groups),
            receptive_field,
            RelativeEncoding(absolute, positional, temporal),
            fusion,
            width,
            latent,
            hidden,
            dropout,
            fc_dropout,
            self.causal,
        )

    @property
    def shares_windows(self) -> bool:
        """Overlapping windows have features in common unless these refer to the current frame."""
        return self.network.encoders.encoding.temporal is None

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, T, J, 2) to joints (B, J, 3)."""
        return self.network(keypoints)

    def loss(self, predicted: Tensor, joints: Tensor) -> Tensor:
        """Mean distance (MPJPE) of (B, J, 3) in metres, the root included."""
        return (predicted - joints).norm(dim=-1).mean()

    def annealed(self) -> Iterable[nn.Module]:
        """The normalisations of the temporal convolutions; the other blocks' stay at 0.1."""
        encoders = self.network.encoders.modules()
        return (module for module in encoders if isinstance(module, PartActivation))
