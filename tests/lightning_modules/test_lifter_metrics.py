"""The figures that a lifter logs, against plain NumPy on all its predictions."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from pytorch_lightning import LightningDataModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader

from datamodules.skeletons import SKELETONS
from lightning_modules.lifter import PoseLifter
from metrics import OFFICIAL_14
from metrics.evaluator import Evaluator

ACTIONS, SCENES, MOVEMENT = ["Sit", "Walk"], ["GS", "noGS", "outdoor"], ["little", "much"]
LENGTHS = (50, 3, 40, 30)
THRESHOLDS = np.arange(0, 151, 5)


class Recorded(PoseLifter):
    """Predicts what it is given: x and y in the first frame of a window, z in the second."""

    def forward(self, keypoints: Tensor) -> Tensor:
        return torch.cat([keypoints[:, 0], keypoints[:, 1, :, :1]], dim=-1)


class Poses(LightningDataModule):
    """Four sequences, in the order of their frames or in another, in batches of 16."""

    def __init__(self, joints: int, groupings: dict[str, list[str]], in_order: bool) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        count = sum(LENGTHS)
        sequence = torch.from_numpy(np.repeat(np.arange(4), LENGTHS))
        target = 0.4 * torch.randn(count, joints, 3, generator=rng)
        target[:, 0] = 0
        size = torch.tensor([0.03, 0.05, 0.08, 0.12])[sequence, None, None]
        self.predicted = target + size * torch.randn(count, joints, 3, generator=rng)
        frames = torch.stack(
            [self.predicted[..., :2], self.predicted[..., 2:].expand(-1, -1, 2)], 1
        )
        self.columns = {
            "keypoints": frames,
            "joints": target,
            "index": torch.arange(count),
            "sequence": sequence,
            "action": torch.tensor([0, 1, 1, 0])[sequence],
            "scene": torch.tensor([0, 0, 2, 2])[sequence],
            "movement": torch.arange(count) % 2,
        }
        self.order = torch.arange(count) if in_order else torch.randperm(count, generator=rng)
        self.held = groupings

    def groupings(self) -> dict[str, list[str]]:
        return self.held

    def test_dataloader(self) -> DataLoader:
        parts = [
            {name: column[rows] for name, column in self.columns.items()}
            for rows in self.order.split(16)
        ]
        return DataLoader(parts, batch_size=None)

    val_dataloader = test_dataloader


def logged(data: Poses, skeleton: str, folder, stage: str = "test") -> dict[str, float]:
    lifter = Recorded(skeleton, receptive_field=1, flip_test=False)
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        callbacks=[Evaluator()],
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    run = trainer.test if stage == "test" else trainer.validate
    (figures,) = run(lifter, data, verbose=False)
    return {name.removeprefix(stage + "/"): value for name, value in figures.items()}


def scores(errors: np.ndarray) -> tuple[float, float]:
    """PCK at 150 mm and its mean over thresholds, of errors (F, J)."""
    curve = [100 * (errors < threshold).mean() for threshold in THRESHOLDS]
    return curve[-1], np.mean(curve)


def expected(data: Poses, skeleton: str) -> dict[str, float]:
    preds = 1000 * data.predicted.double().numpy()
    target = 1000 * data.columns["joints"].double().numpy()
    columns = {name: column.numpy() for name, column in data.columns.items()}
    given = np.linalg.norm(preds - target, axis=-1)
    scales = (preds * target).sum((1, 2)) / (preds**2).sum((1, 2))
    scaled = np.linalg.norm(scales[:, None, None] * preds - target, axis=-1).mean(-1)
    velocities = [
        np.diff((preds - target)[columns["sequence"] == number], axis=0) for number in range(4)
    ]
    by_action = [scaled[columns["action"] == number].mean() for number in range(2)]
    figures = {
        "mpjpe": given.mean(),
        "nmpjpe": scaled.mean(),
        "nmpjpe_action": np.mean(by_action),
        "nmpjpe_by_action/Sit": by_action[0],
        "mpjve": np.linalg.norm(np.concatenate(velocities), axis=-1).mean(),
    }
    kinds = {"": given}
    if skeleton == "h36m17":
        rooted = np.linalg.norm((preds - preds[:, :1]) - (target - target[:, :1]), axis=-1)
        kinds = {"": rooted[:, sorted(OFFICIAL_14)], "_17": given}
    for suffix, errors in kinds.items():
        figures["pck" + suffix], figures["auc" + suffix] = scores(errors)
        for number, scene in ((0, "GS"), (2, "outdoor")):
            mine = columns["scene"] == number
            names = (f"{score}{suffix}_by_scene/{scene}" for score in ("pck", "auc"))
            figures |= dict(zip(names, scores(errors[mine]), strict=True))
            figures[f"mpjpe_by_scene/{scene}"] = given[mine].mean()
    for number, name in enumerate(MOVEMENT):
        figures[f"mpjpe_by_movement/{name}"] = given[columns["movement"] == number].mean()
    return figures


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("skeleton", ["h36m17", "humaneva15"])
@pytest.mark.parametrize("stage", ["test", "val"])
def test_every_figure(skeleton: str, in_order: bool, stage: str, tmp_path) -> None:
    groupings = {"action": ACTIONS, "scene": SCENES, "movement": MOVEMENT}
    data = Poses(len(SKELETONS[skeleton].joints), groupings, in_order)
    found = logged(data, skeleton, tmp_path, stage)
    figures = expected(data, skeleton)
    assert_allclose([found[name] for name in figures], [*figures.values()], rtol=1e-5)
    before = {"mpjpe_action", "pa_mpjpe", "pa_mpjpe_action"} | {
        f"{name}mpjpe_by_action/{action}" for name in ("", "pa_", "n") for action in ACTIONS
    }
    assert found.keys() == figures.keys() | before
    assert 30 < figures["pck"] < 90


def test_without_scenes_there_are_none(tmp_path) -> None:
    found = logged(Poses(17, {"action": ACTIONS}, True), "h36m17", tmp_path)
    assert {"pck", "auc", "pck_17", "auc_17", "mpjve", "nmpjpe"} <= found.keys()
    assert not any("scene" in name for name in found)
