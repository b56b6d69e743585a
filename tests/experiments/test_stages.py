"""Chained fits: what passes on, what stays fixed, and what is done again."""

import multiprocessing
import os
import signal

import pytest
import torch
import yaml

from experiments.cli import main
from experiments.stages import Stage
from experiments.tables import CONFIGS
from lightning_modules import RIE

STAGES = yaml.safe_load((CONFIGS / "methods/rie.yaml").read_text())["stages"]
CONFIG_NAMES = ("methods/rie", "sources/synthetic", "presets/quick_rie")
TINY = [
    *(f"--config={CONFIGS / name}.yaml" for name in CONFIG_NAMES),
    "--trainer.max_epochs=8",
    "--trainer.limit_train_batches=2",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
    "--trainer.accelerator=cpu",
    *(f"--model.init_args.{name}=8" for name in ("width", "latent", "hidden")),
    "--data.init_args.batch_size=16",
]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def args(tiny_motion):
    return ["fit", *TINY, *tiny_motion]


def with_stages(tmp_path, change):
    """A config whose stages are RIE's, changed in place."""
    stages = yaml.safe_load(yaml.safe_dump(STAGES))
    change(stages)
    path = tmp_path / "stages.yaml"
    path.write_text(yaml.safe_dump({"stages": stages}))
    return f"--config={path}"


def stage(folder, number):
    (checkpoint,) = folder.glob(f"runs/{number}-*/last.ckpt")
    return torch.load(checkpoint, weights_only=True)


def of(weights, *modules):
    return {name: weight for name, weight in weights.items() if name.startswith(modules)}


ENCODERS = ("network.encoders", "network.global_encoder")


def same(some, others):
    assert some.keys() == others.keys()
    return all(torch.equal(weight, others[name]) for name, weight in some.items())


def test_weights_pass_on_and_fixed_encoders_stay(args, tmp_path):
    main(args)
    first, second, third = (stage(tmp_path, number) for number in (1, 2, 3))
    assert [held["epoch"] + 1 for held in (first, second, third)] == [8, 8, 2]
    encoders = [of(held["state_dict"], *ENCODERS) for held in (first, second, third)]
    assert any("running_mean" in name for name in encoders[0])
    assert same(encoders[0], encoders[1])
    assert not same(encoders[1], encoders[2])
    assert not of(first["state_dict"], "network.fusion")
    trained = [len(held["optimizer_states"][0]["state"]) for held in (second, third)]
    assert trained[1] - trained[0] == len(list(_parameters(encoders[0])))
    rates = [
        held["optimizer_states"][0]["param_groups"][0]["initial_lr"] for held in (second, third)
    ]
    assert rates == [0.001, 0.0005]


def _parameters(weights):
    return (name for name in weights if "running_" not in name)


def test_moving_statistics_move_and_weights_stay(args, tmp_path):
    moving = with_stages(tmp_path, lambda s: s[1].update(frozen_statistics="moving"))
    main([*args, moving])
    first, second = (of(stage(tmp_path, n)["state_dict"], *ENCODERS) for n in (1, 2))
    for name, weight in first.items():
        assert torch.equal(weight, second[name]) == ("running_" not in name), name


def test_what_is_finished_is_not_done_again(args, tmp_path):
    main(args)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/last.ckpt")}
    main(args)
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/last.ckpt")}


def test_a_changed_stage_and_those_after_it_are_done_again(args, tmp_path):
    main(args)
    first, *others = sorted(tmp_path.glob("runs/*/last.ckpt"))
    time = first.stat().st_mtime_ns
    main([*args, with_stages(tmp_path, lambda s: s[1].update(epochs=0.5))])
    changed = sorted(set(tmp_path.glob("runs/*/last.ckpt")) - {first, *others})
    assert [path.parent.name[0] for path in changed] == ["2", "3"]
    assert first.stat().st_mtime_ns == time
    main([*args, "--seed_everything=1"])
    assert len(list(tmp_path.glob("runs/1-*"))) == 2


def _fit_and_die(args, number):
    """Fit until the second epoch of a stage, and be killed there."""
    start = RIE.on_train_epoch_start

    def on_train_epoch_start(self):
        start(self)
        fixed = not next(self.network.encoders.parameters()).requires_grad
        here = 1 if self.network.fusion is None else 2 if fixed else 3
        if here == number and self.current_epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    RIE.on_train_epoch_start = on_train_epoch_start
    main(args)


def test_killed_in_every_stage_it_ends_with_the_same_weights(args, tmp_path, monkeypatch):
    main(args)
    whole = [stage(tmp_path, number)["state_dict"] for number in (1, 2, 3)]
    (tmp_path / "killed").mkdir()
    monkeypatch.chdir(tmp_path / "killed")
    for number in (1, 2, 3):
        child = multiprocessing.get_context("fork").Process(
            target=_fit_and_die, args=(args, number)
        )
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        assert len(list((tmp_path / "killed").glob("runs/*/last.ckpt"))) == number
    main(args)
    for number, weights in enumerate(whole, start=1):
        assert same(weights, stage(tmp_path / "killed", number)["state_dict"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s[1].update(fresh=["network.fusion"]), "network.decoders"),
        (lambda s: s[2].update(fresh=["network.nothing"]), "network.nothing"),
        (lambda s: s[1].update(frozen=["encoders"]), "names encoders"),
        (lambda s: s[2].update(model={"widht": 3}), "widht"),
        (lambda s: s[2].update(model={"width": 16}), "network.encoders"),
        (lambda s: s[0].update(epoch=3), "epoch"),
    ],
)
def test_a_mistake_is_told_before_anything_is_trained(change, words, args, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*args, with_stages(tmp_path, change)])
    assert stopped.value.code == 2
    (sentence,) = [s for s in capsys.readouterr().err.splitlines() if s.startswith("error: ")]
    assert words in sentence
    assert not list(tmp_path.glob("runs/*/last.ckpt"))


def test_stages_on_two_ranks(args, tmp_path):
    main([*args, "--trainer.devices=2", "--trainer.strategy=ddp_fork"])
    first, second, third = (stage(tmp_path, number)["state_dict"] for number in (1, 2, 3))
    assert same(of(first, *ENCODERS), of(second, *ENCODERS))
    assert not same(second, third)


def test_a_fast_dev_run_leaves_nothing(args, tmp_path):
    main([*args, "--trainer.fast_dev_run=true"])
    assert not list(tmp_path.rglob("*.ckpt"))


def test_a_checkpoint_to_resume_is_refused(args, tmp_path, capsys):
    main(args)
    (checkpoint,) = tmp_path.glob("runs/3-*/last.ckpt")
    with pytest.raises(SystemExit):
        main([*args, f"--ckpt_path={checkpoint}"])
    assert "goes on by itself" in capsys.readouterr().err


def test_the_epochs_of_the_paper():
    assert [Stage(**stage).of(80) for stage in STAGES] == [80, 80, 20]
    assert Stage("short", epochs=0.01).of(10) == 1
