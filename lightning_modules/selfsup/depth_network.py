"""SelfSup's lifting network, Lambda: depths and the camera's elevation from a 2D pose (Table 4)."""

from torch import Tensor, nn


class Block(nn.Module):
    """Two linear layers with LeakyReLU, added to their input, and one more LeakyReLU.

    Args:
        width: channels of input and output.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(width, width), nn.LeakyReLU(), nn.Linear(width, width), nn.LeakyReLU()
        )
        self.act = nn.LeakyReLU()

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, width) to the same."""
        return self.act(features + self.body(features))


class DepthNetwork(nn.Module):
    """Lambda: estimates every joint's depth and the camera's elevation (Table 4).

    Sosa & Hogg (2023), supplement. The table lists linear layers one after the other; their
    connections are from ElePose (Wandt et al., CVPR 2022), on which the network is based: an input
    layer and a residual block for both, then two blocks for the depths and two for the angle. The
    activation after the input layer is the table's; ElePose has none. The table also has LeakyReLU
    on both outputs, with which outputs below zero would be a hundred times too small; as in
    ElePose, there is none here.

    Args:
        joints: J, number of joints.
        width: channels of hidden layers.
    """

    def __init__(self, joints: int = 17, width: int = 1024) -> None:
        super().__init__()
        self.common = nn.Sequential(nn.Linear(2 * joints, width), nn.LeakyReLU(), Block(width))
        self.depth = nn.Sequential(Block(width), Block(width), nn.Linear(width, joints))
        self.elevation = nn.Sequential(Block(width), Block(width), nn.Linear(width, 1))

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Map poses (B, J, 2) to depth offsets (B, J) and elevations (B,), in radians."""
        features = self.common(points.flatten(1))
        return self.depth(features), self.elevation(features)[:, 0]
