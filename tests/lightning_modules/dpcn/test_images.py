"""DPCN from images: its estimates, its losses, and what reaches the hourglass."""

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import nn

from datamodules import SubjectProtocol, SyntheticImages, SyntheticMocap
from lightning_modules import ImageDPCN
from lightning_modules.dpcn.heatmaps import gaussian_heatmaps
from metrics.evaluator import Evaluator
from tests.lightning_modules.dpcn.test_module import fitted

SMALL = {
    "image_size": 16,
    "stacks": 2,
    "features": 8,
    "depth": 1,
    "width": 8,
    "group_size": 10,
    "min_groups": 2,
    "dropout": 0.0,
}


@pytest.fixture
def motion(tiny_motion):
    source = SyntheticImages(SyntheticMocap(frames=12), stride=12)
    return SubjectProtocol(source, batch_size=8, eval_batch_size=64, train_stride=20)


def batch_of(model, motion):
    """The first eight frames, as evaluation has them."""
    return next(iter(motion.image_frames(motion.frames["train"][:8], 8)))


def trained(motion, **options):
    torch.manual_seed(0)
    model = ImageDPCN(**SMALL | options)
    fitted(model, motion)
    return model


class Perfect(nn.Module):
    """Draws the true heatmaps of a batch, mirrored ones for its mirrored images."""

    def __init__(self, image, places, mirror):
        super().__init__()
        self.image = image
        self.plain = gaussian_heatmaps(places, 64)
        mirrored = places[:, mirror] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
        self.mirrored = gaussian_heatmaps(mirrored, 64)

    def forward(self, image):
        return [self.plain if torch.equal(image, self.image) else self.mirrored]


def test_true_heatmaps_give_the_true_keypoints(motion):
    model = trained(motion)
    batch = batch_of(model, motion)
    crop, truth = batch["crop"], batch["keypoints"]
    places = (truth[:, 0] - crop[:, None, :2]) / crop[:, None, 2:] + 0.5
    model.estimator = Perfect(batch["image"], places, model.skeleton.mirror)
    estimated = model.estimate(batch)["estimated_keypoints"]
    away = (estimated - truth)[:, 0].norm(dim=-1) / crop[:, 2:]
    assert away.max() < 0.1 / 64
    assert torch.equal(batch["keypoints"], truth)


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    parts = {"estimator": model.estimator, "lifters": model.network}
    return {
        name: sum(w.grad.abs().sum().item() for w in part.parameters() if w.grad is not None)
        for name, part in parts.items()
    }


def test_lifting_alone_reaches_the_hourglass_end_to_end(motion):
    model = trained(motion, alpha=0.0)
    reached = gradients(model, model.batch_loss(batch_of(model, motion)))
    assert min(reached.values()) > 0


def test_every_weight_of_every_stack_is_reached(motion):
    model = trained(motion)
    gradients(model, model.batch_loss(batch_of(model, motion)))
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name


def test_the_loss_end_to_end_is_alpha_times_the_maps_and_the_lifting(motion):
    model = trained(motion, threshold=0.0)
    batch = batch_of(model, motion)
    one, two = (losses(model, batch, alpha) for alpha in (1.0, 2.0))
    maps = model.estimator(batch["image"])
    crop = batch["crop"]
    places = (batch["keypoints"][:, 0] - crop[:, None, :2]) / crop[:, None, 2:] + 0.5
    target = gaussian_heatmaps(places, 4)
    expected = np.mean([(each - target).square().mean().item() for each in maps])
    assert two - one == pytest.approx(expected, rel=1e-4)
    centres = (torch.arange(4) + 0.5) / 4
    weights = maps[-1] / maps[-1].sum((-2, -1), keepdim=True)
    x, y = (weights.sum(-2) * centres).sum(-1), (weights.sum(-1) * centres).sum(-1)
    keypoints = crop[:, None, :2] + (torch.stack([x, y], -1) - 0.5) * crop[:, None, 2:]
    lifting = model.lifting_loss(model.network.lifters(keypoints), batch["joints"])
    assert 2 * one - two == pytest.approx(lifting.item(), rel=1e-3)


def losses(model, batch, alpha):
    model.alpha = alpha
    return model.batch_loss(batch).item()


def test_the_lifters_train_on_what_is_estimated(motion):
    torch.manual_seed(0)
    model = ImageDPCN(**SMALL, trains="lifters")
    model.estimator.requires_grad_(False).eval()
    fitted(model, motion, max_epochs=1)
    frames = motion.frames["train"]
    estimates = torch.cat(
        [
            model.estimate(batch)["estimated_keypoints"][:, 0]
            for batch in motion.image_frames(frames, 50)
        ]
    ).detach()
    mirrored = estimates[:, motion.sequences.skeleton.mirror] * torch.tensor([-1.0, 1.0])
    place = {frame: row for row, frame in enumerate(frames.tolist())}
    seen = set()
    for pairs in motion.train_dataloader():
        batch = motion.on_after_batch_transfer(pairs, 0)
        rows = [place[frame] for frame in batch["index"].tolist()]
        expected = [(estimates, mirrored)[f][row] for row, f in zip(rows, pairs[:, 1], strict=True)]
        torch.testing.assert_close(model.given(batch), torch.stack(expected), atol=1e-5, rtol=0)
        seen |= {*pairs[:, 1].tolist()}
        truth = torch.from_numpy(motion.sequences.keypoints[batch["index"]])
        plain = batch["flipped"] == 0
        assert torch.equal(batch["keypoints"][plain, 0], truth[plain])
    assert seen == {0, 1}


def test_the_estimator_stage_has_no_lifters_and_is_judged_in_2d(motion):
    model = trained(motion, trains="estimator")
    assert model.network is None
    trainer = Trainer(
        accelerator="cpu",
        callbacks=[Evaluator()],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    (figures,) = trainer.test(model, motion, verbose=False)
    assert "test/mpjpe" not in figures
    assert 0 < figures["test/keypoint_error"] < 100
    (batch,) = motion.image_frames(motion.frames["test"], len(motion.frames["test"]))
    estimates = model.eval().estimate(batch)["estimated_keypoints"][:, 0]
    crop = batch["crop"][:, None, 2:]
    expected = 100 * ((estimates - batch["keypoints"][:, 0]) / crop).norm(dim=-1).mean()
    assert figures["test/keypoint_error"] == pytest.approx(expected.item(), rel=1e-4)
    assert {f"test/bias/{joint}" for joint in model.skeleton.joints} < figures.keys()


def test_a_fit_may_begin_with_another_estimator(motion, tmp_path):
    model = trained(motion, trains="estimator")
    model.trainer.save_checkpoint(tmp_path / "mpii.ckpt")
    weights = str(tmp_path / "mpii.ckpt")
    begun = ImageDPCN(**SMALL, estimator_weights=weights)
    for name, weight in model.estimator.state_dict().items():
        assert torch.equal(begun.estimator.state_dict()[name], weight)
    with pytest.raises(MisconfigurationException, match="same stacks"):
        ImageDPCN(**SMALL | {"features": 16}, estimator_weights=weights)
    with pytest.raises(MisconfigurationException, match="nowhere"):
        ImageDPCN(**SMALL, estimator_weights="nowhere.ckpt")


@pytest.mark.parametrize(
    ("options", "words"),
    [({"trains": "all"}, "estimator, lifters"), ({"image_size": 20}, "multiples of 8")],
)
def test_options_that_do_not_go_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        ImageDPCN(**SMALL | options)
