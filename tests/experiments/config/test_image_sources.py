"""Every source config with images: `lightning fit` and `test` on files in the public layouts."""

import pytest
import torch

from experiments.cli.lightning import main
from tests.datamodules.conftest import human36m_files  # noqa: F401
from tests.datamodules.fuzz.targets import TARGETS, write
from tests.datamodules.image_writers import write_human36m_images, write_mpii
from tests.experiments.conftest import (
    SHORT,
    checkpoint,
    configs,
    data,
    drawn,
    latest,
    metrics,
    model,
    refused,
    source,
    trainer,
)

TINY = [
    *SHORT,
    *trainer(max_epochs=1, accelerator="cpu"),
    *model(image_size=32, features=8, depth=1),
]
CHAIN = model(width=8, min_groups=2)
# small files, and what is said of them
MOTIONS = {
    "npz": ("pose_npz", {"name": "own"}),
    "cmu": ("amc", {"test_subjects": "[S02]"}),
}


def test_an_estimator_of_mpii_is_what_the_chain_on_human36m_begins_with(
    human36m_files,  # noqa: F811
    tmp_path,
):
    root = write_mpii(tmp_path / "mpii")
    mpii = [*configs("methods/dpcn_estimator", "sources/mpii"), *source(root=root), *TINY]
    mpii += [*data(batch_size=4), *model(stacks=2)]
    main(["fit", *mpii])
    estimator = latest(tmp_path, "last.ckpt")
    main(["test", *mpii, checkpoint(tmp_path)])
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
        *model(estimator_weights=estimator),
        *data(workers=2),
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
    main(["test", *chain, checkpoint(tmp_path)])
    held = metrics(tmp_path)
    assert 0 < held["test/pa_mpjpe"] < held["test/mpjpe"] < 2000
    assert 0 < held["test/keypoint_error"] < 100


# a chain for either motion and either kind of pictures, and an estimator alone for the others
WHOLE = [*configs("methods/dpcn_images"), *CHAIN], "presets/quick_dpcn_images"
ESTIMATOR = configs("methods/dpcn_estimator"), "presets/quick"


@pytest.mark.parametrize(
    ("name", "pictures", "method"),
    [
        ("npz", "images", WHOLE),
        ("npz", "cutouts", ESTIMATOR),
        ("cmu", "images", ESTIMATOR),
        ("cmu", "cutouts", WHOLE),
    ],
)
def test_pictures_are_drawn_of_any_motion(name, pictures, method, tmp_path):
    files, own = MOTIONS[name]
    write(TARGETS[files].valid(), tmp_path / "data")
    options, preset = method
    args = [
        *options,
        *configs(f"sources/{name}_{pictures}", preset),
        *drawn(root=tmp_path / "data", **own),
        *source(stride=2),
        *TINY,
    ]
    main(["fit", *args])
    main(["test", *args, checkpoint(tmp_path)])
    assert 0 < metrics(tmp_path)["test/keypoint_error"] < 100


def test_mpii_trains_no_lifting(tmp_path, capsys):
    root = write_mpii(tmp_path / "mpii")
    for method in ("methods/srnet", "methods/dpcn"):
        args = [*configs(method, "sources/mpii"), *source(root=root)]
        assert "2D keypoints alone" in refused(capsys, ["fit", *args])
    assert not (tmp_path / "runs").exists()


def test_a_method_of_images_needs_images(tiny_motion, capsys):
    args = ["fit", *configs("methods/dpcn_images", "sources/synthetic"), *tiny_motion]
    assert "SyntheticImages" in refused(capsys, args)


def test_any_number_of_ranks_gives_the_same_figures(tmp_path):
    """From images, trained by two ranks; batches that do not come out even."""
    write(TARGETS["pose_npz"].valid(), tmp_path / "data")
    args = [
        *configs("methods/dpcn_images", "sources/npz_images", "presets/quick_dpcn_images"),
        *drawn(root=tmp_path / "data", name="own"),
        *source(stride=1),
        *TINY,
        *CHAIN,
        *data(eval_batch_size=6),
    ]
    ranks = trainer(devices=2, strategy="ddp_fork")
    main(["fit", *args, *ranks])
    args.append(checkpoint(tmp_path))
    main(["test", *args, *trainer(devices=1)])
    alone = metrics(tmp_path)
    main(["test", *args, *ranks])
    together = metrics(tmp_path)
    assert alone.keys() == together.keys()
    assert {"test/mpjpe", "test/keypoint_error", "test/bias/hip"} < alone.keys()
    for name, figure in alone.items():
        assert together[name] == pytest.approx(figure, abs=1e-9, rel=0, nan_ok=True), name
