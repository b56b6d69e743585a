"""Tables from end to end, on tiny data: complete, resumed after a kill, and refused."""

import io
import json
import multiprocessing
import os
import signal
import subprocess
import time
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from datamodules import DataError
from experiments.cli import reproduce
from experiments.config.tables import CONFIGS, Measurement, load_table
from experiments.runs.run import Run
from lightning_modules import PoseLifter
from tests.experiments.conftest import make_tiny, make_up, run, times

# two runs of two epochs and two measurements
SHORT = """
title: a short table
paper: nowhere
unit: mm
ruler: MPJPE
method: srnet
rows:
  SR: {network: sr, dropout: 0.2}
columns:
  subject: {protocol: subject, metric: mpjpe_action}
  rare20: {protocol: rare_pose, set: {rarest: 20}, metric: mpjpe}
published:
  SR: {subject: 36.6}
curves:
  actions:
    title: actions
    axis: action
    rows: [SR]
    measured: {protocol: subject, metric: mpjpe_by_action}
claims:
  - text: Rare poses are harder
    comparisons: [{kind: rise, rows: [SR], along: [subject, rare20]}]
"""
SEEDS = "--seeds=0,1"


@pytest.fixture(scope="module")
def table2(tmp_path_factory):
    """SRNet's Table 2, and what was printed of it."""
    with pytest.MonkeyPatch.context() as monkeypatch, redirect_stdout(io.StringIO()) as printed:
        folder = make_tiny(tmp_path_factory, monkeypatch)
        return folder, run(folder, "srnet-table2"), " ".join(printed.getvalue().split())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The short table, made without a stop."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = make_tiny(tmp_path_factory, monkeypatch)
        make_up(folder, monkeypatch, short=SHORT)
        return run(folder, "short", SEEDS, "--jobs=1")


@pytest.fixture
def short(tiny, monkeypatch):
    """The short table in a folder without results."""
    make_up(tiny, monkeypatch, short=SHORT)
    return tiny


def test_a_table_is_complete_and_says_what_it_is(table2):
    folder, contents, printed = table2
    table = load_table("srnet-table2")
    assert contents["complete"]
    assert contents["rows"] == ["GP", "FC", "LF", "ES", "SFS", "SR"]
    assert contents["columns"] == ["subject", "rare20", "rare10"]
    for row in contents["rows"]:
        for column in contents["columns"]:
            cell = contents["cells"][row][column]
            assert (cell["n"], cell["seeds"], cell["unit"]) == (1, [cell["mean"]], "mm")
    assert len({contents["cells"][row]["subject"]["mean"] for row in contents["rows"]}) == 6
    assert {claim["verdict"] for claim in contents["claims"]} <= {"holds", "reversed", "undecided"}
    assert len(contents["claims"]) == len(table.claims)
    for page in ("table.md", "index.html"):
        text = (folder / "results/srnet-table2" / page).read_text()
        assert "NOT COMPARABLE" in text
        assert "SyntheticMocap" in text
        for row in contents["rows"]:
            assert f"{contents['cells'][row]['rare10']['mean']:.1f}" in text
    assert "NOT COMPARABLE" in printed


def test_a_cell_is_the_mean_of_its_seeds(whole):
    assert whole["complete"]
    for cell in whole["cells"]["SR"].values():
        assert cell["n"] == len(cell["seeds"]) == len(set(cell["seeds"])) == 2
        assert cell["mean"] == pytest.approx(sum(cell["seeds"]) / 2, rel=1e-12)


def test_the_curves_tenths_average_to_all_frames_and_begin_with_the_rarest(table2):
    folder, contents, _ = table2
    curve = contents["curves"]["rarity"]["rows"]["SR"]
    by_test = [
        {test.rsplit(" ", 1)[0]: figures for test, figures in json.loads(path.read_text()).items()}
        for path in (folder / "results/runs").glob("*/metrics.json")
    ]
    rarest = contents["cells"]["SR"]["rare10"]["mean"]
    (metrics,) = (each for each in by_test if each["rare_pose rarest=10"]["mpjpe"] == rarest)
    frame_mean = metrics["rare_pose rarest=100"]["mpjpe"]
    assert sum(curve.values()) / 10 == pytest.approx(frame_mean, rel=1e-2)
    rarest, second = curve["00-10"], curve["10-20"]
    assert metrics["rare_pose rarest=10"]["mpjpe"] == pytest.approx(rarest, rel=2e-3)
    assert metrics["rare_pose rarest=20"]["mpjpe"] == pytest.approx((rarest + second) / 2, rel=2e-3)


def timeless(contents):
    """What equal runs have equal to the letter."""
    environment = {k: v for k, v in contents["environment"].items() if k != "seconds_per_cell"}
    # the commit may go on meanwhile
    return contents | {"environment": environment, "commit": ""}


def die(number=signal.SIGKILL):
    os.kill(os.getpid(), number)


def in_its_second_epoch(lifter, *_):
    if lifter.current_epoch == 1:
        die()


def before_it_is_measured(run, *_):
    die()


def while_it_is_written(path, text, write=Path.write_text):
    # there is another beside the log
    if "metrics.json" in path.name and (path.parent / "last.ckpt").exists():
        write(path, text[: len(text) // 2])
        die()
    return write(path, text)


def between_measurements(run, *args, measure=Run._measure):
    if run.metrics:
        die()
    return measure(run, *args)


def by_ctrl_c(lifter, *_):
    die(signal.SIGINT)


# what stops a run -> where it stands; in the order in which a run comes to them, the last one in
# the run after it
MOMENTS = {
    in_its_second_epoch: (PoseLifter, "on_train_batch_end"),
    before_it_is_measured: (Run, "_measure"),
    while_it_is_written: (Path, "write_text"),
    between_measurements: (Run, "_measure"),
    by_ctrl_c: (PoseLifter, "on_train_batch_end"),
}


def started(folder, jobs, **changes):
    """A process that makes the short table with code changed: name -> where, and what to."""

    def work():
        # whoever started the tests in the background has them ignore Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for name, (owner, change) in changes.items():
            setattr(owner, name, change)
        run(folder, "short", SEEDS, f"--jobs={jobs}")

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    return child


def left(folder):
    """The epoch, counted from 0, and the number of measurements that every run has come to."""
    held = []
    for checkpoint in sorted(folder.rglob("last.ckpt")):
        path = checkpoint.with_name("metrics.json")
        measured = json.loads(path.read_text()) if path.exists() else ()
        held.append((torch.load(checkpoint)["epoch"], len(measured)))
    return held


def test_stopped_at_any_moment_it_ends_with_the_same_table(whole, short):
    seen = []
    for moment, (owner, name) in MOMENTS.items():
        child = started(short, 1, **{name: (owner, moment)})
        child.join()
        assert child.exitcode == (130 if moment is by_ctrl_c else -signal.SIGKILL)
        seen.append(left(short))
    assert seen == [[(0, 0)], [(1, 0)], [(1, 0)], [(1, 1)], [(1, 2)]]
    done = times(short)
    assert timeless(run(short, "short", SEEDS, "--jobs=1")) == timeless(whole)
    assert done.items() < times(short).items()


def wait_until_the_parent_is_gone():
    Path(f"waits-{os.getpid()}").touch()
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.01)


def wait_in_its_second_epoch(lifter, *_):
    if lifter.current_epoch == 1:
        wait_until_the_parent_is_gone()


def wait_between_measurements(run, *args, measure=Run._measure):
    if run.metrics:
        wait_until_the_parent_is_gone()
    return measure(run, *args)


TRAINING = {"on_train_batch_end": (PoseLifter, wait_in_its_second_epoch)}
MEASURING = {"_measure": (Run, wait_between_measurements)}


def test_stopped_with_its_workers_it_ends_with_the_same_table(whole, short):
    for changes, stop, code, state in (
        (TRAINING, signal.SIGKILL, -signal.SIGKILL, (0, 0)),
        (MEASURING, signal.SIGINT, 130, (1, 1)),
    ):
        child = started(short, 2, **changes)
        while len(waiting := list(short.glob("waits-*"))) < 2:
            assert child.is_alive()
            time.sleep(0.02)
        workers = [int(path.name.removeprefix("waits-")) for path in waiting]
        assert child.pid not in workers
        os.kill(child.pid, stop)
        child.join()
        assert child.exitcode == code
        # nobody goes on behind the user's back
        for _ in range(500):
            if not any(_is_alive(worker) for worker in workers):
                break
            time.sleep(0.02)
        assert not any(_is_alive(worker) for worker in workers)
        assert left(short) == [state] * 2
        for path in waiting:
            path.unlink()
    assert timeless(run(short, "short", SEEDS, "--jobs=2")) == timeless(whole)


def _is_alive(process):
    held = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True)
    return bool(held.stdout.strip()) and not held.stdout.startswith(b"Z")


def test_what_goes_wrong_in_a_worker_is_told(short, monkeypatch, capsys):
    def refuse(self, callbacks):
        raise DataError("These data are wrong.")

    monkeypatch.setattr(Run, "execute", refuse)
    with pytest.raises(SystemExit) as stopped:
        run(short, "short", SEEDS, "--jobs=2")
    assert stopped.value.code == 2
    assert "error: These data are wrong." in capsys.readouterr().err
    monkeypatch.setattr(Run, "execute", lambda *_: os._exit(7))
    with pytest.raises(RuntimeError, match=r"SR, seed [01], ended"):
        run(short, "short", SEEDS, "--jobs=2")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["srnet-table99"], "no table 'srnet-table99'"),
        (["srnet-table2", "--data=npz", "--root=nowhere", "--name=x"], "nowhere"),
        (["srnet-table2", "--data=h36m", "--root=nowhere"], "nowhere"),
        (["srnet-table2", "--data=cmu", "--root=nowhere"], "nowhere"),
        (["srnet-table2", "--data=npz", "--root=."], "--name must be given"),
        (["srnet-table2", "--data=synthetic", "--root=."], "--root is not needed"),
        (["dpcn-table5", "--images=."], "--images is not needed for synthetic"),
        (["dpcn-table5", "--data=h36m", "--root=nowhere"], "--images (IMAGES=dir)"),
        (["srnet-table2", "--seeds=one"], "different whole numbers"),
        (["srnet-table2", "--seeds=0,0"], "different whole numbers"),
        (["srnet-table2", "--test-root=."], "go with --test-data"),
        (["srnet-table2", f"--data={CONFIGS}/presets/smoke.yaml"], "lacks data.init_args.source"),
        (["srnet-table2", f"--test-data={CONFIGS}/presets/smoke.yaml"], "lacks data.init_args"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(args, words, tiny, capsys):
    with pytest.raises(SystemExit) as stopped:
        reproduce.main(args)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not (tiny / "results").exists()


def test_a_finished_run_is_said_with_each_column_s_unit():
    columns = {
        "PCK": Measurement(protocol="subject", metric="pck"),
        "MPJPE": Measurement(protocol="subject", metric="mpjpe", unit="mm"),
        "not run": Measurement(protocol="subject", metric="other"),
    }
    said = reproduce._line(
        SimpleNamespace(
            row="SR",
            seed=2,
            table=SimpleNamespace(unit="%", columns=columns),
            serves=lambda column: column.metric != "other",
            figures=lambda column: {"pck": 81.24, "mpjpe": 94.3},
        )
    )
    assert said == "SR seed 2: PCK 81.2 %, MPJPE 94.3 mm"
