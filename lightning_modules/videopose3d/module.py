"""TemporalConv: VideoPose3D (Pavllo et al., CVPR 2019)."""

from typing import Any

from torch import Tensor

from lightning_modules.layers.residual_network import Dense, ResidualNetwork, temporal_layers
from lightning_modules.lifter import PoseLifter


class TemporalConv(PoseLifter):
    """A dense temporal convolutional network (Fig. 2), trained on the joints' mean distance.

    Args:
        receptive_field: T, frames of a window, a power of 3; 243 in the paper. A network of one
            frame has as many layers as one of 27.
        width: hidden channels.
        dropout: probability of dropping a hidden value.
        kwargs: options of PoseLifter.

    Raises:
        ValueError: a receptive field that is no power of 3.
    """

    def __init__(
        self,
        receptive_field: int = 243,
        width: int = 1024,
        dropout: float = 0.25,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(receptive_field=receptive_field, **kwargs)
        self.network = ResidualNetwork(
            [Dense] * (temporal_layers(receptive_field) or 6),
            [range(len(self.skeleton.joints))],
            width,
            dropout=dropout,
            receptive_field=receptive_field,
            causal=self.causal,
            slope=0,
        )

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, T, J, 2) to joints (B, J, 3)."""
        return self.network(keypoints)

    @property
    def shares_windows(self) -> bool:
        """Overlapping windows have features in common."""
        return self.receptive_field > 1

    def loss(self, predicted: Tensor, joints: Tensor) -> Tensor:
        """MPJPE, (B, J, 3) in metres (the paper's, as trained by its released code)."""
        return (predicted - joints).norm(dim=-1).mean()
