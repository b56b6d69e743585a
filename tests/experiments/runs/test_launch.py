"""Trainings of several processes: on two nodes, under SLURM, launched from a table; on loopback."""

import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.distributed.launcher.api import elastic_launch
from torch.distributed.run import config_from_args, get_args_parser

from experiments.cli import reproduce
from experiments.cli.lightning import PoseCLI, main
from experiments.config.composer import compose
from experiments.config.setting import Setting
from experiments.config.tables import load_table
from experiments.runs.backends import launched
from experiments.runs.backends.ranks import Launcher
from experiments.runs.backends.shard import Shard
from experiments.runs.backends.world import EPOCH_BEGINS
from experiments.runs.fit import fit
from experiments.runs.plan import planned
from lightning_modules import PoseLifter
from tests.experiments.conftest import (
    SHORT,
    configs,
    data,
    latest,
    make_up,
    model,
    run,
    source,
    trainer,
)

HOME = Path(reproduce.__file__).parents[2]
SLURM = HOME / "experiments/slurm"

FIT = [
    *configs("methods/srnet", "sources/synthetic", "presets/quick"),
    *SHORT,
    *trainer(accelerator="cpu", max_epochs=2),
    *model(width=16, dropout=0.2),
    *data(batch_size=64),
]


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def side_by_side(*works):
    """Processes forked from this one, which has imported everything."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=work) for work in works]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def weights(folder):
    held = torch.load(latest(folder, "last.ckpt"), weights_only=True)
    return held["state_dict"]


def same(some, others):
    return some.keys() == others.keys() and all(torch.equal(some[n], others[n]) for n in some)


@pytest.fixture(scope="module")
def motion(tmp_path_factory):
    """Options for a small set of generated motion."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
        yield source(frames=5)


@pytest.fixture(scope="module")
def whole(motion, tmp_path_factory):
    """The weights that two processes of one machine have trained."""
    folder = tmp_path_factory.mktemp("whole")
    fit(compose([*FIT, *motion, *trainer(devices=2, strategy="ddp_fork")]), folder)
    return weights(folder)


def test_two_nodes_train_as_two_processes_of_one_do(whole, motion, tmp_path):
    args = ["fit", *FIT, *motion, *trainer(devices=1, num_nodes=2, strategy="ddp")]
    rendezvous = f"--rdzv-backend=c10d --rdzv-endpoint=127.0.0.1:{free_port()}"

    def node(rank):
        said = f"--nnodes=2 --node-rank={rank} --nproc-per-node=1 {rendezvous} lightning"
        config, *_ = config_from_args(get_args_parser().parse_args(said.split()))
        # a process of torchrun's that need not import everything
        config.start_method = "fork"
        elastic_launch(config, main)(args)

    assert side_by_side(lambda: node(0), lambda: node(1)) == [0, 0]
    assert same(weights(tmp_path), whole)


def slurm(rank, port, ranks=2, nodes=2):
    """What srun tells a task; with as many tasks on each node."""
    devices = ranks // nodes
    return {
        "SLURM_JOB_ID": "4711",
        "SLURM_NTASKS": str(ranks),
        "SLURM_NTASKS_PER_NODE": str(devices),
        "SLURM_NNODES": str(nodes),
        "SLURM_PROCID": str(rank),
        "SLURM_LOCALID": str(rank % devices),
        "SLURM_NODEID": str(rank // devices),
        "SLURM_NODELIST": "127.0.0.1",
        "SLURM_STEP_NODELIST": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def test_tasks_of_a_slurm_job_train_as_they_do(whole, motion, tmp_path, monkeypatch):
    def on_train_start(self):
        environment = type(self.trainer.strategy.cluster_environment).__name__
        (tmp_path / f"{environment}-{self.global_rank}-{self.trainer.node_rank}").touch()

    monkeypatch.setattr(PoseLifter, "on_train_start", on_train_start)
    args = ["fit", *FIT, *motion, *trainer(devices=1, num_nodes=2, strategy="ddp")]
    port = free_port()

    def task(rank):
        os.environ.update(slurm(rank, port))
        main(args)

    assert side_by_side(lambda: task(0), lambda: task(1)) == [0, 0]
    taken = sorted(path.name for path in tmp_path.glob("*-*-*"))
    assert taken == ["SLURMEnvironment-0-0", "SLURMEnvironment-1-1"]
    assert same(weights(tmp_path), whole)


def task(folder, args):
    """The file that a launched rank is given, and what it then runs."""
    path = folder / "task.json"
    path.write_text(json.dumps({"config": compose(args).values(), "threads": 1}))

    def rank(number, port, out=os.devnull):
        os.environ.update(slurm(number, port))
        sys.stdout = open(out, "w")  # noqa: SIM115
        launched.main([str(path)])

    return rank


def test_a_launched_training_goes_on_from_the_last_epoch(whole, motion, tmp_path, monkeypatch):
    rank, port = task(tmp_path, [*FIT, *motion]), free_port()
    with monkeypatch.context() as patched:
        patched.setattr(
            PoseLifter, "on_train_batch_end", lambda self, *_: self.current_epoch and os._exit(9)
        )
        assert side_by_side(lambda: rank(0, port), lambda: rank(1, port)) == [9, 9]
    assert torch.load(tmp_path / "last.ckpt")["epoch"] == 0
    assert side_by_side(lambda: rank(0, port), lambda: rank(1, port)) == [0, 0]
    assert torch.load(tmp_path / "last.ckpt")["epoch"] == 1
    assert same(weights(tmp_path), whole)


def test_launched_ranks_end_with_who_hears_them(motion, tmp_path):
    args = [*FIT, *motion, *trainer(max_epochs=10_000)]
    rank, port = task(tmp_path, args), free_port()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def reader():
        with pipe.open() as lines:
            next(line for line in lines if line.startswith(EPOCH_BEGINS))

    codes = side_by_side(reader, lambda: rank(0, port, pipe), lambda: rank(1, port, pipe))
    assert codes == [0, 1, 1]


# tasks as `srun -n RANKS PYTHON -m MODULE ...` starts them, without importing torch for each
SRUN = """#!{python}
import os, runpy, socket, sys
if "experiments.runs.backends.launched" in sys.argv:
    import experiments.runs.backends.launched
    del sys.modules["experiments.runs.backends.launched"]
with open({calls!r}, "a") as calls:
    print(*sys.argv[1:], file=calls)
with socket.socket() as held:
    held.bind(("127.0.0.1", 0))
    port = held.getsockname()[1]
ranks, children = int(sys.argv[2]), []
for rank in range(ranks):
    children.append(os.fork())
    if not children[-1]:
        os.environ.update(
            SLURM_NTASKS=str(ranks), SLURM_NNODES="1", SLURM_NODELIST="127.0.0.1",
            SLURM_NODEID="0", SLURM_PROCID=str(rank), SLURM_LOCALID=str(rank),
            MASTER_PORT=str(port),
        )
        sys.argv[:] = sys.argv[5:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        sys.exit(0)
sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""
TABLE = """
title: a chained fit
paper: nowhere
unit: mm
ruler: MPJPE
method: chained
rows:
  SR: {network: sr}
columns:
  subject: {protocol: subject, metric: mpjpe}
published: {}
claims: []
"""
STAGES = """
stages:
  - {name: first, epochs: 0.5}
  - {name: second, model: {lr: 0.0005}}
"""


TWICE = """sh -c '"$@" & "$@"; wait' sh"""
FAILING = """sh -c 'case "$*" in *launched*) echo "error: No data."; exit 3;; esac; "$@"' sh"""


@pytest.fixture
def chained(tiny, monkeypatch):
    """A table of one run of two stages; launched processes find this code."""
    make_up(tiny, monkeypatch, chained=TABLE)
    methods = tiny / "configs/methods"
    (methods / "chained.yaml").write_text((methods / "srnet.yaml").read_text() + STAGES)
    monkeypatch.setenv("PYTHONPATH", str(HOME))
    return tiny


def executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def test_a_table_s_trainings_are_launched(chained, monkeypatch, capsys):
    calls = chained / "calls"
    executable(chained / "bin/srun", SRUN.format(python=sys.executable, calls=str(calls)))
    monkeypatch.setenv("PATH", str(chained / "bin"), prepend=os.pathsep)
    # the script of a job of two tasks is one process itself
    for name, value in {"NTASKS": "2", "JOB_ID": "4711", "JOB_NAME": "poseproof"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    # as `srun --label` does
    launch = ["chained", """--launch=sh -c 'srun -n 2 "$@" | sed "s/^/0: /"' sh"""]
    reproduce.main([*launch, "--shard=2/2"])
    assert "Other shards have runs to do" in capsys.readouterr().out
    assert not (chained / "results/chained").exists()
    contents = run(chained, *launch, "--shard=1/2")
    modules = [
        call.split("-m experiments.runs.backends.")[1].split()[0]
        for call in calls.read_text().splitlines()
    ]
    assert modules == ["world", "world", "launched"]
    assert contents["complete"]
    assert contents["ranks"] == 2
    assert "Trained on 2 ranks" in (chained / "results/chained/table.md").read_text()
    # another run than that of one rank
    ((name,),) = contents["runs"].values()
    setting = Setting("synthetic", (), "quick")
    (alone,) = planned(load_table("chained"), setting, [0], chained).runs
    assert name != alone.folder.name
    folder = chained / "results/runs" / name
    assert len([*folder.glob("*/finished.json")]) == 2
    assert json.loads((folder / "seconds.json").read_text())["epochs"] == 3
    # what is trained is not launched again
    Launcher(FAILING, os.environ, chained).fit(SimpleNamespace(folder=folder), print, print, 0)


@pytest.mark.parametrize(
    ("launch", "words"),
    [
        ("false", ["false", "exit code 1", "results/launch.log"]),
        ("nowhere -n 2", ["nowhere does not start"]),
        ("srun '-n 2", ["srun '-n 2 is no command: No closing quotation."]),
        ("torchrun --nproc-per-node 2", ["--no-python"]),
        ("echo", ["starts 0 processes"]),
        (TWICE, ["starts 2 processes"]),
        (FAILING, ["exit code 3", "results/runs/chained-seed0-", "launch.log: No data."]),
        (FAILING.replace("error:", "1: error:"), ["exit code 3", "launch.log: No data."]),
    ],
)
def test_what_goes_wrong_in_a_launcher_is_told_in_one_sentence(launch, words, chained, capsys):
    with pytest.raises(SystemExit) as stopped:
        reproduce.main(["chained", f"--launch={launch}"])
    assert stopped.value.code == 2
    (sentence,) = [s for s in capsys.readouterr().err.splitlines() if s.startswith("error: ")]
    for word in words:
        assert word in sentence


@pytest.mark.parametrize("option", ["--jobs=2", "--shard=3/2", "--shard=0/2", "--shard=2"])
def test_what_does_not_go_with_a_launcher_or_is_no_shard_is_refused(option, capsys):
    with pytest.raises(SystemExit):
        reproduce.main(["srnet-table2", "--launch=srun", option])
    assert "error: " in capsys.readouterr().err


def test_shards_have_everything_once():
    shares = [Shard.named(f"{number}/3").of(range(8)) for number in (1, 2, 3)]
    assert sorted(item for share in shares for item in share) == [*range(8)]


RECORD = """#!/bin/sh
echo "$(basename "$0")" "$@" >> calls
"""


@pytest.fixture
def submit(tmp_path):
    """Run a template as SLURM would, with commands that note how they are called."""
    for name in ("srun", "scontrol", "python", "wandb"):
        executable(tmp_path / ".venv/bin" / name, RECORD)

    def started(name, change=("", "")):
        script = tmp_path / name
        script.write_text((SLURM / name).read_text().replace(*change))
        told = {"JOB_ID": 4711, "JOB_NUM_NODES": 2, "NTASKS_PER_NODE": 8, "ARRAY_JOB_ID": 4700}
        told |= {"ARRAY_TASK_ID": 3}
        job = {f"SLURM_{key}": str(value) for key, value in told.items()}
        return subprocess.Popen(["bash", "-u", script], env=os.environ | job)

    def call(*args):
        (tmp_path / "calls").unlink(missing_ok=True)
        assert started(*args).wait() == 0
        return (tmp_path / "calls").read_text().split()

    return started, call


def test_the_template_of_one_training_fits_and_goes_on(submit, tmp_path):
    _, call = submit
    command, *args = call("ddp.sbatch")
    assert [command, *args[:2]] == ["srun", "lightning", "fit"]
    where = Path(reproduce.__file__).parents[2]
    built = PoseCLI(
        [arg.replace("experiments/", f"{where}/experiments/") for arg in args[2:]], False
    )
    assert built.trainer.world_size == 16
    assert "--ckpt_path" not in args
    # where such a fit leaves its checkpoint
    kept = Path(built.trainer.log_dir) / "checkpoints/last.ckpt"
    kept.parent.mkdir(parents=True)
    kept.touch()
    again = call("ddp.sbatch")
    assert Path(again[again.index("--ckpt_path") + 1]) == kept


def test_the_template_of_an_array_takes_shards_or_is_an_agent(submit, capsys):
    _, call = submit
    command, *args = call("array.sbatch")
    assert [command, *args[:2]] == ["python", "-m", "experiments.cli.reproduce"]
    assert args[-2:] == ["--shard", "3/18"]
    with pytest.raises(SystemExit):
        reproduce.main(args[2:])
    assert "data/h36m" in capsys.readouterr().err
    sweep = ("SWEEP=\n", "SWEEP=me/mine/1\n")
    assert call("array.sbatch", sweep) == ["wandb", "agent", "me/mine/1"]


@pytest.mark.parametrize(
    ("name", "works", "job"), [("ddp", "srun", "4711"), ("array", "python", "4700_3")]
)
def test_a_job_whose_time_is_up_is_queued_again(name, works, job, submit, tmp_path):
    started, _ = submit
    executable(tmp_path / ".venv/bin" / works, "#!/bin/sh\necho $$ > works; exec sleep 60\n")
    # SLURM ends what the job runs
    executable(tmp_path / ".venv/bin/scontrol", RECORD + "kill $(cat works)\n")
    script = started(f"{name}.sbatch")
    while not (tmp_path / "works").exists() or not (tmp_path / "works").read_text():
        assert script.poll() is None
        time.sleep(0.02)
    script.send_signal(signal.SIGUSR1)
    assert script.wait(20) == 128 + signal.SIGTERM
    assert (tmp_path / "calls").read_text() == f"scontrol requeue {job}\n"


@pytest.mark.parametrize("path", sorted(SLURM.glob("*.sbatch")), ids=lambda path: path.name)
def test_templates_are_sound(path):
    subprocess.run(["bash", "-n", path], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", path], check=True)
    lines = path.read_text().splitlines()
    commands = [n for n, line in enumerate(lines) if line and not line.startswith("#")]
    # sbatch reads no further
    assert max(n for n, line in enumerate(lines) if line.startswith("#SBATCH")) < commands[0]
    assert {line for line in lines if "signal" in line and line.startswith("#SBATCH")} == {
        "#SBATCH --signal=B:USR1@120"
    }
