"""Sweeps as they are written and registered, and W&B as the second logger of a fit."""

import socket
import sys
import threading
from contextlib import nullcontext
from types import SimpleNamespace
from urllib.request import ProxyHandler, build_opener

import pytest
import wandb

from experiments.cli import lightning as cli
from experiments.cli import sweep
from experiments.cli.agents.mirror import epochs
from experiments.cli.cells import Cell, cells_of
from experiments.cli.lightning import PoseCLI, main
from experiments.config import sweeps
from experiments.config.setting import Setting
from experiments.config.sweeps import load_sweep, sweep_names
from experiments.runs import wandb_log
from poseproof.errors import UserError
from tests.experiments.conftest import (
    SHORT,
    checkpoint,
    configs,
    isolate,
    make_up,
    model,
    refused,
    trainer,
)

TABLE = "srnet-table9"
LOGGED = configs("methods/fc_baseline", "sources/synthetic", "loggers/wandb")


@pytest.fixture(autouse=True)
def without_a_key(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)
    yield
    # it reads the environment once
    wandb.teardown()


def test_a_rows_name_may_hold_slashes():
    cell = Cell("dpcn-table5", "w/o L_e2e", 2, "dpcn_images-seed2-0123456789")
    assert Cell.named(str(cell)) == cell
    with pytest.raises(UserError, match="names no cell"):
        Cell.named("srnet-table2/SR")


def test_what_tables_share_is_one_cell(tiny, monkeypatch):
    text = "{title: t, paper: p, unit: mm, ruler: r, published: {}, claims: [], method: srnet, "
    text += "columns: {a: {protocol: subject, metric: mpjpe}}, rows: "
    first, second = "{SR: {network: sr}, FC: {network: fc}}}", "{Ours: {groups: 5}}}"
    # and one that its data cannot serve
    third = "{A: {data: h36m}}}"
    make_up(tiny, monkeypatch, first=text + first, second=text + second, third=text + third)
    setting = Setting("synthetic", (), "quick")
    cells, left_out = cells_of(["first", "second", "third"], setting, [0, 1])
    assert [(cell.table, cell.row) for cell in cells] == [("first", r) for r in ("SR", "FC")] * 2
    assert len({cell.folder for cell in cells}) == 4
    assert "needs h36m" in left_out["third"]


class Outside(threading.Thread):
    """Counts whoever tries to reach a server, the one of W&B or any other."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.calls = 0
        self.start()

    def run(self):
        while True:
            caller, _ = self.listener.accept()
            self.calls += 1
            caller.close()


def test_without_a_key_a_fit_stays_offline_and_goes_on_under_its_id(
    monkeypatch, tiny_motion, tmp_path
):
    outside = Outside()
    for name in ("WANDB_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, outside.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    # a terminal, at which nobody sits
    asked = SimpleNamespace(isatty=lambda: True, fileno=sys.__stdin__.fileno)
    monkeypatch.setattr(sys, "stdin", asked)
    args = ["fit", *LOGGED, *tiny_motion, *SHORT]
    args += [*model(width=16), *trainer(max_epochs=1)]
    main(args)
    main([*args, checkpoint(tmp_path)])
    first, second = sorted((tmp_path / "wandb").glob("offline-run-*"))
    assert first.name.split("-")[-1] == second.name.split("-")[-1]
    assert list((tmp_path / "runs").rglob("metrics.csv")), "the log of record"
    assert outside.calls == 0
    urlopen = build_opener(ProxyHandler({"http": outside.url})).open
    with pytest.raises(OSError):
        urlopen("http://api.wandb.ai")
    assert outside.calls == 1, "a call would have been counted"


def test_a_fits_id_is_that_of_what_determines_its_weights(monkeypatch, tiny_motion, tmp_path):
    begun = []
    monkeypatch.setattr(cli, "followed", lambda key, *_: begun.append(key) or nullcontext())
    monkeypatch.setattr(cli.LightningCLI, "_run_subcommand", lambda *_: None)
    args = ["fit", *LOGGED, *tiny_motion, *SHORT]
    for more in ([], trainer(default_root_dir="elsewhere"), model(lr=0.02)):
        main([*args, *more])
    first, again, other = begun
    assert first == again != other


def test_a_key_may_stand_in_netrc(tmp_path):
    assert not wandb_log.has_key()
    for text, there in (
        ("machine 127.0.0.1 login user password 0\n", True),
        ("machine elsewhere.org login user password 0\n", False),
        ("what is this\n", False),
    ):
        (tmp_path / "netrc").write_text(text)
        assert wandb_log.has_key() == there


def test_a_users_own_mode_wins(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    run = wandb_log.start("id", "name", {"a": 1})
    assert run.disabled
    run.finish()


def test_without_wandb_it_is_said_what_is_missing(monkeypatch, capsys, tiny_motion):
    monkeypatch.setitem(sys.modules, "wandb", None)
    args = ["fit", *LOGGED, *tiny_motion, *SHORT]
    assert "W&B is not installed: pip install wandb" in refused(capsys, args)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([TABLE], "a key: run `wandb login`"),
        (["srnet-search"], "a key: run"),
        (["no-sweep"], "There is no sweep 'no-sweep'; choose one of dpcn"),
        (["srnet", "--seed=3"], "--seed=3"),
        ([TABLE, "--model.init_args.lr=0.1"], f"{TABLE} is a grid, whose runs are those of its"),
        ([TABLE, "--val-subject=S8"], "are for searches"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(args, words, capsys):
    with pytest.raises(SystemExit) as stopped:
        sweep.main(args)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("name", [name for name in sweep_names() if "search" in name])
def test_a_search_asks_for_what_its_method_has(name, tiny_motion):
    held = load_sweep(name)
    setting = Setting("synthetic", (("frames", "5"),), "quick")
    subject = sweep.held_out_subject(held.row, setting, None)
    assert subject == "S8"
    for end, least in ((0, "min"), (-1, "max")):
        chosen = {
            k: p["values"][end] if "values" in p else p[least]
            for k, p in held.search["parameters"].items()
        }
        given = [f"--{name}={value}" for name, value in chosen.items()]
        built = PoseCLI([*sweep.search_args(held.row, setting), *given], run=False)
        for option, value in chosen.items():
            assert built.config["model"]["init_args"][option.split(".")[-1]] == value


def test_epochs_are_told_once_and_stage_after_stage(tmp_path):
    def log(place, *rows):
        (tmp_path / place).mkdir(parents=True)
        text = "epoch,step,train/loss,val/mpjpe\n" + "".join(f"{row}\n" for row in rows)
        (tmp_path / place / "metrics.csv").write_text(text)

    log("2-rest-0a/log/version_0", "0,3,0.5,", "0,3,,80.0")
    log("1-flow-0b/log/version_0", "0,3,4.0,", "1,7,3.0,")
    # stopped before the second epoch's checkpoint was written
    log("1-flow-0b/log/version_1", "1,7,3.0,", "2,11,2.0,")
    # whose last line is just being written
    with (tmp_path / "1-flow-0b/log/version_1/metrics.csv").open("a") as file:
        file.write("3,15,1")
    assert epochs(tmp_path) == [
        {"epoch": 0, "flow/train/loss": 4.0},
        {"epoch": 1, "flow/train/loss": 3.0},
        {"epoch": 2, "flow/train/loss": 2.0},
        {"epoch": 0, "rest/train/loss": 0.5},
    ]


def test_a_search_s_metric_is_checked_before_w_and_b_is_asked(monkeypatch, tmp_path, capsys):
    text = (sweeps.FOLDER / "srnet-search.yaml").read_text().replace("val/mpjpe", "val/mpjpee")
    (tmp_path / "bad.yaml").write_text(text)
    monkeypatch.setattr(sweeps, "FOLDER", tmp_path)
    with pytest.raises(SystemExit):
        sweep.main(["bad"])
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert "bad, search, metric: There is no figure 'mpjpee': did you mean 'mpjpe'?" in sentence
