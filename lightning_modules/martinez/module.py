"""FCBaseline: the simple baseline of Martinez et al., ICCV 2017."""

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from lightning_modules.lifter import PoseLifter
from lightning_modules.martinez.network import MartinezNetwork


class FCBaseline(PoseLifter):
    """A single-frame lifter of two dense residual blocks, trained on the squared error.

    Args:
        width: hidden channels.
        num_blocks: number of residual blocks.
        dropout: probability of dropping a hidden value.
        lr_decay: factor on the learning rate after every epoch; 0.99 is about the paper's 0.96
            every 100,000 steps of 64 frames.
        bn_momentum_end: momentum of batch normalisation at the end of training; 0.1 keeps it as it
            begins.
        kwargs: options of PoseLifter.

    Raises:
        ValueError: a receptive field of several frames.
    """

    def __init__(
        self,
        width: int = 1024,
        num_blocks: int = 2,
        dropout: float = 0.5,
        lr_decay: float = 0.99,
        bn_momentum_end: float = 0.1,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(lr_decay=lr_decay, bn_momentum_end=bn_momentum_end, **kwargs)
        if self.receptive_field != 1:
            raise ValueError(
                f"FCBaseline lifts single frames, not {self.receptive_field}: choose TemporalConv, "
                "or leave receptive_field out."
            )
        self.network = MartinezNetwork(len(self.skeleton.joints), width, num_blocks, dropout)

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, 1, J, 2) to joints (B, J, 3)."""
        return self.network(keypoints[:, 0])

    def loss(self, predicted: Tensor, joints: Tensor) -> Tensor:
        """Mean squared difference, (B, J, 3) in metres."""
        return F.mse_loss(predicted, joints)
