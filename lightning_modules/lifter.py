"""PoseLifter: the contract that all methods share."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import Metric

from datamodules.batch import Batch, DataNeeds, Estimates
from datamodules.skeletons import SKELETONS

MILLIMETRES = 1000.0
# what a lifter of whole videos takes in one go, and one whose windows share nothing
FRAMES_AT_ONCE, WINDOWS_AT_ONCE = 4096, 1024


class PoseLifter(LightningModule):
    """Lifts windows of 2D keypoints to the 3D pose of their middle frame.

    A method overrides `forward` and, where its paper has others, `loss` (or `batch_loss`, where
    poses alone do not tell it) and `configure_optimizers`; never the steps. What it measures of its
    own, besides the errors of its poses, is in `configure_metrics` and `update_metrics`; the
    trainer's `metrics.evaluator.Evaluator` measures and logs. One whose windows share work says
    so in `shares_windows`, and its `network` has a `forward_span`. Data and networks speak metres,
    relative to the root, in the camera frame; metrics speak millimetres, and here one becomes the
    other.

    Args:
        skeleton: name of the joint layout, such as h36m17.
        receptive_field: T, number of frames in a window.
        causal: whether a window ends at its frame instead of being centred on it.
        lr: learning rate of Adam (AMSGrad).
        weight_decay: weight decay of AdamW, which is Adam where it is 0.
        lr_decay: factor on the learning rate after every epoch.
        bn_momentum_end: end of batch normalisation's momentum, which falls exponentially from 0.1
            over the epochs; 0.1 keeps it.
        flip_test: whether to predict every window's mirror image too, and average both.
    """

    network: Any

    def __init__(
        self,
        skeleton: str = "h36m17",
        receptive_field: int = 1,
        causal: bool = False,
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        lr_decay: float = 0.95,
        bn_momentum_end: float = 0.001,
        flip_test: bool = True,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.skeleton = SKELETONS[skeleton]
        self.receptive_field = receptive_field
        self.causal = causal
        self.lr = lr
        self.weight_decay = weight_decay
        self.lr_decay = lr_decay
        self.bn_momentum_end = bn_momentum_end
        self.flip_test = flip_test

    @property
    def needs(self) -> DataNeeds:
        """What the model needs of the data; a method that takes images overrides it."""
        return DataNeeds(self.receptive_field, self.causal, self.skeleton.name)

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, T, J, 2), in [-1, 1] by image width, to joints (B, J, 3) in metres."""
        raise NotImplementedError

    def loss(self, predicted: Tensor, joints: Tensor) -> Tensor:
        """Mean absolute difference, (B, J, 3) in metres: what the released SRNet code minimises."""
        return F.l1_loss(predicted, joints)

    def batch_loss(self, batch: Batch) -> Tensor:
        """The loss of a batch as the protocols make them."""
        return self.loss(self(batch["keypoints"].to(self.dtype)), batch["joints"])

    def learn(self, batch: Batch) -> Tensor:
        """The loss of a batch; a method with several optimisers takes its steps here."""
        return self.batch_loss(batch)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW with AMSGrad on what is not frozen, its rate decaying every epoch."""
        optimizer = torch.optim.AdamW(
            [weight for weight in self.parameters() if weight.requires_grad],
            lr=self.lr,
            weight_decay=self.weight_decay,
            amsgrad=True,
            fused=True,
        )
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=self.lr_decay)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    @property
    def shares_windows(self) -> bool:
        """Whether the network computes once what overlapping windows have in common."""
        return False

    def forward_span(self, span: Tensor) -> Tensor:
        """Lift all windows of a stretch of frames, (N + T - 1, J, 2), to joints (N, J, 3)."""
        if self.shares_windows:
            return self.network.forward_span(span)
        windows = span.unfold(0, self.receptive_field, 1).movedim(-1, 1)
        return torch.cat([self(chunk) for chunk in windows.split(WINDOWS_AT_ONCE)])

    def lift(self, keypoints: Tensor) -> Tensor:
        """As `forward`; with `flip_test` the mean with the mirrored window's prediction."""
        return self._flip_averaged(self, keypoints)

    def lift_sequence(self, keypoints: Tensor) -> Tensor:
        """Lift every frame of a video, (F, J, 2) in [-1, 1] by image width, to joints (F, J, 3).

        Past its ends the first and last frames are repeated. The result is that of `lift` on every
        frame's window; where windows share work, none is built.
        """
        after = 0 if self.causal else self.receptive_field // 2
        before = self.receptive_field - 1 - after
        padded = torch.cat(
            [keypoints[:1].expand(before, -1, -1), keypoints, keypoints[-1:].expand(after, -1, -1)]
        )
        spans = (
            padded[start : start + FRAMES_AT_ONCE + before + after]
            for start in range(0, len(keypoints), FRAMES_AT_ONCE)
        )
        return torch.cat([self._flip_averaged(self.forward_span, span) for span in spans])

    def annealed(self) -> Iterable[nn.Module]:
        """The batch normalisations whose momentum falls; a method may leave some out."""
        return (module for module in self.modules() if isinstance(module, nn.BatchNorm1d))

    def on_train_epoch_start(self) -> None:
        """Anneal batch normalisation's momentum."""
        assert self.trainer.max_epochs is not None
        progress = self.current_epoch / max(1, self.trainer.max_epochs)
        momentum = 0.1 * (self.bn_momentum_end / 0.1) ** progress
        for norm in self.annealed():
            norm.momentum = momentum

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One step on a batch as the protocols make them."""
        loss = self.learn(batch)
        self.log("train/loss", loss, prog_bar=True, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> Estimates:
        """What the model makes of a batch, for the Evaluator."""
        return self._predicted(batch)

    def test_step(self, batch: Batch, batch_idx: int) -> Estimates:
        """What the model makes of a batch, for the Evaluator."""
        return self._predicted(batch)

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """The frame numbers (B,) and predicted joints (B, J, 3) of a batch, in metres."""
        windows = self.lifted_windows(batch, self.estimate(batch))
        return {"index": batch["index"], "joints": self._lift_batch(batch, windows)}

    @property
    def predicts_poses(self) -> bool:
        """Whether a validation or a test predicts poses; not while a stage trains other things."""
        return True

    def estimate(self, batch: Batch) -> Estimates:
        """What a method finds in a batch before it lifts: of images, `estimated_keypoints`."""
        return {}

    def lifted_windows(self, batch: Batch, estimates: Estimates) -> Tensor:
        """The 2D windows (B, T, J, 2) that are lifted: estimates, or the given ones."""
        if "estimated_keypoints" in estimates:
            return estimates["estimated_keypoints"]
        return batch["keypoints"]

    def configure_metrics(self) -> dict[str, Metric]:
        """Figures of the method's own: name -> metric, besides the errors of its poses.

        The Evaluator moves, logs and resets them. One that gives several numbers names them in its
        attribute `labels`.
        """
        return {}

    def update_metrics(
        self, metrics: Mapping[str, Metric], batch: Batch, estimates: Estimates
    ) -> None:
        """Add a batch of a validation or a test to what `configure_metrics` made.

        Args:
            metrics: what `configure_metrics` made.
            batch: the batch.
            estimates: what the step returned for it.
        """

    def _predicted(self, batch: Batch) -> Estimates:
        estimates = self.estimate(batch)
        if self.predicts_poses:
            windows = self.lifted_windows(batch, estimates)
            middle = -1 if self.causal else self.receptive_field // 2
            estimates["lifted_keypoints"] = windows[:, middle]
            estimates["predicted_mm"] = self._lift_batch(batch, windows).double() * MILLIMETRES
            estimates["true_mm"] = batch["joints"].double() * MILLIMETRES
            if "unshifted" in batch:
                unshifted = self.lift(batch["unshifted"])
                estimates["unshifted_mm"] = unshifted.double() * MILLIMETRES
        return estimates

    def _lift_batch(self, batch: Batch, windows: Tensor) -> Tensor:
        """Lift a batch's windows, or the stretches of frames that they come from where it pays."""
        if self.shares_windows:
            places = torch.stack([batch["index"], batch["sequence"]])
            follows = (places.diff() == places.new_tensor([[1], [0]])).all(0)
            runs = windows.tensor_split((1 + (~follows).nonzero()[:, 0]).cpu())
            if len(windows) > len(runs) * self.receptive_field:
                spans = (torch.cat([run[0], run[1:, -1]]) for run in runs)
                return torch.cat([self._flip_averaged(self.forward_span, span) for span in spans])
        return self.lift(windows)

    def _flip_averaged(self, lift: Callable[[Tensor], Tensor], keypoints: Tensor) -> Tensor:
        keypoints = keypoints.to(self.dtype)
        if not self.flip_test:
            return lift(keypoints)
        return (lift(keypoints) + self._mirror(lift(self._mirror(keypoints)))) / 2

    def _mirror(self, points: Tensor) -> Tensor:
        """Negate x and exchange left and right joints, of (..., J, 2 or 3)."""
        sign = points.new_ones(points.shape[-1])
        sign[0] = -1
        return points[..., self.skeleton.mirror, :] * sign
