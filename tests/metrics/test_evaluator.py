"""The Evaluator: each error computed once, a user's metric by one line of YAML, exact on ranks."""

import json

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer

from datamodules import RarePoseProtocol, SubjectProtocol, SyntheticMocap
from experiments.cli.lightning import main
from lightning_modules import SRNet
from metrics import MPJPE, PAMPJPE, functional
from metrics.evaluator import Evaluator
from poseproof.errors import UserError
from tests.experiments.conftest import latest


def measured(evaluator, protocol=SubjectProtocol, **options):
    torch.manual_seed(0)
    model = SRNet(network="fc", width=16)
    data = protocol(SyntheticMocap(frames=6), eval_batch_size=100)
    trainer = Trainer(
        accelerator="cpu",
        callbacks=[evaluator],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    (figures,) = trainer.test(model, data, verbose=False)
    return figures, data, model


def test_each_error_is_computed_once_a_batch(monkeypatch):
    calls = []
    align = functional.procrustes_align
    monkeypatch.setattr(
        functional, "procrustes_align", lambda *pair: calls.append(1) or align(*pair)
    )
    figures, data, _ = measured(Evaluator(), RarePoseProtocol)
    # by action, in three averages, and by rarity
    assert len(calls) == len(data.test_dataloader())
    assert {"test/pa_mpjpe", "test/pa_mpjpe_action"} < figures.keys()
    assert any(name.startswith("test/mpjpe_by_rarity/") for name in figures)


def test_every_frames_errors_are_kept():
    evaluator = Evaluator()
    _, data, model = measured(evaluator, RarePoseProtocol)
    kept = evaluator.frames
    frames = data.frames["test"]
    np.testing.assert_array_equal(kept.index, frames)
    np.testing.assert_array_equal(kept.groups["rarity"], data.tenth_of_frame[frames])
    keypoints = torch.from_numpy(data.sequences.keypoints[frames])[:, None]
    with torch.no_grad():
        predicted = 1000 * model.eval().lift(keypoints).double()
    true = 1000 * torch.from_numpy(data.sequences.joints[frames]).double()
    for name, metric in {"mpjpe": MPJPE(), "pa_mpjpe": PAMPJPE()}.items():
        torch.testing.assert_close(
            kept.errors[name], metric.errors(predicted, true), rtol=1e-6, atol=0
        )


def test_what_is_not_asked_for_is_not_measured():
    figures, *_ = measured(Evaluator(metrics=["nmpjpe"]))
    assert {name.removeprefix("test/").split("_by_")[0] for name in figures} == {
        *("nmpjpe", "nmpjpe_action")
    }


def test_any_number_of_ranks_gives_the_figures_of_one():
    alone, *_ = measured(Evaluator(), RarePoseProtocol)
    together, *_ = measured(Evaluator(), RarePoseProtocol, devices=3, strategy="ddp_fork")
    assert together.keys() == alone.keys()
    for name, figure in alone.items():
        assert together[name] == pytest.approx(figure, rel=0, abs=1e-9), name


def test_a_metric_that_there_is_not_is_refused_before_anything_runs():
    with pytest.raises(UserError, match="did you mean 'mpjpe'"):
        Evaluator(metrics=["mpjpee"])


MINE = '''
from metrics import PoseError


class HeadError(PoseError):
    """Distance of the head, mm."""

    def errors(self, preds, target):
        return (preds[:, 10] - target[:, 10]).norm(dim=-1)
'''


def test_a_users_metric_is_one_class_and_one_line_of_yaml(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/head.py").write_text(MINE)
    (tmp_path / "head.yaml").write_text("evaluator: {metrics: [mpjpe, head.HeadError]}\n")
    monkeypatch.syspath_prepend(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    main(
        [
            *("test", "--config=head.yaml", "--model=SRNet", "--model.init_args.width=16"),
            *("--data.init_args.source=SyntheticMocap", "--trainer.accelerator=cpu"),
            *("--data.init_args.source.init_args.frames=6", "--trainer.enable_progress_bar=false"),
        ]
    )
    figures = json.loads(latest(tmp_path, "metrics.json").read_text())
    heads = {name for name in figures if "head.HeadError" in name}
    assert {"test/head.HeadError", "test/head.HeadError_action"} < heads
    assert "test/head.HeadError_by_action/Walking" in heads
    assert 0 < figures["test/head.HeadError"] != figures["test/mpjpe"]
    assert not any("pck" in name for name in figures)
