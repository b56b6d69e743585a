"""PoseLifter: the contract that all methods share."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.skeletons import SKELETONS
from lightning_modules.errors import Errors
from metrics import MPJPE

MILLIMETRES = 1000.0
# what a lifter of whole videos takes in one go, and one whose windows share nothing
FRAMES_AT_ONCE, WINDOWS_AT_ONCE = 4096, 1024


class PoseLifter(LightningModule):
    """Lifts windows of 2D keypoints to the 3D pose of their middle frame.

    A method overrides `forward` and, where its paper has others, `loss` (or `batch_loss`, where
    poses alone do not tell it) and `configure_optimizers`; never the steps. One whose windows share
    work says so in `shares_windows`, and its `network` has a `forward_span`. Data and networks
    speak metres, relative to the root, in the camera frame; metrics speak millimetres, and here one
    becomes the other.

    Args:
        skeleton: name of the joint layout.
        receptive_field: T, frames a window.
        causal: a window ends at its frame instead of being centred on it, for use as frames come.
        lr: learning rate of Adam (AMSGrad).
        weight_decay: of AdamW, which is Adam where it is 0.
        lr_decay: factor on the learning rate after every epoch.
        bn_momentum_end: batch normalisation's momentum falls exponentially from 0.1 towards this
            over the epochs; 0.1 keeps it.
        flip_test: predict every window's mirror image too, and average.
    """

    network: Any
    # pixels a side of the images that it takes, 0 for none
    image_size = 0
    # whether it takes them in training too
    trains_on_images = False
    # whether each of them comes with another one of the same sequence
    trains_on_references = False
    # whether it learns from 3D poses
    trains_lifting = True

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

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, T, J, 2), in [-1, 1] by image width, to joints (B, J, 3) in metres."""
        raise NotImplementedError

    def loss(self, predicted: Tensor, joints: Tensor) -> Tensor:
        """Mean absolute difference, (B, J, 3) in metres: what the released SRNet code minimises."""
        return F.l1_loss(predicted, joints)

    def batch_loss(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of a batch as the protocols make them."""
        return self.loss(self(batch["keypoints"].to(self.dtype)), batch["joints"])

    def learn(self, batch: dict[str, Tensor]) -> Tensor:
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

    def setup(self, stage: str) -> None:
        """Make the metrics, for the groups that the protocol reports."""
        datamodule = self.trainer.datamodule  # type: ignore[attr-defined]
        self.errors = Errors(datamodule.groupings(), self.skeleton)
        # between predictions from shifted and unshifted keypoints, where a protocol shifts them
        self.consistency = MPJPE()

    def on_train_epoch_start(self) -> None:
        """Anneal batch normalisation's momentum."""
        assert self.trainer.max_epochs is not None
        progress = self.current_epoch / max(1, self.trainer.max_epochs)
        momentum = 0.1 * (self.bn_momentum_end / 0.1) ** progress
        for norm in self.annealed():
            norm.momentum = momentum

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """One step on a batch as the protocols make them."""
        loss = self.learn(batch)
        self.log("train/loss", loss, prog_bar=True, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Add a batch to the errors."""
        self.evaluate(self.prepare(batch))

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor] | None:
        """Add a batch to the errors.

        Returns:
            What was judged: `keypoints` (B, J, 2) of the frames themselves, given or estimated,
            and the `predicted` joints (B, J, 3), float64 mm; nothing where none are predicted.
        """
        prepared = self.prepare(batch)
        predicted = self.evaluate(prepared)
        if predicted is None:
            return None
        middle = -1 if self.causal else self.receptive_field // 2
        return {"keypoints": prepared["keypoints"][:, middle], "predicted": predicted}

    def predict_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """The frame numbers (B,) and predicted joints (B, J, 3) of a batch, in metres."""
        return {"index": batch["index"], "joints": self._lift_batch(self.prepare(batch))}

    def on_validation_epoch_end(self) -> None:
        """Log the errors over all ranks."""
        self.log_errors("val")

    def on_test_epoch_end(self) -> None:
        """Log the errors over all ranks."""
        self.log_errors("test")

    def prepare(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """What is evaluated and predicted of a batch; a method from images estimates keypoints."""
        return batch

    def evaluate(self, batch: dict[str, Tensor]) -> Tensor | None:
        """Add a prepared batch to the errors.

        Returns:
            The predicted joints (B, J, 3), float64 mm; None where a fit is not of the lifting.
        """
        predicted = self._lift_batch(batch).double() * MILLIMETRES
        joints = batch["joints"].double() * MILLIMETRES
        self.errors.update(predicted, joints, batch)
        if "unshifted" in batch:
            unshifted = self.lift(batch["unshifted"]).double() * MILLIMETRES
            self.consistency.update(predicted, unshifted)
        return predicted

    def _lift_batch(self, batch: dict[str, Tensor]) -> Tensor:
        """Lift a batch's windows, or the stretches of frames that they come from where it pays."""
        windows = batch["keypoints"]
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

    def log_errors(self, stage: str) -> None:
        """Log the errors as `stage/name`, and begin anew."""
        for name, figure in self.errors.take().items():
            self.log(f"{stage}/{name}", figure, prog_bar=name == "mpjpe")
        if self.consistency.update_called:
            self.log(f"{stage}/consistency", self.consistency.compute())
            self.consistency.reset()

    def _mirror(self, points: Tensor) -> Tensor:
        """Negate x and exchange left and right joints, of (..., J, 2 or 3)."""
        sign = points.new_ones(points.shape[-1])
        sign[0] = -1
        return points[..., self.skeleton.mirror, :] * sign
