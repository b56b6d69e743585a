"""DPCN from keypoints: its losses by the paper's formulas, its groups, and what it refuses."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from datamodules import SubjectProtocol, SyntheticMocap
from lightning_modules import DPCN
from metrics.evaluator import Evaluator


@pytest.fixture
def motion(tiny_motion):
    return SubjectProtocol(SyntheticMocap(frames=12), batch_size=64, train_stride=20)


def fitted(model, motion, folder=None, **options):
    trainer = Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        enable_checkpointing=folder is not None,
        enable_progress_bar=False,
        enable_model_summary=False,
        logger=False,
        **{"max_epochs": 1, "limit_train_batches": 2, "callbacks": [Evaluator()]} | options,
    )
    trainer.fit(model, motion)
    return trainer


def small(**options):
    return DPCN(**{"width": 8, "min_groups": 2, "group_size": 10} | options)


def test_it_learns_to_repeat_a_batch(motion):
    torch.manual_seed(0)
    model = small(dropout=0.0, width=64)
    fitted(model, motion)
    batch = {"keypoints": torch.rand(16, 1, 17, 2), "joints": 0.2 * torch.randn(16, 17, 3)}
    optimizer = model.configure_optimizers()["optimizer"]
    losses = []
    for _ in range(80):
        loss = model.batch_loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("aggregation", ["consensus", "truth", None])
def test_losses_are_those_of_eq_4_and_12(aggregation, motion):
    torch.manual_seed(0)
    model = small(aggregation=aggregation)
    fitted(model, motion)
    groups = model.network.groups.numpy()
    poses, joints = torch.randn(3, len(groups), 10, 3), torch.randn(3, 17, 3)
    lifting = aggregation_loss = 0.0
    for own, truth in zip(poses.double().numpy(), joints.double().numpy(), strict=True):
        a = np.hstack([np.eye(17)[groups.ravel()], np.kron(np.eye(len(groups)), np.ones((10, 1)))])
        solved = a @ np.linalg.lstsq(a, own.reshape(-1, 3), rcond=None)[0]
        aggregation_loss += ((solved - own.reshape(-1, 3)) ** 2).sum()
        for group, pose in zip(groups, own, strict=True):
            lifting += ((truth[group] - truth[group].mean(0) - pose) ** 2).sum()
    expected = {"consensus": lifting + aggregation_loss, "truth": 2 * lifting, None: lifting}
    loss = model.lifting_loss(poses, joints)
    assert loss.item() == pytest.approx(expected[aggregation] / poses.numel(), rel=1e-5)


def test_the_first_sequence_of_the_training_frames_is_sampled_from(motion):
    """Only it: other training motion may be anything."""
    model = small(group_seed=3)
    fitted(model, motion)
    groups = model.network.groups
    first = motion.sequences.segments[0]
    motion.sequences.joints[first.stop :] *= 2
    again = small(group_seed=3)
    again.trainer = SimpleNamespace(datamodule=motion)
    motion.stage = "fit"
    again.setup("fit")
    assert torch.equal(again.network.groups, groups)
    motion.sequences.joints[first.stop :] /= 2


@pytest.mark.parametrize(("options", "count"), [({}, 16), ({"group_size": 12}, 12)])
def test_a_group_has_all_joints_but_one_unless_told(options, count, motion):
    model = DPCN(width=8, min_groups=1, **options)
    fitted(model, motion)
    assert model.network.groups.shape[1] == count


def test_a_checkpoint_brings_its_groups(motion, tmp_path):
    model = small(group_seed=1)
    trainer = fitted(model, motion, tmp_path)
    trainer.save_checkpoint(tmp_path / "held.ckpt")
    for options in ({}, {"group_seed": 7}):
        other = DPCN.load_from_checkpoint(tmp_path / "held.ckpt", weights_only=True, **options)
        assert torch.equal(other.network.groups, model.network.groups)
        keypoints = torch.rand(5, 1, 17, 2)
        model.eval(), other.eval()
        assert torch.equal(other(keypoints), model(keypoints))


def test_it_goes_on_where_it_stopped(motion, tmp_path):
    def trained(folder, checkpoint=None, **options):
        torch.manual_seed(0)
        model = small(dropout=0.0, group_seed=2)
        trainer = Trainer(
            accelerator="cpu",
            default_root_dir=folder,
            enable_progress_bar=False,
            enable_model_summary=False,
            logger=False,
            limit_train_batches=2,
            **options,
        )
        trainer.fit(model, motion, ckpt_path=checkpoint)
        trainer.save_checkpoint(folder / "end.ckpt")
        return model.state_dict()

    whole = trained(tmp_path, max_epochs=3)
    trained(tmp_path / "stopped", max_epochs=1)
    resumed = trained(tmp_path / "resumed", tmp_path / "stopped/end.ckpt", max_epochs=3)
    for name, weight in whole.items():
        assert torch.equal(weight, resumed[name]), name


def test_the_norm_is_the_consensus_alone(motion):
    """The same weights, merged otherwise."""
    model = small()
    fitted(model, motion)
    model.eval()
    keypoints = torch.rand(5, 1, 17, 2)
    robust = model(keypoints)
    model.network.consensus.norm = "l2"
    assert not torch.allclose(model(keypoints), robust, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"receptive_field": 27}, "single frames"),
        ({"aggregation": "pose"}, "consensus, truth or null"),
        ({"group_size": 18}, "group_size from 2 to 17"),
        ({"group_size": 0}, "group_size from 2 to 17"),
        ({"min_groups": 0}, "min_groups from 1 on"),
    ],
)
def test_options_that_do_not_go_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        DPCN(**options)


def test_groups_that_do_not_hang_together_are_told_in_one_sentence(motion):
    with pytest.raises(MisconfigurationException, match="draw more or larger groups"):
        fitted(DPCN(width=8, group_size=2, min_groups=1, similarity_weight=1e6), motion)


def test_without_a_fit_there_is_nothing_to_lift_with():
    with pytest.raises(MisconfigurationException, match="--ckpt_path"):
        DPCN()(torch.rand(2, 1, 17, 2))
