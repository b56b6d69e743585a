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
    """The Feature Fusion Network, its joints also told relative to the root and the current frame.

    Its three stages are `stages` of its config: without fusion; fusion and decoders alone; all.

    Args:
        positional: the positional encoding (P-ENH).
        temporal: operator of the temporal encoding (T-ENH); none leaves it out.
        absolute: whether the network is told the keypoints as they are (w/o ABS of the supplement).
        fusion: the Feature Fusion Module, which stage 1 does without.
        receptive_field: T, a power of 3 from 3 on.
        groups: body parts, 5 in the paper; the root belongs to the one in the body's middle.
        width: channels of the temporal convolutions.
        latent: channels of local, fused and global features.
        hidden: channels of the fully connected blocks.
        dropout: probability in the temporal convolutions.
        fc_dropout: probability in the fully connected blocks.
        weight_decay: of AdamW, on every parameter.
        kwargs: of PoseLifter.

    Raises:
        ValueError: a receptive field that is no power of 3, an unknown grouping, or an encoding
            that tells the network nothing.
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
