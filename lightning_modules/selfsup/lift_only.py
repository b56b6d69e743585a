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

    Its two stages are `stages` of its config: the flow learns how likely 2D poses are from those of
    the prior; then the lifter learns, from other people's 2D poses, a depth for every joint and the
    camera's elevation. It needs the Unpaired Protocol. Of the paper only the supplement is at hand:
    networks are those of its tables, and the cycle and its losses ElePose's (Wandt et al., CVPR
    2022), which it names for both.

    2D poses are relative to the root and divided by ten times the prior's mean distance of root and
    head, as in ElePose: a camera of focal length 1 sees a person of size 1 at distance 10. Size
    cannot be learned from pictures; poses are given the prior's mean size in 3D.

    Args:
        trains: component that a fit trains: flow or lifter.
        width: hidden channels of the lifter.
        bases: principal components of 2D poses that the flow sees.
        flow_blocks: coupling blocks of the flow.
        flow_width: hidden channels of a block.
        flow_noise: deviation of the noise on the prior's 2D poses that the flow learns from, in
            units of 2D. Without, it finds other people's true poses a hundred nats less likely than
            the prior's, by components of a few thousandths in which bodies differ.
        learned_elevation: draw cameras by the elevations that the lifter says.
        first_elevation: what it says before it has learned, radians; below 0 where cameras look
            down. All poses with their depths negated, seen from below instead of from above, look
            all but the same: only perspective tells, and of two runs that begin at 0 one may end
            with bodies inside out (which ElePose forgives, where it aligns by reflections too).
        measured_bones: the usual ratios of bones are those of the prior's people in 3D, unpaired
            with anything; Human3.6M's by ElePose otherwise.
        likelihood_weight: of the flow's negative log likelihood of the 2D pose seen from elsewhere.
        reprojection_weight: of L_2D, see `reprojection_cycle.cycle_losses`.
        turned_weight: of L_3D.
        pairs_weight: of L_def.
        bones_weight: of L_bone; ElePose's is 50.
        lr: learning rate of Adam, whose betas are 0.5 and 0.999.
        weight_decay: of Adam, an L2 penalty.
        kwargs: of PoseLifter.

    Raises:
        ValueError: an unknown value of `trains`, another skeleton than Human3.6M's 17 joints, or
            several frames.
        MisconfigurationException: a fit of the lifter without a fitted flow, or a fit or a test of
            data without a prior.
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
                "Unpaired lifting takes single frames of Human3.6M's 17 joints: leave skeleton and "
                "receptive_field out."
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
        """Check that there is a prior and, for a fit of the flow, measure it."""
        datamodule: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        if "prior" not in datamodule.frames and stage != "predict":
            raise MisconfigurationException(
                "There is no prior of unpaired 2D poses: take datamodules.UnpairedProtocol, "
                "protocols/unpaired.yaml."
            )
        if stage == "fit" and self.trains == "flow":
            self.measure(datamodule)

    def on_fit_start(self) -> None:
        """Check that there is a flow, now that a checkpoint to go on from has been loaded."""
        if not self.unit:
            raise MisconfigurationException(
                "The lifter has no flow to learn from: fit one first, as the stages of "
                "methods/lift_only.yaml and methods/selfsup.yaml do."
            )

    def measure(self, datamodule: Any) -> None:  # noqa: ANN401
        """Take scale, bones and principal components from the prior."""
        held, frames = datamodule.sequences, datamodule.frames["prior"]
        keypoints = torch.from_numpy(held.keypoints[frames, :, :2])
        joints = torch.from_numpy(held.joints[frames])
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
        """Keypoints (B, J, 2), in [-1, 1] by image width, as the lifter and the flow see them."""
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
        """The 2D poses (B, J, 2) that the lifter learns from: those of the training people."""
        return batch["keypoints"][:, 0]

    def _noisy(self, places: Tensor) -> Tensor:
        return places + self.flow_noise * torch.randn_like(places)

    def lifting_terms(self, places: Tensor) -> dict[str, Tensor]:
        """The cycle's losses for 2D poses (B, J, 2)."""
        held = cycle(self.lifter, places, self.learned_elevation)
        terms = cycle_losses(held)
        terms["likelihood"] = self.flow(held.seen).mean()
        terms["bones"] = bone_loss(held.joints, self.bones, self.ratios)
        return terms

    def weighted(self, terms: dict[str, Tensor]) -> Tensor:
        """The weighted sum of terms, which are logged; those without weight are left out."""
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
