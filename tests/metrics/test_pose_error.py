"""The averages over poses, their shared state and its precision."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics import MetricCollection

from metrics import AUC, MPJPE, MPJVE, NMPJPE, PAMPJPE, PCK, functional
from metrics.aggregate import PoseError

AVERAGES = ("frame", "action", "none")
ACTIONS = 5
ABSENT = 3

KINDS = {
    MPJPE: functional.mpjpe,
    PAMPJPE: functional.pa_mpjpe,
    NMPJPE: functional.nmpjpe,
    PCK: functional.pck,
    AUC: functional.auc,
}
all_kinds = pytest.mark.parametrize(("metric", "error"), KINDS.items())


def data(count: int = 53) -> tuple[Tensor, Tensor, Tensor]:
    """Poses whose error grows with their action; action 3 has none."""
    rng = torch.Generator().manual_seed(0)
    action = torch.tensor([0, 0, 0, 1, 2, 4, 4])[torch.arange(count) % 7]
    target = 400 * torch.randn(count, 17, 3, generator=rng)
    noise = torch.randn(count, 17, 3, generator=rng)
    return target + 40 * (1 + action)[:, None, None] * noise, target, action


def reference(errors: np.ndarray, action: np.ndarray) -> dict[str, np.ndarray]:
    groups = [errors[action == number] for number in range(ACTIONS)]
    means = [group.mean() if len(group) else np.nan for group in groups]
    return {
        "frame": errors.mean(),
        "action": np.mean([group.mean() for group in groups if len(group)]),
        "none": np.array(means),
    }


def shared(metric: type[PoseError]) -> MetricCollection:
    return MetricCollection(
        {average: metric(num_actions=ACTIONS, average=average) for average in AVERAGES},
        compute_groups=[[*AVERAGES]],
    )


@all_kinds
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("batch", [1, 8, 53])
def test_averages(metric, error, average: str, batch: int) -> None:
    poses = data()
    measured = metric(num_actions=ACTIONS, average=average)
    for part in zip(*(tensor.split(batch) for tensor in poses), strict=True):
        measured.update(*part)
    expected = reference(error(*poses[:2]).numpy(), poses[2].numpy())
    assert_allclose(measured.compute(), expected[average], rtol=1e-12)
    assert measured.compute().dtype == torch.float64


def test_the_reference_tells_the_averages_apart() -> None:
    preds, target, action = data()
    expected = reference(functional.mpjpe(preds, target).numpy(), action.numpy())
    assert abs(expected["frame"] - expected["action"]) > 1
    assert np.isnan(expected["none"]).nonzero()[0].tolist() == [ABSENT]


@all_kinds
def test_averages_share_one_state(metric, error, monkeypatch) -> None:
    calls = []
    errors = metric.errors
    monkeypatch.setattr(
        metric, "errors", lambda self, *pair: calls.append(1) or errors(self, *pair)
    )
    collection = shared(metric)
    for count in (53, 20):
        poses = data(count)
        for part in zip(*(tensor.split(10) for tensor in poses), strict=True):
            collection.update(*part)
        expected = reference(error(*poses[:2]).numpy(), poses[2].numpy())
        for average, found in collection.compute().items():
            assert_allclose(found, expected[average], rtol=1e-12)
        collection.reset()
    assert len(calls) == 6 + 2


@pytest.mark.parametrize("average", AVERAGES)
def test_one_action_needs_no_numbers(average: str) -> None:
    preds, target, _ = data()
    measured = MPJPE(average=average)
    measured.update(preds, target)
    expected = functional.mpjpe(preds, target).mean()
    assert_allclose(measured.compute().squeeze(), expected, rtol=1e-12)


def test_several_actions_need_numbers() -> None:
    preds, target, _ = data()
    with pytest.raises(ValueError, match="5 actions need `action`"):
        MPJPE(ACTIONS, "action").update(preds, target)


@pytest.mark.parametrize("number", [-1, ACTIONS])
def test_unknown_actions_are_refused(number: int) -> None:
    preds, target, action = data()
    with pytest.raises(IndexError):
        MPJPE(ACTIONS).update(preds, target, action.fill_(number))


@pytest.mark.parametrize("metric", KINDS)
@pytest.mark.parametrize("average", AVERAGES)
def test_no_poses_have_no_error(metric, average: str) -> None:
    measured = metric(num_actions=ACTIONS, average=average)
    measured.update(*data(0))
    assert measured.compute().isnan().all()


@pytest.mark.parametrize("metric", KINDS)
def test_nan_is_not_hidden(metric) -> None:
    preds, target, action = data()
    preds[4, 0, 0] = torch.nan
    collection = shared(metric)
    collection.update(preds, target, action)
    found = collection.compute()
    assert found["frame"].isnan() and found["action"].isnan()
    assert found["none"].isnan().nonzero().flatten().tolist() == [action[4], ABSENT]


@pytest.mark.parametrize("metric", [MPJPE, PAMPJPE, NMPJPE])
def test_forward_gives_the_batch_and_its_gradient(metric) -> None:
    preds, target, _ = data()
    measured = metric()
    measured(preds, target)
    batch = preds[:9].clone().requires_grad_()
    found = measured(batch, target[:9])
    found.backward()
    assert batch.grad is not None and batch.grad.abs().sum() > 0
    alone = metric()
    alone.update(preds[:9], target[:9])
    assert_allclose(found.detach(), alone.compute(), rtol=1e-12)
    assert measured.count.item() == 62


def test_more_is_better_for_scores_alone() -> None:
    kinds = (MPJPE, PAMPJPE, NMPJPE, MPJVE, PCK, AUC)
    assert [kind.higher_is_better for kind in kinds] == [False] * 4 + [True] * 2
    assert [kind.is_differentiable for kind in kinds] == [True] * 4 + [False] * 2


@pytest.mark.parametrize("cast", ["half", "bfloat16", "float", "double"])
def test_casting_a_model_leaves_its_metrics(cast: str) -> None:
    poses = data()
    model = nn.ModuleDict({"metric": MPJPE(ACTIONS)})
    model["metric"].update(*poses)
    expected = model["metric"].compute()
    getattr(model, cast)()
    model.to(torch.bfloat16)
    assert model["metric"].compute().equal(expected)
    model["metric"].update(*poses)
    assert model["metric"].compute().dtype == torch.float64
    assert_allclose(model["metric"].compute(), expected, rtol=1e-12)
    model["metric"].reset()
    assert model["metric"].total.dtype == model["metric"].count.dtype == torch.float64


def test_a_metric_follows_the_device() -> None:
    model = nn.ModuleDict({"metric": MPJPE(ACTIONS)})
    model["metric"].update(*data())
    model["metric"].compute()
    model.to(device="meta", dtype=torch.bfloat16)
    metric = model["metric"]
    assert metric.total.is_meta and metric.count.is_meta and metric.device.type == "meta"
    metric.reset()
    assert metric.total.is_meta and metric.total.dtype == torch.float64


class Toy(LightningModule):
    """Predicts what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.metric = PAMPJPE(ACTIONS, "action")

    def test_step(self, batch: list[Tensor], batch_idx: int) -> None:
        preds, target, action = batch
        assert preds.dtype == torch.bfloat16
        self.metric.update(self.weight * preds, target, action)
        self.log("error", self.metric)


def test_bf16_true_sums_in_float64(tmp_path) -> None:
    preds, target, action = data()
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        precision="bf16-true",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.test(Toy(), DataLoader(TensorDataset(preds, target, action), 8), verbose=False)
    expected = PAMPJPE(ACTIONS, "action")
    expected.update(preds.bfloat16(), target.bfloat16(), action)
    assert_allclose(trainer.callback_metrics["error"], expected.compute(), rtol=1e-12)
