"""DPCN from images ("Case 2"): a 2D estimator, lifters on its estimates, then both end to end."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import torch
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from rich.progress import track
from torch import Tensor
from torchmetrics import Metric

from datamodules.batch import Batch, DataNeeds, Estimates
from lightning_modules.dpcn.heatmaps import (
    conversion_bias,
    expected_places,
    gaussian_heatmaps,
    heatmap_floor,
    heatmap_loss,
)
from lightning_modules.dpcn.hourglass import StackedHourglass, flip_averaged
from lightning_modules.dpcn.image_augmentation import augment
from lightning_modules.dpcn.module import DPCN
from lightning_modules.layers.images import crop_to_screen, screen_to_crop
from metrics.aggregate import JointMean

Trained = Literal["estimator", "lifters", "everything"]


class ImageDPCN(DPCN):
    """A stacked hourglass whose heatmaps become 2D keypoints, which DPCN lifts.

    Its three stages are `stages` of its config, each a fit of one component: the estimator, on
    heatmaps (L_2d, Eq. 6); the lifters, on its estimates of all training images, which are made
    once; and everything, through the domain conversion (L_e2e, Eq. 14). A test is from images.

    L_2d is a mean over joints and cells, as L_lifting and L_aggre are means; the paper does not say
    whether its alpha of 100 is meant for means or for sums.

    Args:
        trains: component that a fit trains: estimator, lifters or everything.
        image_size: side of the crops that the estimator takes, in pixels.
        stacks: number of hourglasses, one after the other.
        features: channels of an hourglass.
        depth: number of halvings in an hourglass.
        threshold: share of a heatmap's peak that the domain conversion (Eq. 13) takes off every
            cell; the paper's 0 is sensitive to small values far from the peak.
        augment: whether the estimator's training images are scaled, turned and recoloured.
        alpha: weight of L_2d in L_e2e (Eq. 14).
        estimator_lr: learning rate of the estimator; `lr` is the lifters'.
        estimator_weights: path of a checkpoint of this class with whose estimator a fit begins,
            such as one trained on MPII.
        kwargs: options of DPCN.

    Raises:
        ValueError: an unknown value of `trains`, or an image size that the hourglass cannot take.
    """

    def __init__(
        self,
        trains: Trained = "everything",
        image_size: int = 256,
        stacks: int = 8,
        features: int = 256,
        depth: int = 4,
        threshold: float = 0.1,
        augment: bool = True,
        alpha: float = 100.0,
        estimator_lr: float = 2.5e-4,
        estimator_weights: str | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        if trains not in get_args(Trained):
            raise ValueError(f"trains cannot be {trains!r}: choose {', '.join(get_args(Trained))}.")
        self.estimator = StackedHourglass(len(self.skeleton.joints), stacks, features, depth)
        self.estimator.check(image_size)
        self.trains = trains
        self.image_size = image_size
        self.threshold = threshold
        self.augment = augment
        self.alpha = alpha
        self.estimator_lr = estimator_lr
        if estimator_weights:
            self._take_estimator(Path(estimator_weights))

    @property
    def needs(self) -> DataNeeds:
        """Images; in training of lifters alone none, and of the estimator alone no 3D truth."""
        return replace(
            super().needs,
            image_size=self.image_size,
            trains_on_images=self.trains != "lifters",
            trains_on_joints=self.trains != "estimator",
        )

    def on_fit_start(self) -> None:
        """Before a fit of the lifters alone: estimate the 2D keypoints of all training images."""
        if self.trains != "lifters":
            return
        datamodule: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        frames, joints = datamodule.sequences.joints.shape[:2]
        self._found = torch.zeros(frames, joints, 2, device=self.device)
        batches = datamodule.image_frames(datamodule.frames["train"], datamodule.eval_batch_size)
        self.estimator.eval()
        with torch.no_grad():
            for batch in track(
                batches, "Estimating 2D keypoints", disable=not self.trainer.is_global_zero
            ):
                here = cast(Batch, {name: column.to(self.device) for name, column in batch.items()})
                found = self.estimate(here)["estimated_keypoints"][:, 0]
                self._found[here["index"]] = found.to(self._found.dtype)

    def given(self, batch: Batch) -> Tensor:
        """The 2D poses (B, J, 2) estimated of a batch's images, mirrored where they are flipped."""
        found = self._found[batch["index"]]
        return torch.where(batch["flipped"].bool()[:, None, None], self._mirror(found), found)

    def batch_loss(self, batch: Batch) -> Tensor:
        """L_2d (Eq. 6), L_lifting + L_aggre, or L_e2e (Eq. 14), by what is trained."""
        if self.trains == "lifters":
            return super().batch_loss(batch)
        image, truth = batch["image"], screen_to_crop(batch["keypoints"][:, 0], batch["crop"])
        if self.trains == "estimator":
            if self.augment:
                image, truth = augment(image, truth)
            return self._heatmap_loss(self.estimator(image), truth, batch["visible"])
        assert self.network is not None
        maps = self.estimator(image)
        keypoints = self._keypoints(maps[-1], batch["crop"])
        lifting = self.lifting_loss(self.network.lifters(keypoints), batch["joints"])
        return self.alpha * self._heatmap_loss(maps, truth, batch["visible"]) + lifting

    def estimate(self, batch: Batch) -> Estimates:
        """Estimate 2D keypoints from the images, through heatmaps."""
        image = batch["image"].to(self.dtype)
        if self.flip_test:
            maps = flip_averaged(self.estimator, image, self.skeleton.mirror)
        else:
            maps = self.estimator(image)[-1]
        keypoints = self._keypoints(maps, batch["crop"])[:, None]
        return {"estimated_keypoints": keypoints, "heatmaps": maps}

    @property
    def predicts_poses(self) -> bool:
        """Once there are lifters."""
        return self.network is not None

    def configure_metrics(self) -> dict[str, Metric]:
        """Figures of the estimator.

        `keypoint_error` is a percentage of the crop's side; `bias`, of the domain conversion
        against the highest cell (Fig. 5), is in cells, of each joint; `bias_below_1` the
        percentage of joints whose bias is below a cell; `floor` see `heatmap_floor`.
        """
        joints = self.skeleton.joints
        names = ("keypoint_error", "bias_below_1", "floor")
        means: dict[str, Metric] = {name: JointMean(len(joints)) for name in names}
        return means | {"bias": JointMean(len(joints), labels=joints)}

    def update_metrics(
        self, metrics: Mapping[str, Metric], batch: Batch, estimates: Estimates
    ) -> None:
        """Measure the estimates and the heatmaps of a batch."""
        maps, found = estimates["heatmaps"], estimates["estimated_keypoints"]
        away = (found - batch["keypoints"])[:, 0].norm(dim=-1)
        bias = conversion_bias(maps, self.threshold).norm(dim=-1)
        figures = {
            "keypoint_error": 100 * away / batch["crop"][:, 2:],
            "bias": bias,
            "bias_below_1": 100.0 * (bias < 1),
            "floor": heatmap_floor(maps),
        }
        for name, figure in figures.items():
            metrics[name].update(figure, batch["visible"])

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """RMSProp, estimator and lifters at rates of their own, decaying every epoch."""
        rates = {self.estimator: self.estimator_lr, self.network: self.lr}
        groups = [
            {"params": [each for each in module.parameters() if each.requires_grad], "lr": rate}
            for module, rate in rates.items()
            if module is not None
        ]
        optimizer = torch.optim.RMSprop([group for group in groups if group["params"]])
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=self.lr_decay)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def _keypoints(self, maps: Tensor, crop: Tensor) -> Tensor:
        """Eq. 13, and back to the image: (B, J, h, w) to (B, J, 2) in [-1, 1] by its width."""
        return crop_to_screen(expected_places(maps, self.threshold), crop)

    def _heatmap_loss(self, maps: list[Tensor], truth: Tensor, visible: Tensor) -> Tensor:
        target = gaussian_heatmaps(truth, maps[-1].shape[-1])
        return heatmap_loss(maps, target, visible)

    def _take_estimator(self, path: Path) -> None:
        try:
            weights = torch.load(path, weights_only=True, map_location="cpu")["state_dict"]
            own = {key: weights[f"estimator.{key}"] for key in self.estimator.state_dict()}
            self.estimator.load_state_dict(own)
        except (OSError, KeyError, RuntimeError, EOFError, ValueError) as error:
            raise MisconfigurationException(
                f"{path} has no weights of such an estimator: give the checkpoint of a fit with "
                "trains: estimator and with the same stacks, features and depth."
            ) from error
