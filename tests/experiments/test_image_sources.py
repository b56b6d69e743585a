"""Every source config with images: `lightning fit` and `test` on files in the public layouts."""

import json

import pytest
import torch

from experiments.cli import main
from experiments.tables import CONFIGS
from tests.datamodules.conftest import human36m_files  # noqa: F401
from tests.datamodules.fuzz.targets import TARGETS, write
from tests.datamodules.image_writers import write_human36m_images, write_mpii
from tests.experiments.test_cli import drawn

TINY = [
    "--trainer.max_epochs=4",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
    "--trainer.accelerator=cpu",
    "--model.init_args.image_size=32",
    "--model.init_args.features=8",
    "--model.init_args.depth=1",
]
CHAIN = ["--trainer.limit_train_batches=2", "--model.init_args.width=8"]
CHAIN += ["--model.init_args.min_groups=2", "--data.init_args.workers=2"]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def configs(*names):
    return [f"--config={CONFIGS / name}.yaml" for name in names]


def source(**options):
    return [f"--data.init_args.source.init_args.{key}={value}" for key, value in options.items()]


def checkpoint(folder):
    return max(folder.rglob("last.ckpt"), key=lambda path: path.stat().st_mtime_ns)


def metrics(folder):
    written = max(folder.glob("runs/version_*/metrics.json"), key=lambda p: p.stat().st_mtime_ns)
    return json.loads(written.read_text())


def test_an_estimator_of_mpii_is_what_the_chain_on_human36m_begins_with(
    human36m_files,  # noqa: F811
    tmp_path,
):
    mpii = [*source(root=write_mpii(tmp_path / "mpii")), "--data.init_args.batch_size=4"]
    mpii = [*configs("methods/dpcn_estimator", "sources/mpii"), *mpii, *TINY]
    mpii.append("--model.init_args.stacks=2")
    main(["fit", *mpii])
    estimator = checkpoint(tmp_path)
    main(["test", *mpii, f"--ckpt_path={estimator}"])
    held = metrics(tmp_path)
    assert 0 < held["test/keypoint_error"] < 100
    assert "test/bias/right_wrist" in held
    # MPII has no spine
    assert not {"test/mpjpe", "test/bias/spine"} & held.keys()
    root = write_human36m_images(human36m_files, tmp_path / "images", 12)
    chain = [
        *configs("methods/dpcn_images", "sources/h36m_images", "presets/quick_dpcn_images"),
        *source(root=root, images=tmp_path / "images", stride=12),
        *TINY,
        *CHAIN,
        f"--model.init_args.estimator_weights={estimator}",
    ]
    main(["fit", *chain])
    before = torch.load(estimator, weights_only=True)["state_dict"]
    stages = [
        torch.load(next(tmp_path.glob(f"runs/{number}-*/last.ckpt")), weights_only=True)
        for number in (1, 2, 3)
    ]
    first, second, third = (stage["state_dict"] for stage in stages)
    assert all(torch.isfinite(weight).all() for weight in third.values())
    names = before.keys()
    assert first.keys() == names
    assert any(not torch.equal(before[name], first[name]) for name in names)
    assert all(torch.equal(first[name], second[name]) for name in names)
    fixed = [name for name in names if name.startswith(("estimator.stem", "estimator.stacks.0"))]
    assert all(torch.equal(second[name], third[name]) for name in fixed)
    moved = {name for name in second if not torch.equal(second[name], third[name])}
    assert any(name.startswith("estimator.stacks.1") for name in moved)
    assert any(name.startswith("network.lifters") for name in moved)
    assert torch.equal(second["network.groups"], third["network.groups"])
    main(["test", *chain, f"--ckpt_path={checkpoint(tmp_path)}"])
    held = metrics(tmp_path)
    assert 0 < held["test/pa_mpjpe"] < held["test/mpjpe"] < 2000
    assert 0 < held["test/keypoint_error"] < 100


@pytest.mark.parametrize(
    ("name", "files", "own"),
    [("npz", "pose_npz", {"name": "own"}), ("cmu", "amc", {"test_subjects": "[S02]"})],
)
def test_pictures_are_drawn_of_any_motion(name, files, own, tmp_path):
    write(TARGETS[files].valid(), tmp_path / "data")
    args = [
        *configs("methods/dpcn_images", f"sources/{name}_images", "presets/quick_dpcn_images"),
        *drawn(source(root=tmp_path / "data", **own)),
        *source(stride=2),
        *TINY,
        *CHAIN,
    ]
    main(["fit", *args])
    main(["test", *args, f"--ckpt_path={checkpoint(tmp_path)}"])
    assert 0 < metrics(tmp_path)["test/keypoint_error"] < 100


def test_mpii_trains_no_lifting(tmp_path, capsys):
    root = write_mpii(tmp_path / "mpii")
    for method in ("methods/srnet", "methods/dpcn"):
        with pytest.raises(SystemExit):
            main(["fit", *configs(method, "sources/mpii"), *source(root=root)])
        assert "2D keypoints alone" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_method_of_images_needs_images(capsys):
    with pytest.raises(SystemExit):
        main(["fit", *configs("methods/dpcn_images", "sources/synthetic")])
    assert "SyntheticImages" in capsys.readouterr().err


def test_any_number_of_ranks_gives_the_same_figures(tiny_motion, tmp_path):
    """From images, trained by two ranks; batches that do not come out even."""
    args = [
        *configs("methods/dpcn_images", "sources/synthetic_images", "presets/quick_dpcn_images"),
        *drawn(tiny_motion),
        *source(stride=12),
        *TINY,
        *CHAIN,
        "--data.init_args.workers=0",
        "--data.init_args.eval_batch_size=100",
    ]
    ranks = ["--trainer.devices=2", "--trainer.strategy=ddp_fork"]
    main(["fit", *args, *ranks])
    args.append(f"--ckpt_path={checkpoint(tmp_path)}")
    main(["test", *args, "--trainer.devices=1"])
    alone = metrics(tmp_path)
    main(["test", *args, *ranks])
    together = metrics(tmp_path)
    assert alone.keys() == together.keys()
    assert {"test/mpjpe", "test/keypoint_error", "test/bias/hip"} < alone.keys()
    for name, figure in alone.items():
        assert together[name] == pytest.approx(figure, abs=1e-9, rel=0, nan_ok=True), name
