"""`lightning predict` on a user's own keypoints."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer

from datamodules import OwnKeypoints
from experiments.cli import own_predictions
from experiments.cli.lightning import PoseCLI, main
from experiments.cli.own_predictions import OwnPredictions
from lightning_modules import SRNet
from tests.datamodules import keypoint_writers as writers
from tests.experiments.conftest import (
    SHORT,
    checkpoint,
    configs,
    data,
    model,
    refused,
    trainer,
)

SRNET = [*configs("methods/srnet", "presets/quick"), *model(width=16)]
TEMPORAL = [*configs("methods/srnet_temporal", "presets/quick_temporal"), *model(width=16)]
RIE = [
    *configs("methods/rie_end_to_end", "presets/quick_rie"),
    *model(width=8, latent=8, hidden=16, receptive_field=27),
]
QUIET = [*trainer(enable_progress_bar="false", enable_model_summary="false", accelerator="cpu")]


def trained(args, tiny_motion):
    """The option for the checkpoint of a short fit."""
    fit = [*args, *configs("sources/synthetic"), *SHORT, *tiny_motion, *trainer(max_epochs=1)]
    main(["fit", *fit])
    return checkpoint(Path.cwd())


def drawn(args):
    """The option for a checkpoint of weights as they are drawn."""
    built = PoseCLI([*args, *QUIET], run=False)
    built.trainer.strategy.connect(built.model)
    built.trainer.save_checkpoint("drawn.ckpt", weights_only=True)
    return "--ckpt_path=drawn.ckpt"


def own(path, **options):
    return ["--data=datamodules.OwnKeypoints", *data(path=path, image_size=[1280, 720], **options)]


def predicted(folder):
    with np.load(folder / "predictions.npz") as held:
        return dict(held)


def test_every_format_gives_the_same_3d(tmp_path):
    clips = writers.every_format(tmp_path, writers.swaying(7))
    lifter, out = SRNet(width=16), {}
    for number, (name, path) in enumerate(clips.items()):
        folder = tmp_path / str(number)
        quiet = {"enable_progress_bar": False, "logger": False, "accelerator": "cpu"}
        Trainer(callbacks=[OwnPredictions(str(folder))], **quiet).predict(
            lifter, OwnKeypoints(str(path), (1280, 720))
        )
        out[name] = predicted(folder)
    first = out["npz"]
    assert first["joints"].shape == (7, 17, 3)
    assert first["joints"].dtype == np.float32
    assert 0.01 < np.ptp(first["joints"], axis=1).max() < 10
    assert (first["joints"][:, 0] == 0).all()
    for name, held in out.items():
        np.testing.assert_allclose(held["joints"], first["joints"], atol=1e-6, err_msg=name)


@pytest.mark.parametrize("method", [SRNET, TEMPORAL, RIE], ids=["frame", "shared", "windows"])
def test_what_is_written_is_what_the_model_says(method, tiny_motion, tmp_path):
    """Windows of 27 frames too, on a clip of 9 that begins at frame 40."""
    weights = trained(method, tiny_motion) if method is SRNET else drawn(method)
    people = {40 + n: [pose] for n, pose in enumerate(writers.swaying(9))}
    path = writers.write_json(tmp_path / "clip.json", writers.mmpose(people))
    args = [*method, *QUIET, *own(path, eval_batch_size=4), f"--output={tmp_path / 'out'}"]
    main(["predict", *args, weights])
    held = predicted(tmp_path / "out")

    built = PoseCLI([*method, *QUIET, *own(path)], run=False)
    state = torch.load(weights.removeprefix("--ckpt_path="), weights_only=True)["state_dict"]
    built.model.load_state_dict(state)
    pixels = torch.from_numpy(held["keypoints"])
    screen = (pixels - torch.tensor([640.0, 360.0])) / 640
    with torch.no_grad():
        joints = built.model.eval().lift_sequence(screen)
    np.testing.assert_allclose(held["joints"], joints - joints[:, :1], atol=2e-6)
    np.testing.assert_array_equal(held["frames"], np.arange(40, 49))
    assert held["joint_names"][0] == "hip"

    words = json.loads((tmp_path / "out/predictions.json").read_text())
    np.testing.assert_allclose(words["joints"], held["joints"], atol=1e-6)
    assert words["frames"] == held["frames"].tolist()
    assert words["joint_names"] == held["joint_names"].tolist()
    assert "from 40 to 48" in words["notes"][0]
    page = (tmp_path / "out/predictions.html").read_text()
    assert "clip.json (MMPose)" in page
    assert "</html>" in page
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"predictions.{end}" for end in ("html", "json", "npz")
    ]


def test_any_number_of_ranks_gives_the_same_poses(tmp_path):
    path = writers.write_npz(tmp_path / "clip.npz", writers.swaying(7))
    args = [*SRNET, *QUIET, drawn(SRNET), *own(path, eval_batch_size=2)]
    main(["predict", *args, f"--output={tmp_path / 'one'}"])
    ranks = trainer(devices=2, strategy="ddp_fork")
    main(["predict", *args, *ranks, f"--output={tmp_path / 'two'}"])
    one, two = predicted(tmp_path / "one"), predicted(tmp_path / "two")
    np.testing.assert_allclose(one["joints"], two["joints"], atol=1e-7)


def test_all_files_are_written_or_none(tmp_path, monkeypatch):
    path = writers.write_npz(tmp_path / "clip.npz", writers.swaying(3))
    args = ["predict", *SRNET, *QUIET, drawn(SRNET), *own(path)]

    def broken(*_):
        raise OSError("no space left")

    monkeypatch.setattr(own_predictions, "viewer_page", broken)
    with pytest.raises(OSError, match="no space"):
        main([*args, f"--output={tmp_path / 'out'}"])
    assert not list(tmp_path.glob("out/pred*"))
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    # beside the log, where no folder is given
    main(args)
    assert len(list(tmp_path.glob("runs/*/predictions.*"))) == 3


def test_mistakes_are_told_in_one_sentence(capsys, tmp_path):
    path = writers.write_npz(tmp_path / "clip.npz", writers.swaying(3))
    assert "give its checkpoint" in refused(capsys, ["predict", *SRNET, *QUIET, *own(path)])
    assert "lightning predict" in refused(capsys, ["test", *SRNET, *QUIET, *own(path)])
    path.write_bytes(path.read_bytes()[:300])
    assert "damaged" in refused(capsys, ["predict", *SRNET, *QUIET, *own(path)])
    # checked before anything of the network is needed
    images = configs("methods/dpcn_images", "presets/quick_dpcn_images")
    narrow = model(image_size=32, stacks=1, features=8, depth=1)
    args = ["predict", *images, *narrow, *own(writers.write_npz(path, writers.swaying(3)))]
    assert "takes images, not keypoints" in refused(capsys, args)
    assert not (tmp_path / "runs").exists()
