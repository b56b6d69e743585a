"""Sweeps worked off: the real `wandb sweep` and `wandb agent`, against a server on loopback."""

import csv
import json
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from wandb import wandb_agent
from wandb.cli.cli import cli as wandb

from experiments.cli import reproduce, sweep
from experiments.cli.agents.mirror import epochs
from experiments.cli.cells import Cell
from experiments.config.setting import Setting
from poseproof.errors import UserError
from tests.datamodules.fuzz.targets import TARGETS, write
from tests.experiments.conftest import isolate, times
from tests.experiments.wandb_stub import serve

TABLE = "srnet-table9"
# seconds: an agent may take its time where other work does
PATIENCE = 600
FORK = multiprocessing.get_context("fork")
TINY = ["--trainer.max_epochs=2", "--model.init_args.width=16"]


class Forked(wandb_agent.AgentProcess):
    """A run that an agent starts: forked from it, which has imported everything."""

    def __init__(self, env, command, **_):
        self._popen = None
        self._proc = FORK.Process(target=self.run, args=(env, *command))
        self._proc.start()

    @staticmethod
    def run(env, python, option, module, *args):
        assert (python, option) == ("python", "-m")
        os.setpgrp()
        os.environ.clear()
        os.environ.update(env)
        sys.argv[:] = [module, *args]
        sys.modules.pop(module, None)
        runpy.run_module(module, run_name="__main__", alter_sys=True)


class Agent:
    """`wandb agent` and all that it starts: a session of its own, forked from this process."""

    def __init__(self, server, *options):
        self.server, self.log = server, Path(f"agent{len(server.agents)}{len(options)}.log")
        self.process = self.started(["agent", *options])

    def started(self, args):
        process = FORK.Process(target=self.work, args=(args,))
        process.start()
        return process

    def work(self, args):
        os.setsid()
        with self.log.open("w") as log:
            for number in (1, 2):
                os.dup2(log.fileno(), number)
        sys.stdout, sys.stderr = (open(number, "w", buffering=1) for number in (1, 2))  # noqa: SIM115
        wandb_agent.AgentProcess, wandb_agent.Agent.POLL_INTERVAL = Forked, 0.2
        wandb(args)

    def code(self):
        self.process.join(PATIENCE)
        return self.process.exitcode

    def kill(self):
        """As when the power fails."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                session = stat.read_text().rpartition(")")[2].split()[3]
            except FileNotFoundError:
                continue
            if int(session) == self.process.pid:
                os.kill(int(stat.parent.name), signal.SIGKILL)

    def kill_once(self, begun):
        for _ in range(100 * PATIENCE):
            if begun():
                self.kill()
                return
            time.sleep(0.01)
        self.kill()
        raise AssertionError(self.log.read_text())

    def wait(self):
        try:
            assert self.code() == 0, self.log.read_text()
        finally:
            self.kill()


class StartedAgent(Agent):
    """The same as a user starts it: the command, and what it starts, import for themselves."""

    def started(self, args):
        return subprocess.Popen(
            [Path(sys.executable).parent / "wandb", *args],
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def code(self):
        return self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def worked_off(tmp_path_factory):
    """A grid of three cells, whose first agent is killed, and a search of one fit on two ranks."""
    folder = tmp_path_factory.mktemp("sweeps")
    write(TARGETS["human36m"].valid(), folder / "data")
    given = ["--data=h36m", f"--root={folder / 'data'}"]
    with pytest.MonkeyPatch.context() as monkeypatch, serve() as server:
        monkeypatch.chdir(folder)
        isolate(monkeypatch, folder, server.url, key="0" * 40)
        sweep.main([TABLE, *given])
        ranks = ["--trainer.devices=2", "--trainer.strategy=ddp", "--trainer.accelerator=cpu"]
        sweep.main(["srnet-search", *given, *ranks, *TINY])
        search = StartedAgent(server, "--count=1", "tester/poseproof/sweep2")
        first = Agent(server, "tester/poseproof/sweep1")
        first.kill_once(lambda: any(folder.glob("results/runs/*/last.ckpt")))
        (begun,) = (run for run in server.runs.values() if run.sweep == "sweep1")
        state = SimpleNamespace(
            name=begun.name,
            exit_code=begun.exit_code,
            epochs=len(epochs(next(folder.glob("results/runs/*")))),
        )
        Agent(server, "tester/poseproof/sweep1").wait()
        search.wait()
        before = times(folder / "results/runs")
        reproduce.main([TABLE, *given])
        after = times(folder / "results/runs")
    again = [path for path in after if before.get(path) != after[path]]
    return SimpleNamespace(folder=folder, server=server, state=state, trained_again=again)


def runs_of(worked_off, name):
    return [run for run in worked_off.server.runs.values() if run.sweep == name]


def test_a_grid_is_registered_cell_by_cell(worked_off):
    registered = worked_off.server.sweeps["sweep1"]
    assert registered.project == "poseproof"
    held = registered.config
    assert held["method"] == "grid"
    cells = [Cell.named(name) for name in held["parameters"]["cell"]["values"]]
    assert [cell.row for cell in cells] == ["Martinez", "FC", "Ours"]
    folders = {path.name for path in (worked_off.folder / "results/runs").iterdir()}
    assert {cell.folder for cell in cells} == folders


def test_an_agent_works_a_grid_off_into_the_tables_own_runs(worked_off):
    contents = json.loads((worked_off.folder / f"results/{TABLE}/table.json").read_text())
    assert contents["complete"]
    # `reproduce` came last, and had nothing left to do
    assert worked_off.trained_again == []
    runs = runs_of(worked_off, "sweep1")
    assert [run.exit_code for run in runs] == [0, 0, 0]
    for run in runs:
        cell = Cell.named(run.args["cell"]["value"])
        (column,) = (name for name in contents["columns"] if f"{TABLE}/{name}" in run.summary)
        measured = contents["cells"][cell.row][column]["mean"]
        assert run.summary[f"{TABLE}/{column}"] == pytest.approx(measured)
        # every epoch once, as the CSV has it
        logged = epochs(worked_off.folder / "results/runs" / cell.folder)
        assert [row["epoch"] for row in logged] == list(range(10))
        seen = [row for row in run.history if "train/loss" in row]
        assert [(row["epoch"], row["train/loss"]) for row in seen] == [
            (row["epoch"], pytest.approx(row["train/loss"])) for row in logged
        ]


def test_a_cell_logs_its_config_and_its_pictures(worked_off):
    for run in runs_of(worked_off, "sweep1"):
        cell = Cell.named(run.args["cell"]["value"])
        held = run.values
        assert (held["row"], held["seed_everything"], held["run"]) == (cell.row, 0, cell.folder)
        assert held["model"]["init_args"]["width"] == 256
        assert held["data"]["class_path"] == "datamodules.SubjectProtocol"
        assert held["trainer"]["max_epochs"] == 10
        (page,) = (text for name, text in run.files.items() if name.startswith("media/html/samp"))
        assert f"{cell.row}, seed 0" in page.decode()
        assert b"<script" in page


def test_a_killed_agents_cell_goes_on_as_the_same_wandb_run(worked_off):
    state = worked_off.state
    assert state.exit_code is None
    assert 0 < state.epochs < 10
    first, *others = runs_of(worked_off, "sweep1")
    assert first.name == state.name
    # what it had learned was not learned anew
    folder = worked_off.folder / "results/runs" / first.values["run"]
    with (folder / "log/version_1/metrics.csv").open() as log:
        assert int(next(csv.DictReader(log))["epoch"]) > 0
    assert [first.starts, *(run.starts for run in others)] == [2, 1, 1]
    assert len(worked_off.server.agents) == 3


def test_ddp_inside_an_agent_logs_once_and_sees_no_test_frame(worked_off):
    (run,) = runs_of(worked_off, "sweep2")
    assert (run.starts, run.exit_code) == (1, 0)
    held = run.values
    assert held["trainer"]["devices"] == "2"
    assert held["data"]["init_args"]["val_subject"] == "S8"
    assert held["model"]["init_args"]["lr"] == held["model.init_args.lr"] == 0.0002
    assert [row["epoch"] for row in run.history] == [0, 1]
    (log,) = (worked_off.folder / "results/searches").rglob("metrics.csv")
    with log.open() as file:
        rows = list(csv.DictReader(file))
    judged = [float(row["val/mpjpe"]) for row in rows if row["val/mpjpe"]]
    assert [row["val/mpjpe"] for row in run.history] == pytest.approx(judged)
    assert not any(name.startswith("test/") for row in run.history for name in row)


def test_the_server_was_asked_nothing_that_it_does_not_know(worked_off):
    assert set(worked_off.server.unknown) <= {"OrganizationCoreWeaveOrganizationID"}


def test_another_machines_data_are_refused(worked_off, monkeypatch):
    monkeypatch.chdir(worked_off.folder)
    setting = Setting("h36m", (("root", str(worked_off.folder / "data")),), "quick")
    name = worked_off.server.sweeps["sweep1"].config["parameters"]["cell"]["values"][0]
    cell = Cell.named(name)
    assert str(cell) == name
    assert cell.find(setting, Path("results")).folder == Path("results/runs") / cell.folder
    with pytest.raises(UserError, match="other data, configs or code"):
        replace(cell, folder=f"{cell.folder[:-1]}x").find(setting, Path("results"))
