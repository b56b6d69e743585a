"""DPCN: deep pose consensus networks (Cha et al.), from given 2D keypoints ("Case 1")."""

from typing import Any, Literal, get_args

import torch
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor

from datamodules.batch import Batch
from lightning_modules.dpcn.consensus import Consensus, Norm
from lightning_modules.dpcn.joint_groups import (
    Scaling,
    check_sizes,
    sample_groups,
    similarity,
)
from lightning_modules.dpcn.network import ConsensusNetwork, GroupLifters
from lightning_modules.lifter import PoseLifter

Aggregation = Literal["consensus", "truth"]


class DPCN(PoseLifter):
    """Many lifters on sampled joint groups, merged by a robust consensus.

    The groups are drawn when a fit begins, from the first training sequence (S in Eq. 1), and are
    in the checkpoint.

    Losses are means over samples, groups, joints and coordinates, in square metres, where the paper
    has sums (Eq. 4 and 12); both losses are divided by the same number.

    Args:
        group_size: n_g, joints of a group; by default one fewer than the skeleton has (Sec. 7).
        similarity_weight: lambda, weight of the joints' similarity when groups are drawn (Eq. 2); 0
            draws them at random.
        min_groups: m_g, number of groups that every joint is in at least.
        scaling: scale of the joints' squared distances (Eq. 1): mean, that over the frames in
            square metres; sum, as printed in the paper; millimetres, the mean in square
            millimetres; unit, the mean for poses that are scaled to norm 1.
        group_seed: seed of the draw of the groups.
        aggregation: reading of L_aggre (Eq. 12), whose X the paper leaves open: consensus, the
            groups' distance from their least-squares pose; truth, that from the true pose, which is
            L_lifting once more; null leaves L_aggre out.
        norm: norm of the consensus: l21 (Eq. 8), l1 (Eq. 7) or l2, least squares.
        shared: whether all groups have one lifter (Table 6).
        width: hidden channels of a lifter.
        num_blocks: number of residual blocks of a lifter.
        dropout: probability of dropping a hidden value.
        lr: learning rate of RMSProp.
        lr_decay: factor on the learning rate after every epoch; the paper gives none.
        bn_momentum_end: momentum of batch normalisation at the end of training; 0.1 keeps it as it
            begins.
        kwargs: options of PoseLifter.

    Raises:
        ValueError: a receptive field of several frames, an unknown option, or groups that cannot be
            drawn from the skeleton.
        MisconfigurationException: at the beginning of a fit, groups of which some share no joint
            with the others.
    """

    def __init__(
        self,
        group_size: int | None = None,
        similarity_weight: float = 10.0,
        min_groups: int = 10,
        scaling: Scaling = "mean",
        group_seed: int = 0,
        aggregation: Aggregation | None = "consensus",
        norm: Norm = "l21",
        shared: bool = False,
        width: int = 1024,
        num_blocks: int = 2,
        dropout: float = 0.5,
        lr: float = 1e-3,
        lr_decay: float = 0.96,
        bn_momentum_end: float = 0.1,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(lr=lr, lr_decay=lr_decay, bn_momentum_end=bn_momentum_end, **kwargs)
        if self.receptive_field != 1:
            raise ValueError(
                f"DPCN lifts single frames, not {self.receptive_field}: leave receptive_field out."
            )
        if aggregation not in (None, *get_args(Aggregation)):
            raise ValueError(
                f"aggregation cannot be {aggregation!r}: choose consensus, truth or null."
            )
        num_joints = len(self.skeleton.joints)
        self.group_size = num_joints - 1 if group_size is None else group_size
        check_sizes(num_joints, self.group_size, min_groups)
        self.similarity_weight = similarity_weight
        self.min_groups = min_groups
        self.scaling = scaling
        self.group_seed = group_seed
        self.aggregation = aggregation
        self.norm = norm
        self.lifter: dict[str, Any] = {
            "width": width,
            "num_blocks": num_blocks,
            "dropout": dropout,
            "shared": shared,
        }
        self.network: ConsensusNetwork | None = None

    def setup(self, stage: str) -> None:
        """For a fit, draw the groups."""
        if stage == "fit" and self.needs.trains_on_joints and self.network is None:
            sequences = self.trainer.datamodule.sequences  # type: ignore[attr-defined]
            frame = self.trainer.datamodule.frames["train"][0]  # type: ignore[attr-defined]
            first = next(s for s in sequences.segments if s.start <= frame < s.stop)
            joints = torch.from_numpy(sequences.joints[first.start : first.stop])
            distances = similarity(joints, self.scaling)
            size, weight, least = self.group_size, self.similarity_weight, self.min_groups
            self._build(sample_groups(distances, size, weight, least, self.group_seed))

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the checkpoint's groups: weights are theirs."""
        if "network.groups" in checkpoint["state_dict"]:
            self._build(checkpoint["state_dict"]["network.groups"].cpu())

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, 1, J, 2) to joints (B, J, 3), by consensus."""
        if self.network is None:
            raise MisconfigurationException(
                "DPCN has no joint groups before it is trained: give a checkpoint with --ckpt_path."
            )
        return self.network(keypoints[:, 0])

    def batch_loss(self, batch: Batch) -> Tensor:
        """L_lifting + L_aggre of the groups' poses, without a gradient through their consensus."""
        assert self.network is not None
        return self.lifting_loss(self.network.lifters(self.given(batch)), batch["joints"])

    def given(self, batch: Batch) -> Tensor:
        """The 2D poses (B, J, 2) that the lifters learn from."""
        return batch["keypoints"][:, 0]

    def lifting_loss(self, poses: Tensor, joints: Tensor) -> Tensor:
        """L_lifting (Eq. 4) + L_aggre (Eq. 12) of poses (B, n_t, n_g, 3) and joints (B, J, 3)."""
        assert self.network is not None
        lifting = (poses - self.network.lifters.targets(joints)).square().mean()
        if self.aggregation is None:
            return lifting
        if self.aggregation == "truth":
            return 2 * lifting
        return lifting + self.network.consensus.disagreement(poses).square().mean()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """RMSProp, its rate decaying every epoch (Sec. 7.1)."""
        weights = [weight for weight in self.parameters() if weight.requires_grad]
        optimizer = torch.optim.RMSprop(weights, lr=self.lr)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=self.lr_decay)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def _build(self, groups: Tensor) -> None:
        lifters = GroupLifters(groups, **self.lifter)
        try:
            consensus = Consensus(groups, len(self.skeleton.joints), self.norm)
        except ValueError as error:
            raise MisconfigurationException(str(error)) from error
        self.network = ConsensusNetwork(lifters, consensus).to(self.device)
