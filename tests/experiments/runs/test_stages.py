"""Chained fits: what passes on, what stays fixed, and what is done again."""

import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
import yaml

from experiments.cli.lightning import main
from experiments.config.composer import Stage
from experiments.config.tables import CONFIGS
from experiments.runs.fit import Frozen
from tests.experiments.cli.test_lightning import QUICK, method_args, narrow
from tests.experiments.conftest import (
    SHORT,
    checkpoint,
    configs,
    data,
    model,
    refused,
    source,
    times,
    trainer,
)

STAGES = yaml.safe_load((CONFIGS / "methods/rie.yaml").read_text())["stages"]
ARGS = [
    "fit",
    *configs("methods/rie", "sources/synthetic", "presets/quick_rie"),
    *SHORT,
    *trainer(max_epochs=8, accelerator="cpu"),
    *model(width=8, latent=8, hidden=8),
    *data(batch_size=16),
    *source(frames=5),
]
BRIEF = [*ARGS, *trainer(max_epochs=2)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a chain that is finished; only to be looked at."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = tmp_path_factory.mktemp("finished")
        monkeypatch.chdir(folder)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
        main(ARGS)
        return folder


@pytest.fixture
def again(finished, tmp_path):
    """The working folder as the chain has left it."""
    return shutil.copytree(finished, tmp_path, dirs_exist_ok=True)


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


def test_weights_pass_on_and_fixed_encoders_stay(finished):
    first, second, third = (stage(finished, number) for number in (1, 2, 3))
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


def test_moving_statistics_move_and_weights_stay(tmp_path):
    def change(stages):
        stages.pop()
        stages[1].update(frozen_statistics="moving")

    moving = with_stages(tmp_path, change)
    main([*BRIEF, moving])
    first, second = (of(stage(tmp_path, n)["state_dict"], *ENCODERS) for n in (1, 2))
    for name, weight in first.items():
        assert torch.equal(weight, second[name]) == ("running_" not in name), name


def test_what_is_finished_is_not_done_again(again):
    before = times(again)
    main(ARGS)
    assert times(again) == before


def test_a_changed_stage_and_those_after_it_are_done_again(again):
    before = times(again)
    main([*ARGS, with_stages(again, lambda s: s[1].update(epochs=0.5))])
    after = times(again)
    assert before.items() < after.items()
    assert sorted(path.parent.name[0] for path in after.keys() - before.keys()) == ["2", "3"]
    main([*ARGS, with_stages(again, lambda s: s.__delitem__(slice(1, 3))), "--seed_everything=1"])
    assert len(list(again.glob("runs/1-*"))) == 2


def _fit_and_die(args, number):
    """Fit until the second epoch of a stage, and be killed there."""

    def on_train_epoch_start(self, trainer, pl_module):
        if len(list(Path("runs").glob("*/finished.json"))) == number - 1 and trainer.current_epoch:
            os.kill(os.getpid(), signal.SIGKILL)

    Frozen.on_train_epoch_start = on_train_epoch_start
    main(args)


def killed(args, number):
    child = multiprocessing.get_context("fork").Process(target=_fit_and_die, args=(args, number))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL


def test_killed_in_every_stage_it_ends_with_the_same_weights(finished, tmp_path):
    for number in (1, 2, 3):
        killed(ARGS, number)
        assert len(times(tmp_path)) == number
    main(ARGS)
    for number in (1, 2, 3):
        whole, resumed = (stage(folder, number)["state_dict"] for folder in (finished, tmp_path))
        assert same(whole, resumed)


# whose flow comes with the checkpoint; all other chains are RIE's in kind
@pytest.mark.parametrize(("method", "last"), [("lift_only", 2), ("selfsup", 3)])
def test_killed_in_its_last_stage_a_chain_ends_with_the_same_weights(
    method, last, tiny_motion, tmp_path, monkeypatch
):
    args = ["fit", *narrow(method, method_args(method, QUICK[method], tiny_motion)), *SHORT]
    args += trainer(max_epochs=2)
    killed(args, last)
    shutil.copytree(tmp_path, tmp_path / "whole")
    (begun,) = (tmp_path / "whole/runs").glob(f"{last}-*")
    assert (begun / "last.ckpt").exists()
    shutil.rmtree(begun)
    main(args)
    monkeypatch.chdir("whole")
    main(args)
    assert len(list(Path("runs").glob("*/finished.json"))) == last
    whole, resumed = (stage(folder, last) for folder in (tmp_path / "whole", tmp_path))
    assert whole["epoch"] == resumed["epoch"] > 0
    assert same(whole["state_dict"], resumed["state_dict"])


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
def test_a_mistake_is_told_before_anything_is_trained(change, words, tmp_path, capsys):
    assert words in refused(capsys, [*ARGS, with_stages(tmp_path, change)])
    assert not times(tmp_path)


def test_stages_on_two_ranks(tmp_path):
    main([*BRIEF, *trainer(devices=2, strategy="ddp_fork")])
    first, second, third = (stage(tmp_path, number)["state_dict"] for number in (1, 2, 3))
    assert same(of(first, *ENCODERS), of(second, *ENCODERS))
    assert not same(second, third)


def test_a_fast_dev_run_leaves_nothing(tmp_path):
    main([*ARGS, *trainer(fast_dev_run="true")])
    assert not times(tmp_path)


def test_a_checkpoint_to_resume_is_refused(finished, capsys):
    assert "goes on by itself" in refused(capsys, [*ARGS, checkpoint(finished)])


def test_the_epochs_of_the_paper():
    assert [Stage(**stage).of(80) for stage in STAGES] == [80, 80, 20]
    assert Stage("short", epochs=0.01).of(10) == 1
