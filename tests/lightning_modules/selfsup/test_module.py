"""SelfSup: who learns from what, what a picture's places mean, and going on where it stopped."""

import copy

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch import nn

from datamodules import SyntheticImages, SyntheticMocap, UnpairedProtocol
from experiments.runs.callbacks import RandomStates
from lightning_modules import SelfSup
from lightning_modules.layers.images import draw_skeletons
from lightning_modules.selfsup.patch_discriminator import lsgan_loss
from metrics.evaluator import Evaluator
from metrics.functional import pa_mpjpe
from tests.lightning_modules.dpcn.test_module import fitted

SMALL = {
    "image_size": 24,
    "image_width": 4,
    "discriminator_width": 4,
    "scales": 1,
    "width": 16,
    "flow_width": 16,
    "flow_blocks": 2,
    "pool": 6,
}


@pytest.fixture
def motion(tiny_motion):
    source = SyntheticImages(SyntheticMocap(frames=12), stride=4, background=False)
    return UnpairedProtocol(source, batch_size=4, eval_batch_size=64, train_stride=30)


def taught(motion, **options):
    """A model whose flow is fitted, ready to train the rest."""
    torch.manual_seed(0)
    model = SelfSup(**SMALL | options, trains="flow")
    fitted(model, motion)
    rest = SelfSup(**SMALL | options)
    rest.load_state_dict(model.state_dict())
    rest.flow.requires_grad_(False).eval()
    return rest


def trained(model, motion, **options):
    return fitted(model, motion, **{"callbacks": [RandomStates(), Evaluator()]} | options)


def batch_of(model, motion):
    """A training batch, as the protocol makes it."""
    trained(model, motion, limit_train_batches=1)
    motion.trainer.training = True
    # losses log their terms, which Lightning does not let them outside of a fit
    model.log = lambda *_, **__: None
    return motion.on_after_batch_transfer(next(iter(motion.train_dataloader())), 0)


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name for name, weight in model.named_parameters() if weight.grad is not None}


def parts(names):
    return {name.split(".")[0] for name in names}


def test_the_generator_s_loss_reaches_all_but_discriminator_and_flow(motion):
    model = taught(motion)
    batch = batch_of(model, motion)
    _, loss = model.generator_loss(batch, model.draw_prior(batch))
    reached = gradients(model, loss)
    assert reached == {
        name
        for name, _ in model.named_parameters()
        if name.split(".")[0] in ("encoder", "regressor", "lifter", "painter")
    }


def test_the_discriminator_s_loss_reaches_the_discriminator_alone(motion):
    model = taught(motion)
    batch = batch_of(model, motion)
    drawn, _ = model.generator_loss(batch, model.draw_prior(batch))
    loss = model.discriminator_loss(drawn.detach(), model.draw_prior(batch))
    assert parts(gradients(model, loss)) == {"discriminator"}


def test_the_judgement_is_the_discriminator_s(motion):
    model = taught(motion)
    batch = batch_of(model, motion)
    model.weights = dict.fromkeys(model.weights, 0.0) | {"adversarial": 1.0}
    drawn, loss = model.generator_loss(batch, model.draw_prior(batch))
    assert loss.item() == pytest.approx(lsgan_loss(model.discriminator(drawn), True).item())


@pytest.mark.parametrize(
    ("term", "networks"),
    {
        "likelihood": {"lifter"},
        "adversarial": {"encoder"},
        "regressor": {"regressor"},
        "redrawing": {"regressor"},
        "reconstruction": {"encoder", "painter"},
    }.items(),
)
def test_a_term_teaches_its_own_networks(motion, term, networks):
    model = taught(motion)
    batch = batch_of(model, motion)
    model.weights = dict.fromkeys(model.weights, 0.0) | {term: 1.0}
    _, loss = model.generator_loss(batch, model.draw_prior(batch))
    assert parts(gradients(model, loss)) == networks


def test_the_lifter_learns_from_whom_it_is_told_to(motion):
    """The prior's poses count beside the pictures', and Phi hears of neither unless asked."""
    model = taught(motion)
    batch = batch_of(model, motion)
    model.weights = dict.fromkeys(model.weights, 0.0) | {"bones": 1.0}
    losses = {}
    for lifts_prior in (True, False):
        model.lifts_prior = lifts_prior
        losses[lifts_prior] = model.generator_loss(batch, model.draw_prior(batch))[1].item()
    prior = model.lifting_terms(model.places(batch["prior_keypoints"]))["bones"].item()
    assert losses[True] == pytest.approx((losses[False] + prior) / 2, rel=1e-5)
    model.lifting_moves_joints = True
    _, loss = model.generator_loss(batch, model.draw_prior(batch))
    assert parts(gradients(model, loss)) == {"encoder", "lifter"}


def test_dimmer_right_limbs_tell_the_sides_apart():
    points = torch.rand(2, 17, 2, generator=torch.Generator().manual_seed(0)) - 0.5
    plain, shaded = SelfSup(**SMALL), SelfSup(**SMALL, right_brightness=0.5)
    swapped = points[:, plain.skeleton.mirror]
    # the same lines with the sides' names exchanged
    torch.testing.assert_close(plain.draw(points), plain.draw(swapped))
    assert (shaded.draw(points) - shaded.draw(swapped)).abs().max() > 0.2
    names = [plain.skeleton.joints[end] for _, end in plain.skeleton.bones]
    assert [value < 1 for value in shaded.brightness] == [
        name.startswith("right") for name in names
    ]


def test_omega_may_learn_before_the_rest(motion):
    torch.manual_seed(0)
    model = SelfSup(**SMALL, trains="flow", regressor_first=True, lr=0.01)
    before = copy.deepcopy(model.state_dict())
    fitted(model, motion)
    moved = {n for n, weight in model.state_dict().items() if not weight.equal(before[n])}
    assert {"flow", "regressor"} <= parts(moved)
    assert not {"encoder", "painter", "discriminator", "lifter"} & parts(moved)


def test_the_lifter_begins_with_the_prior_alone(motion):
    """No picture is read for it, no 2D pose of the pictures' people known."""
    model = SelfSup(**SMALL, trains="lifter", regressor_first=True)
    model.load_state_dict(taught(motion).state_dict())
    held = copy.deepcopy(model.state_dict())
    fitted(model, motion, limit_train_batches=2)
    moved = {n for n, weight in model.state_dict().items() if not weight.equal(held[n])}
    assert parts(moved) == {"lifter"}
    motion.trainer.training = True
    batch = motion.on_after_batch_transfer(next(iter(motion.train_dataloader())), 0)
    assert "image" not in batch
    model.log = lambda *_, **__: None
    unknown = {"keypoints": torch.full_like(batch["keypoints"], torch.nan)}
    assert model.batch_loss(batch | unknown).isfinite()


def test_one_step_is_two_steps_apart(motion):
    """One backward pass for both moves each as if it had been alone."""
    model = taught(motion)
    batch = batch_of(model, motion)
    model.pool.filled.zero_()
    alone = copy.deepcopy(model)
    optimizers = alone.configure_optimizers()
    torch.manual_seed(1)
    drawn, loss = alone.generator_loss(batch, alone.draw_prior(batch))
    discriminating = alone.discriminator_loss(drawn.detach(), alone.draw_prior(batch))
    for one, optimizer in zip((loss, discriminating), optimizers, strict=True):
        (group,) = optimizer["optimizer"].param_groups
        weights = group["params"]
        for weight, grad in zip(weights, torch.autograd.grad(one, weights), strict=True):
            weight.grad = grad
    for network in (alone.encoder, alone.regressor, alone.painter, alone.discriminator):
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer["optimizer"].step()
    held = [each["optimizer"] for each in model.configure_optimizers()]
    model.optimizers = lambda: held
    model.manual_backward = lambda both: both.backward()
    torch.manual_seed(1)
    model.learn(batch)
    for (name, one), other in zip(model.named_parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(one, other, msg=name)


def test_the_prior_is_drawn_where_its_crop_shows_it(motion):
    model = taught(motion)
    batch = batch_of(model, motion)
    keypoints, crop = batch["prior_keypoints"], batch["prior_crop"]
    places = 2 * (keypoints - crop[:, None, :2]) / crop[:, None, 2:]
    assert 0.7 < places.abs().amax() <= 0.81  # a margin of a quarter around all keypoints
    bones = torch.tensor(model.skeleton.bones)
    torch.testing.assert_close(model.draw_prior(batch), draw_skeletons(places, bones, 24))


class Placed(nn.Module):
    """Finds the given places in pictures, mirrored ones in mirrored pictures."""

    def __init__(self, images, points, mirror):
        super().__init__()
        self.images = images
        self.points = points
        self.mirrored = points[:, mirror] * torch.tensor([-1.0, 1.0])

    def forward(self, images):
        return self.points if torch.equal(images, self.images) else self.mirrored


def test_true_places_give_no_error(motion):
    model = taught(motion)
    trainer = trained(model, motion, limit_train_batches=1)
    motion.setup("test")
    motion.trainer = trainer
    trainer.testing = True
    batch = motion.on_after_batch_transfer(next(iter(motion.test_dataloader())), 0)
    crop = batch["crop"]
    points = 2 * (batch["keypoints"][:, 0] - crop[:, None, :2]) / crop[:, None, 2:]
    model.encoder = nn.Identity()
    model.regressor = Placed(batch["image"], points, model.skeleton.mirror)
    estimates = model.estimate(batch)
    torch.testing.assert_close(
        estimates["estimated_keypoints"], batch["keypoints"], atol=1e-6, rtol=1e-5
    )


def test_errors_in_2d_against_plain_ones(motion):
    model = taught(motion)
    trainer = trained(model, motion, limit_train_batches=1)
    (figures,) = trainer.test(model, motion, verbose=False)
    errors = {name: [] for name in ("", "_sides", "_other", "_other_sides", "_mean")}
    mirror, right, lifted = model.skeleton.mirror, [], []
    trainer.testing = True
    model.eval()
    held, prior = motion.sequences, motion.frames["prior"]
    places = (held.keypoints - held.images.crops[:, None, :2]) / held.images.crops[:, None, 2:]
    mean = torch.from_numpy(places[prior].mean(0))
    for rows in motion.test_dataloader():
        batch = motion.on_after_batch_transfer(rows, 0)
        with torch.no_grad():
            found = model.estimate(batch)["estimated_keypoints"][:, 0]
        found = (found - batch["crop"][:, None, :2]) / batch["crop"][:, None, 2:]
        truth = torch.from_numpy(places[batch["index"]])
        other = batch["other_keypoints"] - batch["other_crop"][:, None, :2]
        other = other / batch["other_crop"][:, None, 2:]
        with torch.no_grad():
            joints = model.lift(torch.from_numpy(held.keypoints[batch["index"]])[:, None, :, :2])
        lifted.append(pa_mpjpe(joints.double(), batch["joints"].double()))
        errors["_mean"].append((mean - truth).norm(dim=-1))
        for name, target in {"": truth, "_other": other}.items():
            errors[name].append((found - target).norm(dim=-1))
            for pose, place in zip(found, target, strict=True):
                both = [(each - place).norm(dim=-1) for each in (pose, pose[mirror])]
                errors[f"{name}_sides"].append(min(both, key=torch.mean)[None])
                if not name:
                    right.append(float(both[0].mean() <= both[1].mean()))
    for name, values in errors.items():
        expected = 100 * torch.cat(values).mean().item()
        assert figures[f"test/keypoint_error{name}"] == pytest.approx(expected, rel=1e-4), name
    assert figures["test/pa_mpjpe_true_2d"] == pytest.approx(1000 * torch.cat(lifted).mean().item())
    assert 0 < sum(right) < len(right)
    assert figures["test/right_sides"] == pytest.approx(100 * sum(right) / len(right))


def test_a_stopped_run_goes_on_as_if_it_had_not(motion, tmp_path):
    """Both optimisers, their rates, the pool and the random states come back."""
    begun = taught(motion)
    whole, stopped = copy.deepcopy(begun), copy.deepcopy(begun)
    options = {"limit_train_batches": 3}
    torch.manual_seed(7)
    trained(whole, motion, max_epochs=3, **options)
    torch.manual_seed(7)
    trainer = trained(stopped, motion, max_epochs=1, **options)
    trainer.save_checkpoint(tmp_path / "stopped.ckpt")
    torch.manual_seed(99)
    fresh = SelfSup(**SMALL)
    fresh.flow.requires_grad_(False).eval()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=3,
        callbacks=[RandomStates()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    trainer.fit(fresh, motion, ckpt_path=tmp_path / "stopped.ckpt", weights_only=True)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, fresh.state_dict()[name]), name
    assert trainer.optimizers[1].param_groups[0]["lr"] == pytest.approx(2e-4 * 0.95**3)


class SameOnAllRanks(Callback):
    """At the end of a fit, no rank's weights differ from another's."""

    def on_train_end(self, trainer, pl_module):
        weights = nn.utils.parameters_to_vector(pl_module.parameters()).detach()
        first, second = pl_module.all_gather(weights)
        assert trainer.global_step and first.equal(second)


def test_two_ranks_learn_as_one_and_judge_as_one(motion):
    """Both optimisers, every network: none is left without what the other rank found."""
    model = taught(motion)
    ranks = {"devices": 2, "strategy": "ddp_fork"}
    trainer = trained(model, motion, callbacks=[SameOnAllRanks(), Evaluator()], **ranks)
    (together,) = trainer.test(model, motion, verbose=False)
    (alone,) = trained(model, motion, max_epochs=0).test(model, motion, verbose=False)
    assert together.keys() == alone.keys()
    for name, figure in alone.items():
        assert together[name] == pytest.approx(figure, rel=1e-5), name


def test_no_tie_no_painter(motion):
    model = taught(motion, reconstruction_weight=0.0)
    batch = batch_of(model, motion)
    assert "reference" not in batch
    reached = gradients(model, model.generator_loss(batch, model.draw_prior(batch))[1])
    assert "painter" not in parts(reached)
    # ranks would wait for any other
    reached |= gradients(
        model, model.discriminator_loss(batch["image"][:, :1], batch["image"][:, :1])
    )
    assert reached == {name for name, weight in model.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize(
    ("options", "words"),
    [({"image_size": 20}, "multiples of 8"), ({"image_size": 16}, "discriminator of 1 scales")],
)
def test_options_that_do_not_go_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        SelfSup(**SMALL | options)
