"""LiftOnly: what it measures of the prior, what it minimises, and what it is judged beside."""

import numpy as np
import pytest
import torch
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import nn

from datamodules import SubjectProtocol, SyntheticMocap, UnpairedProtocol
from lightning_modules import LiftOnly
from lightning_modules.selfsup.reprojection_cycle import cycle
from metrics.functional import nmpjpe, pa_mpjpe
from tests.lightning_modules.dpcn.test_module import fitted

WEIGHTS = ("likelihood", "reprojection", "turned", "pairs", "bones")


@pytest.fixture
def motion(tiny_motion):
    return UnpairedProtocol(SyntheticMocap(frames=12), batch_size=64, train_stride=20)


def small(**options):
    return LiftOnly(**{"width": 16, "flow_width": 16, "flow_blocks": 2, "lr": 1e-3} | options)


def taught(motion, **options):
    """A model whose flow is fitted."""
    torch.manual_seed(0)
    model = small(trains="flow", **options)
    fitted(model, motion)
    return model


class Flat(nn.Module):
    def forward(self, places):
        return torch.zeros(len(places), 17), torch.zeros(len(places))


def prior(motion):
    held, frames = motion.sequences, motion.frames["prior"]
    return held.keypoints[frames].astype(float), held.joints[frames].astype(float)


def test_it_measures_the_prior_alone(motion):
    model = taught(motion)
    keypoints, joints = prior(motion)
    apart = np.linalg.norm(keypoints[:, 10] - keypoints[:, 0], axis=-1)
    assert model.unit.item() == pytest.approx(10 * apart.mean(), rel=1e-5)
    places = model.places(torch.from_numpy(keypoints).float())
    assert places[:, 0].abs().max() == 0
    assert places[:, 10].norm(dim=-1).mean().item() == pytest.approx(0.1, rel=1e-5)
    tall = np.linalg.norm(joints[:, 10], axis=-1).mean()
    assert model.size.item() == pytest.approx(tall, rel=1e-5)
    parents = np.array(model.skeleton.parents[1:])
    lengths = np.linalg.norm(joints[:, 1:] - joints[:, parents], axis=-1)
    ratios = (lengths / lengths.mean(1, keepdims=True)).mean(0)
    np.testing.assert_allclose(model.ratios.numpy(), ratios, rtol=1e-5)


def test_elepose_s_ratios_are_of_mean_1():
    model = small(measured_bones=False)
    assert model.ratios.mean().item() == pytest.approx(1, abs=2e-4)
    left, right = list(model.skeleton.left), list(model.skeleton.right)
    by_child = dict(zip(range(1, 17), model.ratios.tolist(), strict=True))
    assert [by_child[j] for j in left] == [by_child[j] for j in right]


def test_a_flat_pose_has_the_prior_s_size(motion):
    model = taught(motion)
    model.lifter = Flat()
    keypoints = torch.from_numpy(prior(motion)[0]).float()
    flat = model(keypoints[:, None])
    assert flat[..., 2].abs().max() == 0
    expected = model.size / (model.unit / 10) * (keypoints - keypoints[:, :1])
    torch.testing.assert_close(flat[..., :2], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_every_weight_weighs_its_own_term(motion, weight):
    model = taught(motion)
    terms = {name: torch.tensor(float(number + 1)) for number, name in enumerate(WEIGHTS)}
    model.log = lambda *_, **__: None
    before = model.weighted(terms)
    model.weights[weight] += 2
    assert (model.weighted(terms) - before).item() == pytest.approx(2 * terms[weight].item())
    model.weights[weight] = 0.0
    left = sum(model.weights[name] * term.item() for name, term in terms.items())
    assert model.weighted(terms).item() == pytest.approx(left)


def test_the_likelihood_is_that_of_the_pose_seen_from_elsewhere(motion):
    model = taught(motion)
    places = model.places(torch.from_numpy(prior(motion)[0][:40]).float())
    torch.manual_seed(5)
    seen = cycle(model.lifter, places, True).seen
    torch.manual_seed(5)
    terms = model.lifting_terms(places)
    assert terms["likelihood"].item() == pytest.approx(model.flow(seen).mean().item())


def test_the_lifter_learns_and_the_flow_stays(motion, tmp_path):
    model = taught(motion)
    model.trains = "lifter"
    model.flow.requires_grad_(False)
    held = {name: value.clone() for name, value in model.state_dict().items()}
    fitted(model, motion, max_epochs=1, limit_train_batches=4)
    moved = {n for n, value in model.state_dict().items() if not torch.equal(value, held[n])}
    assert moved
    assert all(name.startswith("lifter.") for name in moved)


def test_controls_against_poses_one_by_one(motion):
    model = taught(motion)
    model.trains = "lifter"
    trainer = fitted(model, motion, limit_train_batches=1)
    (figures,) = trainer.test(model, motion, verbose=False)
    held, frames = motion.sequences, motion.frames["test"]
    truth = torch.from_numpy(held.joints[frames]).double() * 1000
    flat = truth.clone()
    flat[..., 2] = 0
    predicted = model.lift(torch.from_numpy(held.keypoints[frames])[:, None]).double() * 1000
    expected = {
        "pa_mpjpe": pa_mpjpe(predicted, truth),
        "pa_mpjpe_flat": pa_mpjpe(flat, truth),
        "nmpjpe_flat": nmpjpe(flat, truth),
        "pa_mpjpe_mean": pa_mpjpe(model.mean_pose.double().expand_as(truth), truth),
        "depth_spread": predicted[..., 2].std(1),
        "true_depth_spread": truth[..., 2].std(1),
    }
    for name, values in expected.items():
        assert figures[f"test/{name}"] == pytest.approx(values.mean().item(), rel=1e-6), name
    upside = predicted * torch.tensor([1, 1, -1])
    mirrored = pa_mpjpe(upside, truth) < pa_mpjpe(predicted, truth)
    assert figures["test/mirrored"] == pytest.approx(100 * mirrored.double().mean().item())
    # an own truth is closer than another's, and the mean pose than most
    assert figures["test/pa_mpjpe_other"] > figures["test/pa_mpjpe"]
    assert figures["test/pa_mpjpe_mean"] < pa_mpjpe(truth[:1].expand_as(truth), truth).mean()


def test_without_a_fitted_flow(motion):
    with pytest.raises(MisconfigurationException, match="no flow"):
        fitted(small(), motion)


def test_without_a_prior(tiny_motion):
    motion = SubjectProtocol(SyntheticMocap(frames=12), batch_size=64, train_stride=20)
    with pytest.raises(MisconfigurationException, match="UnpairedProtocol"):
        fitted(small(trains="flow"), motion)


def test_a_test_without_a_prior(motion):
    model = taught(motion)
    model.trains = "lifter"
    other = SubjectProtocol(SyntheticMocap(frames=12))
    with pytest.raises(MisconfigurationException, match="UnpairedProtocol"):
        model.trainer.test(model, other, verbose=False)


def test_too_few_poses_for_the_components(tiny_motion):
    motion = UnpairedProtocol(SyntheticMocap(frames=12), batch_size=64, prior_subjects=["S5"])
    model = small(trains="flow", bases=26)
    motion.pick, pick = lambda: {**(held := pick()), "prior": held["prior"][:20]}, motion.pick
    with pytest.raises(MisconfigurationException, match="principal components"):
        fitted(model, motion)


@pytest.mark.parametrize(
    "options", [{"trains": "images"}, {"skeleton": "humaneva15"}, {"receptive_field": 3}]
)
def test_what_it_refuses(options):
    with pytest.raises(ValueError, match=r"trains cannot be|single frames"):
        small(**options)
