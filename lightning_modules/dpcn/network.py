"""DPCN's network: a lifter for every joint group, all at once, and their consensus (Sec. 4, 5)."""

import math

from torch import Tensor, nn

from lightning_modules.dpcn.consensus import Consensus
from lightning_modules.layers import POSE_UNIT
from lightning_modules.layers.parts import PartBlocks, PartLinear


class GroupLifters(PartBlocks):
    """Lifts each group's 2D keypoints to its 3D pose about its own centre (Eq. 3).

    Each lifter is Martinez et al.'s network with LeakyReLU; together they are batched products.

    Args:
        groups: (n_t, n_g), joints of each group.
        width: hidden channels of a lifter.
        num_blocks: number of residual blocks of two layers.
        dropout: probability of dropping a hidden value.
        shared: whether all groups have one lifter, whose input does not say which group it is
            (Table 6).
        slope: slope of LeakyReLU below zero, which the paper does not give.
    """

    groups: Tensor

    def __init__(
        self,
        groups: Tensor,
        width: int = 1024,
        num_blocks: int = 2,
        dropout: float = 0.5,
        shared: bool = False,
        slope: float = 0.01,
    ) -> None:
        count, size = groups.shape
        parts = 1 if shared else count
        super().__init__(parts, 2 * size, num_blocks, width, dropout, slope)
        self.shared = shared
        self.output = PartLinear(parts, width, 3 * size, bias=True)
        self.register_buffer("groups", groups, persistent=False)
        for module in self.modules():
            if isinstance(module, PartLinear):
                nn.init.normal_(module.weight, std=math.sqrt(2 / module.weight.shape[1]))

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, J, 2) to the groups' poses (B, n_t, n_g, 3), in metres."""
        count, size = self.groups.shape
        rows = keypoints[:, self.groups].flatten(2).movedim(1, 0)
        if self.shared:
            shared_rows = rows.flatten(0, 1)[None]
            lifted = self.output(self.features(shared_rows))[0].unflatten(0, (count, -1))
        else:
            lifted = self.output(self.features(rows))
        return POSE_UNIT * lifted.unflatten(2, (size, 3)).movedim(0, 1)

    def targets(self, joints: Tensor) -> Tensor:
        """The groups' true poses (B, n_t, n_g, 3) about their own centres, from (B, J, 3)."""
        own = joints[:, self.groups]
        return own - own.mean(2, keepdim=True)


class ConsensusNetwork(nn.Module):
    """Group lifters and their consensus: keypoints (B, J, 2) to joints (B, J, 3).

    Args:
        lifters: lifters of keypoints to the groups' poses.
        consensus: consensus of these poses.
    """

    groups: Tensor

    def __init__(self, lifters: GroupLifters, consensus: Consensus) -> None:
        super().__init__()
        self.lifters = lifters
        self.consensus = consensus
        self.register_buffer("groups", lifters.groups)

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, J, 2) to joints (B, J, 3), in metres, the root at the origin."""
        return self.consensus(self.lifters(keypoints))
