"""The fully connected baseline of Martinez et al., "A simple yet effective baseline", ICCV 2017."""

from torch import Tensor, nn

from lightning_modules.layers import POSE_UNIT


class MartinezNetwork(nn.Module):
    """Lifts one frame by a linear layer, residual blocks of two, and a linear layer (Fig. 1).

    Every layer but the last is followed by batch normalisation, ReLU and dropout, and every weight
    is drawn as He et al. propose.

    Args:
        num_joints: J, number of joints.
        width: hidden channels.
        num_blocks: number of residual blocks.
        dropout: probability of dropping a hidden value.
    """

    def __init__(
        self, num_joints: int = 17, width: int = 1024, num_blocks: int = 2, dropout: float = 0.5
    ) -> None:
        super().__init__()

        def layer(channels: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Linear(channels, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)
            )

        self.input = layer(2 * num_joints)
        self.blocks = nn.ModuleList(
            nn.Sequential(layer(width), layer(width)) for _ in range(num_blocks)
        )
        self.output = nn.Linear(width, 3 * num_joints)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, J, 2) to joints (B, J, 3), in metres."""
        features = self.input(keypoints.flatten(1))
        for block in self.blocks:
            features = features + block(features)
        return POSE_UNIT * self.output(features).unflatten(1, (-1, 3))
