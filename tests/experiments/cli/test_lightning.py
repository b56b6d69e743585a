"""The `lightning` command, called in process: every config, every mistake, every interruption."""

import json
import os
import pickle
from importlib.metadata import entry_points

import pytest
import torch
from pytorch_lightning import Callback

from experiments.cli.lightning import PoseCLI, main
from experiments.config.tables import CONFIGS
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

METHODS, PROTOCOLS, PRESETS = (
    sorted(path.stem for path in (CONFIGS / axis).glob("*.yaml"))
    for axis in ("methods", "protocols", "presets")
)
QUICK = {
    "dpcn": "quick_dpcn",
    "dpcn_images": "quick_dpcn_images",
    "dpcn_two_step": "quick_dpcn_two_step",
    "fc_baseline": "quick",
    "lift_only": "quick_lift_only",
    "rie": "quick_rie",
    "rie_end_to_end": "quick_rie",
    "selfsup": "quick_selfsup",
    "srnet": "quick",
    "srnet_temporal": "quick_temporal",
    "temporal_conv": "quick_temporal",
}
# the schedule over all frames, where that of the method keeps a fiftieth of the images
PAPER = {"dpcn_images": "paper_dpcn_images", "dpcn_two_step": "paper_dpcn_two_step"}
TINY = [*SHORT, *trainer(max_epochs=2), *model(width=32), *data(batch_size=64)]


def axes(method="srnet", protocol="subject", source="synthetic", preset="quick"):
    """One config of each axis."""
    names = {"methods": method, "protocols": protocol, "sources": source, "presets": preset}
    return configs(*(f"{axis}/{name}" for axis, name in names.items()))


# what a method has beside the width of TINY
NARROW = {
    "rie": {"latent": 16, "hidden": 32},
    "dpcn": {"min_groups": 2},
    "dpcn_images": {"image_size": 32, "stacks": 6, "features": 8, "depth": 1},
    "dpcn_two_step": {"image_size": 32, "stacks": 6, "features": 8, "depth": 1},
    "lift_only": {"flow_width": 16},
    "selfsup": {
        "image_size": 24,
        "image_width": 4,
        "discriminator_width": 4,
        "scales": 1,
        "flow_width": 16,
    },
}
FROM_IMAGES = {
    "dpcn_images": "synthetic_images",
    "dpcn_two_step": "synthetic_images",
    "selfsup": "synthetic_cutouts",
}
UNPAIRED = ("lift_only", "selfsup")


def narrow(method, args):
    """The options, and those that make what else the method has small."""
    held = (model(**widths) for name, widths in NARROW.items() if method.startswith(name))
    return [*args, *(option for options in held for option in options)]


def fitted(method, args, folder):
    """Fit, and return the options of the same network."""
    args = narrow(method, args)
    main(["fit", *args])
    weights = torch.load(latest(folder, "last.ckpt"), weights_only=True)["state_dict"]
    assert all(weight.isfinite().all() for weight in weights.values())
    return args


def fitted_and_tested(method, args, folder):
    args = fitted(method, args, folder)
    main(["test", *args, checkpoint(folder)])
    held = metrics(folder)
    assert 0 < held["test/pa_mpjpe"] < held["test/mpjpe"] < 2000
    return held


def protocol_of(method):
    return "unpaired" if method in UNPAIRED else "subject"


def from_images(method, preset):
    """Few and small pictures, and fewer epochs: in the longest stage there are four."""
    subjects = "[S1,S5]" if method in UNPAIRED else "[S1]"
    return [
        *axes(method, protocol_of(method), FROM_IMAGES[method], preset),
        *TINY,
        *trainer(max_epochs=1),
        *drawn(frames=5),
        *source(stride=5),
        *data(train_subjects=subjects, test_subjects="[S9]"),
    ]


def method_args(method, preset, tiny_motion):
    if method in FROM_IMAGES:
        return from_images(method, preset)
    return [*axes(method, protocol_of(method), preset=preset), *TINY, *tiny_motion]


@pytest.mark.parametrize("method", sorted({*METHODS} - {"dpcn_estimator"}))
def test_every_method_fits_and_tests(method, tiny_motion, tmp_path):
    fitted_and_tested(method, method_args(method, QUICK[method], tiny_motion), tmp_path)


# the network is that of the quick preset, and tested there
@pytest.mark.parametrize("method", sorted({*METHODS} - {"dpcn_estimator"}))
def test_every_method_fits_by_the_paper(method, tiny_motion, tmp_path):
    preset = PAPER.get(method, "paper")
    fitted(method, method_args(method, preset, tiny_motion), tmp_path)


@pytest.mark.parametrize("preset", sorted({*PRESETS} - {"paper", *QUICK.values(), *PAPER.values()}))
def test_every_other_preset_fits(preset, tiny_motion, tmp_path):
    method = {"quick_action": "srnet", "paper_dpcn_humaneva": "dpcn"}.get(preset, "rie_end_to_end")
    fitted(method, [*axes(method, preset=preset), *TINY, *tiny_motion], tmp_path)


# both are tested under the Subject Protocol above, and SRNet's tables under the other protocols
@pytest.mark.parametrize(
    ("method", "protocol"),
    [
        *(("rie_end_to_end", protocol) for protocol in sorted({*PROTOCOLS} - {"subject"})),
        *(("srnet", protocol) for protocol in ("global_shift", "movement_range", "unpaired")),
    ],
)
def test_every_protocol_fits_and_tests(method, protocol, tiny_motion, tmp_path):
    args = [*axes(method, protocol, preset=QUICK[method]), *tiny_motion, *TINY]
    if protocol == "cross_dataset":
        args.append("--data.init_args.test_source.init_args.frames=5")
    held = fitted_and_tested(method, args, tmp_path)
    assert ("test/consistency" in held) == (protocol == "global_shift")


def test_predictions_from_keypoints_that_are_not_shifted_agree(tiny_motion, tmp_path):
    args = ["test", *axes("rie_end_to_end", "global_shift", preset="quick_rie"), *tiny_motion]
    differences = []
    for shift in ([0, 0], [0.1, -0.1], [0.2, -0.2]):
        main([*args, *TINY, *data(shift=shift)])
        differences.append(metrics(tmp_path)["test/consistency"])
    assert differences[0] == 0
    assert 0 < differences[1] < differences[2]


def test_validate_and_predict(tiny_motion, tmp_path):
    args = [*axes(), *tiny_motion, *TINY, *data(val_subject="S8")]
    main(["fit", *args])
    main(["validate", *args, checkpoint(tmp_path)])
    main(["predict", *args, checkpoint(tmp_path)])
    assert metrics(tmp_path)["val/mpjpe"] > 0


class Crashed(Exception):
    pass


class CrashInEpoch(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_train_batch_end(self, trainer, *_):
        if trainer.current_epoch == self.epoch:
            raise Crashed


def test_a_resumed_run_is_the_run(tiny_motion, tmp_path):
    """Two epochs, then two more, give the weights of four, dropout and all."""
    args = ["fit", *axes(), *tiny_motion, *TINY, *trainer(max_epochs=4), *model(dropout=0.3)]
    main(args)
    interrupted = PoseCLI(args[1:], run=False)
    interrupted.trainer.callbacks.append(CrashInEpoch(2))
    with pytest.raises(Crashed):
        interrupted.trainer.fit(interrupted.model, interrupted.datamodule)
    main([*args, checkpoint(tmp_path)])
    whole, resumed = (
        torch.load(tmp_path / f"runs/version_{n}/checkpoints/last.ckpt", weights_only=True)
        for n in (0, 2)
    )
    assert resumed["epoch"] == 3
    for name, weight in whole["state_dict"].items():
        assert torch.equal(weight, resumed["state_dict"][name]), name


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--model.init_args.widht=4"], "widht"),
        (["--model.init_args.network=mlp"], "'fc', 'gp'"),
        (["--model.init_args.groups=4"], "choose 2, 3, 5"),
        (["--model.init_args.operator=add", "--model.init_args.context=2"], "concat"),
        (["--data.init_args.test_subjects=[S99]"], "no subject S99"),
        (["--data.init_args.val_subject=S9"], "one of the training subjects"),
        (["--data.init_args.batch_size=1"], "2 or more"),
        (["--config=nowhere.yaml"], "nowhere.yaml"),
        (["--trainer.accelerator=tpu"], "torch_xla"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(args, words, tiny_motion, capsys, tmp_path):
    assert words in refused(capsys, ["fit", *axes(), *tiny_motion, *TINY, *args])
    assert not list(tmp_path.iterdir())


def test_validation_without_a_subject_is_refused(tiny_motion, capsys):
    assert "val_subject" in refused(capsys, ["validate", *axes(), *tiny_motion, *TINY])


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


@pytest.mark.parametrize("command", ["fit", "test"])
@pytest.mark.parametrize("form", ["zip", "pickle", "junk", "another", "missing"])
def test_a_hostile_checkpoint_runs_nothing(command, form, tiny_motion, capsys, tmp_path):
    path = tmp_path / "bad.ckpt"
    held = {"state_dict": {}, "pytorch-lightning_version": "2.6.6", "more": Hostile()}
    match form:
        case "zip":
            torch.save(held, path)
        case "pickle":
            path.write_bytes(pickle.dumps(held))
        case "junk":
            path.write_bytes(b"PK\x03\x04 junk")
        case "another":
            torch.save({"weights": torch.zeros(3)}, path)
    args = [command, *axes(), *tiny_motion, *TINY, f"--ckpt_path={path}"]
    assert "bad.ckpt" in refused(capsys, args)
    assert not (tmp_path / "pwned").exists()


def test_weights_of_another_model_are_refused(tiny_motion, capsys, tmp_path):
    main(["fit", *axes(), *tiny_motion, *TINY])
    args = ["test", *axes("fc_baseline"), *tiny_motion, *TINY, checkpoint(tmp_path)]
    assert refused(capsys, args)


def test_both_names_of_the_command_are_ours():
    commands = {entry.name: entry.value for entry in entry_points(group="console_scripts")}
    assert commands["poseproof"] == "experiments.cli.lightning:main"


@pytest.mark.parametrize(
    ("method", "protocol", "ranks", "size"),
    [
        ("srnet", "rare_pose", 2, 100),
        ("srnet", "rare_pose", 3, 100_000),
        ("rie_end_to_end", "global_shift", 3, 1000),
    ],
)
def test_any_number_of_ranks_gives_the_same_figures(
    method, protocol, ranks, size, tiny_motion, tmp_path
):
    """Batches that do not come out even, and ranks that get none."""
    args = [*axes(method, protocol, preset=QUICK[method]), *tiny_motion, *TINY]
    args += [*trainer(accelerator="cpu"), *data(eval_batch_size=size)]
    main(["test", *args, *trainer(devices=1)])
    main(["test", *args, *trainer(devices=ranks, strategy="ddp_fork")])
    alone, together = (
        json.loads((tmp_path / f"runs/version_{n}/metrics.json").read_text()) for n in (0, 1)
    )
    assert alone.keys() == together.keys()
    for name, figure in alone.items():
        assert together[name] == pytest.approx(figure, abs=1e-9, rel=0), name


def test_bfloat16_weights_do_not_touch_targets_or_sums(tiny_motion, tmp_path):
    args = ["test", *axes(), *tiny_motion, *TINY, *trainer(accelerator="cpu")]
    main(args)
    main([*args, "--trainer.precision=bf16-true"])
    full, half = (
        json.loads((tmp_path / f"runs/version_{n}/metrics.json").read_text()) for n in (0, 1)
    )
    assert half["test/mpjpe"] == pytest.approx(full["test/mpjpe"], rel=0.01)
    assert half["test/mpjpe"] != full["test/mpjpe"]


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--model.init_args.widht=8", "FCBaseline has no option 'widht'; did you mean width?"),
        # of the class that it inherits from
        (
            "--model.init_args.lrdecay=1",
            "FCBaseline has no option 'lrdecay'; did you mean lr_decay?",
        ),
        ("--data.init_args.flp=true", "SubjectProtocol has no option 'flp'; did you mean flip?"),
        (
            "--model.init_args.width=wide",
            "FCBaseline: the option 'width' is of type int, not 'wide'.",
        ),
    ],
)
def test_a_wrong_option_is_refused_with_the_nearest_name(capsys, option, sentence):
    args = ["fit", *configs("methods/fc_baseline", "sources/synthetic"), option]
    assert refused(capsys, args).endswith(sentence)
