"""LiftOnly: SelfSup's lifting of given 2D poses, learned without 3D (Sosa & Hogg, 2023)."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn
from torchmetrics import Metric

from datamodules.batch import Batch, Estimates
from lightning_modules.lifter import MILLIMETRES, PoseLifter
from lightning_modules.selfsup.controls import mean_pose, pose_controls, update_pose_controls
from lightning_modules.selfsup.depth_network import DepthNetwork
from lightning_modules.selfsup.pose_flow import PoseFlow
from lightning_modules.selfsup.reprojection_cycle import (
    DISTANCE,
    bone_loss,
    bone_ratios,
    cycle,
    cycle_losses,
    lift,
)

# ElePose's, of Human3.6M's bones in the order of `Skeleton.bones`
_LEG, _ARM = (0.5181, 1.7371, 1.7229), (0.5746, 1.0812, 0.9652)
ELEPOSE_RATIOS = (*_LEG, *_LEG, 0.9209, 0.9879, 0.4481, 0.4450, *_ARM, *_ARM)


class LiftOnly(PoseLifter):
    """Lifts a 2D pose so that, seen from elsewhere, it is a likely 2D pose again.

    It is trained in two stages, `stages` of its config: the flow learns from the prior's 2D poses
    how likely a 2D pose is; then the lifter learns, from other people's 2D poses, every joint's
    depth and the camera's elevation. It needs the Unpaired Protocol. Of the paper only the
    supplement was available: networks are those of its tables; the cycle and its losses are those
    of ElePose (Wandt et al., CVPR 2022), to which the supplement refers for both.

    2D poses are relative to the root and divided by ten times the prior's mean distance of root and
    head, as in ElePose: a camera of focal length 1 sees a person of size 1 at distance 10. As size
    cannot be learned from pictures, predictions have the prior's mean size in 3D.

    Args:
        trains: component that a fit trains: flow or lifter.
        width: hidden channels of the lifter.
        bases: number of principal components of a 2D pose that the flow takes.
        flow_blocks: number of coupling blocks of the flow.
        flow_width: hidden channels of a coupling block.
        flow_noise: standard deviation of noise on the prior's 2D poses in the flow's training, in
            its units of 2D. Without noise, other people's true poses are a hundred nats less likely
            than the prior's, because bodies differ in components of a few thousandths.
        learned_elevation: whether cameras are drawn by the elevations that the lifter estimates.
        first_elevation: elevation that the lifter estimates before training, in radians; below 0
            where cameras look down. A pose with its depths negated, seen from below instead of from
            above, looks nearly the same; only perspective differs. Begun at 0, one of two runs may
            end with all depths negated (which ElePose's evaluation, with reflections, does not
            see).
        measured_bones: whether the usual ratios of bones are those of the prior's people in 3D,
            instead of Human3.6M's as in ElePose.
        likelihood_weight: weight of the flow's negative log likelihood of the projected 2D pose.
        reprojection_weight: weight of L_2D, the distance of 2D poses before and after the cycle.
        turned_weight: weight of L_3D, the distance of turned poses from those lifted again.
        pairs_weight: weight of L_def, the change of the difference between two poses.
        bones_weight: weight of L_bone, the distance of bones from their usual ratios; 50 in
            ElePose.
        lr: learning rate of Adam, whose betas are 0.5 and 0.999.
        weight_decay: weight decay of Adam, an L2 penalty.
        kwargs: options of PoseLifter.

    Raises:
        ValueError: an unknown value of `trains`, another skeleton than Human3.6M's 17 joints, or
            several frames.
        MisconfigurationException: training of the lifter without a trained flow, or training or a
            test on data without a prior.
    """

    trainable: ClassVar[tuple[str, ...]] = ("flow", "lifter")
    unit: Tensor
    size: Tensor
    ratios: Tensor
    bones: Tensor
    mean_pose: Tensor

    def __init__(
        self,
        trains: str = "lifter",
        width: int = 1024,
        bases: int = 26,
        flow_blocks: int = 8,
        flow_width: int = 1024,
        flow_noise: float = 0.005,
        learned_elevation: bool = True,
        first_elevation: float = -0.2,
        measured_bones: bool = True,
        likelihood_weight: float = 1.0,
        reprojection_weight: float = 1.0,
        turned_weight: float = 1.0,
        pairs_weight: float = 1.0,
        bones_weight: float = 2.5,
        lr: float = 2e-4,
        weight_decay: float = 1e-5,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(lr=lr, weight_decay=weight_decay, **kwargs)
        if trains not in self.trainable:
            raise ValueError(f"trains cannot be {trains!r}: choose {', '.join(self.trainable)}.")
        if self.skeleton.name != "h36m17" or self.receptive_field != 1:
            raise ValueError(
                "SelfSup and LiftOnly take single frames of Human3.6M's 17 joints: leave skeleton "
                "and receptive_field out."
            )
        self.trains = trains
        self.flow_noise = flow_noise
        self.learned_elevation = learned_elevation
        self.measured_bones = measured_bones
        self.weights = {
            "likelihood": likelihood_weight,
            "reprojection": reprojection_weight,
            "turned": turned_weight,
            "pairs": pairs_weight,
            "bones": bones_weight,
        }
        self.lifter = DepthNetwork(len(self.skeleton.joints), width)
        nn.init.constant_(self.lifter.elevation[-1].bias, first_elevation)  # type: ignore[arg-type]
        self.flow = PoseFlow(len(self.skeleton.joints), bases, flow_blocks, flow_width)
        self.register_buffer("bones", torch.tensor(self.skeleton.bones), persistent=False)
        self.register_buffer("unit", torch.zeros(()))
        self.register_buffer("size", torch.zeros(()))
        self.register_buffer("ratios", torch.tensor(ELEPOSE_RATIOS))
        self.register_buffer("mean_pose", torch.zeros(len(self.skeleton.joints), 3))

    def setup(self, stage: str) -> None:
        """Check that there is a prior and, before the flow is trained, measure it."""
        datamodule: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        if "prior" not in datamodule.frames and stage != "predict":
            raise MisconfigurationException(
                "The data have no prior of unpaired 2D poses: choose datamodules.UnpairedProtocol, "
                "as protocols/unpaired.yaml does."
            )
        if stage == "fit" and self.trains == "flow":
            self.measure(datamodule)

    def on_fit_start(self) -> None:
        """Check that there is a trained flow, once a checkpoint to go on from has been loaded."""
        if not self.unit:
            raise MisconfigurationException(
                "The lifter has no flow to learn from: train one first, as the stages of "
                "methods/lift_only.yaml and methods/selfsup.yaml do."
            )

    def measure(self, datamodule: Any) -> None:  # noqa: ANN401
        """Take scale, bones and principal components from the prior."""
        sequences, frames = datamodule.sequences, datamodule.frames["prior"]
        keypoints = torch.from_numpy(sequences.keypoints[frames, :, :2])
        joints = torch.from_numpy(sequences.joints[frames])
        head = self.skeleton.joints.index("head")
        self.unit.copy_(DISTANCE * (keypoints[:, head] - keypoints[:, 0]).norm(dim=-1).mean())
        self.size.copy_((joints[:, head] - joints[:, 0]).norm(dim=-1).mean())
        if self.measured_bones:
            self.ratios.copy_(bone_ratios(joints, self.bones).mean(0))
        self.mean_pose.copy_(mean_pose(joints[:: max(1, len(joints) // 2000)]))
        try:
            self.flow.fit_bases(self._noisy(self.places(keypoints)))
        except ValueError as error:
            raise MisconfigurationException(str(error)) from error

    def places(self, keypoints: Tensor) -> Tensor:
        """Keypoints (B, J, 2), in [-1, 1] by image width, as the lifter and the flow take them."""
        return (keypoints - keypoints[:, :1]) / self.unit

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, 1, J, 2) to joints (B, J, 3), of the prior's mean size."""
        joints, _ = lift(self.lifter, self.places(keypoints[:, 0]))
        return joints * self.size

    def batch_loss(self, batch: Batch) -> Tensor:
        """The loss of what is trained: of the flow on the prior, or of the lifter on 2D poses."""
        if self.trains == "flow":
            return self.flow(self._noisy(self.places(batch["prior_keypoints"]))).mean()
        return self.weighted(self.lifting_terms(self.places(self.given(batch))))

    def given(self, batch: Batch) -> Tensor:
        """The 2D poses (B, J, 2) that the lifter learns from: those of the training subjects."""
        return batch["keypoints"][:, 0]

    def _noisy(self, places: Tensor) -> Tensor:
        return places + self.flow_noise * torch.randn_like(places)

    def lifting_terms(self, places: Tensor) -> dict[str, Tensor]:
        """The cycle's losses for 2D poses (B, J, 2)."""
        stages = cycle(self.lifter, places, self.learned_elevation)
        terms = cycle_losses(stages)
        terms["likelihood"] = self.flow(stages.seen).mean()
        terms["bones"] = bone_loss(stages.joints, self.bones, self.ratios)
        return terms

    def weighted(self, terms: dict[str, Tensor]) -> Tensor:
        """The weighted sum of terms, each of which is logged; terms of weight 0 are left out."""
        kept = {name: term for name, term in terms.items() if self.weights[name]}
        for name, term in kept.items():
            self.log(f"train/{name}", term.detach(), on_step=False, on_epoch=True)
        return torch.stack([self.weights[name] * term for name, term in kept.items()]).sum()

    @property
    def predicts_poses(self) -> bool:
        """Not while the flow is trained."""
        return self.trains != "flow"

    def configure_metrics(self) -> dict[str, Metric]:
        """What the errors of poses must be compared with, see `pose_controls`."""
        return pose_controls()

    def update_metrics(
        self, metrics: Mapping[str, Metric], batch: Batch, estimates: Estimates
    ) -> None:
        """Add the predicted poses of a batch."""
        if not self.predicts_poses:
            return
        keypoints = self.lifted_windows(batch, estimates)[:, 0].to(self.dtype)
        _, elevation = lift(self.lifter, self.places(keypoints))
        predicted, true = estimates["predicted_mm"], estimates["true_mm"]
        other = MILLIMETRES * batch["other_joints"].double()
        update_pose_controls(metrics, predicted, true, other, elevation, self.mean_pose)

    def configure_optimizers(self) -> Any:  # noqa: ANN401
        """Adam on what is trained, its rate decaying every epoch."""
        return self.adam(self.flow if self.trains == "flow" else self.lifter)

    def adam(self, *networks: nn.Module) -> dict[str, Any]:
        """Adam with the paper's betas (supplement, Sec. 5), its rate decaying every epoch."""
        weights = [weight for network in networks for weight in network.parameters()]
        optimizer = torch.optim.Adam(
            weights, self.lr, betas=(0.5, 0.999), weight_decay=self.weight_decay
        )
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=self.lr_decay)
        return {"optimizer": optimizer, "lr_scheduler": schedule}
