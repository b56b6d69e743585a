"""SelfSup: from a single image to 3D without paired labels (Sosa & Hogg, 2023)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torchmetrics import Metric

from datamodules.batch import Batch, DataNeeds, Estimates
from lightning_modules.layers.images import crop_to_screen, draw_skeletons, screen_to_crop
from lightning_modules.lifter import MILLIMETRES
from lightning_modules.selfsup.controls import keypoint_controls, update_keypoint_controls
from lightning_modules.selfsup.image_to_skeleton import (
    SkeletonEncoder,
    SkeletonRegressor,
    check_image_size,
)
from lightning_modules.selfsup.lift_only import LiftOnly
from lightning_modules.selfsup.patch_discriminator import (
    ImagePool,
    PatchDiscriminator,
    lsgan_loss,
)
from metrics import PAMPJPE

# of the gradient's norm, as in KeypointGAN; ElePose's lifter has none
CLIP = 1.0


class SelfSup(LiftOnly):
    """Pictures become skeleton images, these 2D poses, and these are lifted as in LiftOnly.

    Phi draws the skeleton image of a picture, in which Omega finds the joints. A discriminator
    compares skeleton images with those of the prior's 2D poses, which are of other people. All are
    trained together, after flow and lifter have been trained on the prior; Omega learns from drawn
    skeletons alone. The supplement gives networks and optimiser only: losses and weights are those
    of the works it builds on, KeypointGAN (Jakab et al., CVPR 2020) for 2D and ElePose for 3D.

    None of these losses ties a skeleton to its picture: any likely pose would do as well. As in
    KeypointGAN, a further network therefore paints the picture from the skeleton and another
    picture of the same person; its loss, of weight `reconstruction_weight`, is an L1 distance, not
    a perceptual one.

    Args:
        trains: component that a fit trains: flow, lifter (on the prior's 2D poses) or images (all).
        image_size: side of the crops, in pixels.
        image_width: channels of Phi and Omega at full resolution.
        discriminator_width: channels of the discriminator's first layer.
        scales: number of scales at which the discriminator takes an image, each half the one
            before.
        sigma: square root of the distance over which drawn bones fade to 1 / e, in half sides.
        right_brightness: brightness of right limbs in drawn skeletons; that of all others is 1, as
            that of all is in KeypointGAN. With equal brightness Omega cannot tell the sides apart.
        pool: number of earlier skeleton images that the discriminator may be shown again.
        adversarial_weight: weight of the discriminator's loss on the skeleton images (L_D).
        regressor_weight: weight of the error of the joints found in the prior's drawn skeletons
            (L_Omega).
        redrawing_weight: weight of a skeleton image's distance from its joints drawn again.
        reconstruction_weight: weight of the painted picture's distance from the picture, 50 times
            the discriminator's, where pix2pix (Isola et al., CVPR 2017) has 100; 0 paints nothing.
        regressor_first: whether Omega is trained with the flow as well, before the rest. The
            supplement trains it from scratch with the rest; KeypointGAN begins with a trained one.
        lifts_prior: whether the lifter learns from the prior's 2D poses as well.
        lifting_moves_joints: whether the lifting's losses train Phi as well, where they outweigh
            all others.
        kwargs: options of LiftOnly.

    Raises:
        ValueError: an unknown value of `trains`, or an image size that the networks cannot take.
    """

    trainable: ClassVar = ("flow", "lifter", "images")
    points: Tensor
    brightness: Tensor

    def __init__(
        self,
        trains: str = "images",
        image_size: int = 128,
        image_width: int = 32,
        discriminator_width: int = 64,
        scales: int = 3,
        sigma: float = 0.2,
        right_brightness: float = 1.0,
        pool: int = 50,
        adversarial_weight: float = 10.0,
        regressor_weight: float = 0.9,
        redrawing_weight: float = 0.1,
        reconstruction_weight: float = 500.0,
        regressor_first: bool = False,
        lifts_prior: bool = True,
        lifting_moves_joints: bool = False,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(trains=trains, **kwargs)
        check_image_size(image_size)
        joints = len(self.skeleton.joints)
        self.image_size = image_size
        self.automatic_optimization = trains != "images"
        self.sigma = sigma
        self.regressor_first = regressor_first
        self.lifts_prior = lifts_prior
        self.lifting_moves_joints = lifting_moves_joints
        self.weights |= {
            "adversarial": adversarial_weight,
            "regressor": regressor_weight,
            "redrawing": redrawing_weight,
            "reconstruction": reconstruction_weight,
        }
        self.encoder = SkeletonEncoder(image_width)
        self.regressor = SkeletonRegressor(joints, image_width)
        self.discriminator = PatchDiscriminator(discriminator_width, scales)
        self.discriminator.check(image_size)
        self.painter = SkeletonEncoder(image_width, channels=4, outputs=3)
        # with several GPUs, every weight that requires a gradient has to get one
        self.painter.requires_grad_(self.paints)
        self.pool = ImagePool((1, image_size, image_size), pool)
        self.register_buffer("points", torch.zeros(joints, 2))
        right = torch.isin(self.bones[:, 1], torch.tensor(self.skeleton.right))
        brightness = torch.where(right, right_brightness, 1.0)
        self.register_buffer("brightness", brightness, persistent=False)

    @property
    def needs(self) -> DataNeeds:
        """Images, in training of all networks alone, with references for the painter."""
        return replace(
            super().needs,
            image_size=self.image_size,
            trains_on_images=self.trains == "images",
            trains_on_references=self.paints,
        )

    @property
    def paints(self) -> bool:
        """Whether a fit learns to paint pictures again."""
        return self.trains == "images" and self.weights["reconstruction"] > 0

    def measure(self, datamodule: Any) -> None:  # noqa: ANN401
        """Take from the prior what LiftOnly does, and its mean 2D pose in a crop."""
        super().measure(datamodule)
        frames, sequences = datamodule.frames["prior"], datamodule.sequences
        keypoints = torch.from_numpy(sequences.keypoints[frames, :, :2])
        crops = torch.from_numpy(sequences.images.crops[frames])
        self.points.copy_(screen_to_crop(keypoints, crops).mean(0))

    def batch_loss(self, batch: Batch) -> Tensor:
        """The flow's or the lifter's loss on the prior; with `regressor_first` Omega's is added."""
        loss = super().batch_loss(batch)
        first = self.trains == "flow" and self.regressor_first
        return loss + self.regressor_loss(batch, self.draw_prior(batch)) if first else loss

    def given(self, batch: Batch) -> Tensor:
        """The prior's 2D poses (B, J, 2), as those of the pictures are not known."""
        return batch["prior_keypoints"]

    def learn(self, batch: Batch) -> Tensor:
        """One step of generator and discriminator, each against the other before the step."""
        if self.trains != "images":
            return super().learn(batch)
        prior = self.draw_prior(batch)
        drawn, generator = self.generator_loss(batch, prior)
        discriminator = self.discriminator_loss(drawn.detach(), prior)
        self.manual_backward(generator + discriminator)
        # network by network, as their gradients differ by orders of magnitude
        for network in (self.encoder, self.regressor, self.painter, self.discriminator):
            nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        for optimizer in self.optimizers():  # type: ignore[union-attr]
            optimizer.step()
            optimizer.zero_grad()
        self.log("train/discriminator", discriminator.detach(), on_step=False, on_epoch=True)
        return generator.detach()

    def generator_loss(self, batch: Batch, prior: Tensor) -> tuple[Tensor, Tensor]:
        """The skeleton images (B, 1, S, S), and all losses but the discriminator's own.

        `prior` (B, 1, S, S) shows the batch's unpaired 2D poses.
        """
        drawn = self.encoder(batch["image"])
        points = _applied_frozen(self.regressor, drawn)
        keypoints = crop_to_screen((points + 1) / 2, batch["crop"])
        lifted = keypoints if self.lifting_moves_joints else keypoints.detach()
        if self.lifts_prior:
            lifted = torch.cat([lifted, batch["prior_keypoints"]])
        terms = self.lifting_terms(self.places(lifted))
        terms["adversarial"] = lsgan_loss(_applied_frozen(self.discriminator, drawn), True)
        terms["regressor"] = self.regressor_loss(batch, prior)
        shown = drawn.detach()
        terms["redrawing"] = F.mse_loss(self.draw(self.regressor(shown)), shown)
        if self.paints:
            painted = self.painter(torch.cat([self.draw(points), batch["reference"]], dim=1))
            terms["reconstruction"] = F.l1_loss(painted, batch["image"])
        return drawn, self.weighted(terms)

    def regressor_loss(self, batch: Batch, prior: Tensor) -> Tensor:
        """Mean squared distance of the joints found in the prior's skeleton images (B, 1, S, S)."""
        return F.mse_loss(self.regressor(prior), self.prior_points(batch))

    def discriminator_loss(self, drawn: Tensor, prior: Tensor) -> Tensor:
        """Half of each kind's LSGAN loss, skeleton images (B, 1, S, S) from pool and prior."""
        fake = lsgan_loss(self.discriminator(self.pool(drawn)), False)
        return (lsgan_loss(self.discriminator(prior), True) + fake) / 2

    def draw(self, points: Tensor) -> Tensor:
        """Skeleton images (B, 1, S, S) of places (B, J, 2) in [-1, 1] of the crop."""
        return draw_skeletons(points, self.bones, self.image_size, self.sigma, self.brightness)

    def prior_points(self, batch: Batch) -> Tensor:
        """The prior's 2D poses (B, J, 2) in [-1, 1] of crops around them."""
        return 2 * screen_to_crop(batch["prior_keypoints"], batch["prior_crop"]) - 1

    def draw_prior(self, batch: Batch) -> Tensor:
        """Their skeleton images (B, 1, S, S)."""
        return self.draw(self.prior_points(batch))

    def estimate(self, batch: Batch) -> Estimates:
        """Estimate 2D keypoints from the images, through skeleton images."""
        if self.trains != "images":
            return {}
        image = batch["image"].to(self.dtype)
        drawn = self.encoder(image)
        points = self.regressor(drawn)
        if self.flip_test:
            points = (points + self._mirror(self.regressor(self.encoder(image.flip(3))))) / 2
        keypoints = crop_to_screen((points + 1) / 2, batch["crop"])[:, None]
        return {"estimated_keypoints": keypoints, "skeleton_image": drawn}

    @property
    def predicts_poses(self) -> bool:
        """Once Phi and Omega are trained with the rest."""
        return self.trains == "images"

    def configure_metrics(self) -> dict[str, Metric]:
        """Besides LiftOnly's, `pa_mpjpe_true_2d` of the true 2D pose lifted, and errors in 2D."""
        joints = len(self.skeleton.joints)
        errors = {"pa_mpjpe_true_2d": PAMPJPE(), **keypoint_controls(joints)}
        return super().configure_metrics() | errors

    def update_metrics(
        self, metrics: Mapping[str, Metric], batch: Batch, estimates: Estimates
    ) -> None:
        """Add the predicted poses of a batch, and its 2D estimates."""
        if not self.predicts_poses:
            return
        super().update_metrics(metrics, batch, estimates)
        crop = batch["crop"]
        found = screen_to_crop(estimates["estimated_keypoints"][:, 0], crop)
        truth = screen_to_crop(batch["keypoints"][:, 0], crop)
        other = screen_to_crop(batch["other_keypoints"], batch["other_crop"])
        visible, mirror = batch["visible"], self.skeleton.mirror
        update_keypoint_controls(metrics, found, truth, other, self.points, visible, mirror)
        lifted = self.lift(batch["keypoints"][:, :1]).double()
        metrics["pa_mpjpe_true_2d"].update(MILLIMETRES * lifted, estimates["true_mm"])

    def on_train_epoch_end(self) -> None:
        """Let both learning rates decay, which Lightning does for a single optimiser alone."""
        if self.trains == "images":
            for schedule in self.lr_schedulers():  # type: ignore[union-attr]
                schedule.step()

    def configure_optimizers(self) -> Any:  # noqa: ANN401
        """Adam for flow or lifter; from images one for the generator, one for the discriminator."""
        if self.trains != "images":
            both = self.trains == "flow" and self.regressor_first
            return self.adam(self.flow, self.regressor) if both else super().configure_optimizers()
        generator = (self.encoder, self.regressor, self.lifter, self.painter)
        return [self.adam(*generator), self.adam(self.discriminator)]


def _applied_frozen(network: nn.Module, images: Tensor) -> Any:  # noqa: ANN401
    """The output of a network whose weights get no gradient from it; its input does."""
    weights = {name: weight.detach() for name, weight in network.named_parameters()}
    return functional_call(network, weights, images)
