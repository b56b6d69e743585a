"""Tables from end to end, on tiny data: complete, resumed after a kill, and refused."""

import json
import multiprocessing
import os
import signal
import subprocess
import time

import pytest

from datamodules import DataError
from experiments import reproduce, runs
from experiments.tables import load_table


def run(folder, *args):
    reproduce.main(["srnet-table2", f"--results={folder}", *args])
    return json.loads((folder / "srnet-table2/table.json").read_text())


def run_as_from_a_shell(*args):
    # whoever started the tests in the background has them ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run(*args)


def test_a_table_is_complete_and_says_what_it_is(tiny, capsys):
    contents = run(tiny / "results", "--seeds=0,1")
    table = load_table("srnet-table2")
    assert contents["complete"]
    assert contents["rows"] == ["GP", "FC", "LF", "ES", "SFS", "SR"]
    assert contents["columns"] == ["subject", "rare20", "rare10"]
    for row in contents["rows"]:
        for column in contents["columns"]:
            cell = contents["cells"][row][column]
            assert cell["n"] == len(cell["seeds"]) == 2
            assert cell["mean"] == pytest.approx(sum(cell["seeds"]) / 2, rel=1e-12)
            assert cell["unit"] == "mm"
        assert len(set(cell["seeds"])) == 2
    assert len({contents["cells"][row]["subject"]["mean"] for row in contents["rows"]}) == 6
    assert {claim["verdict"] for claim in contents["claims"]} <= {"holds", "reversed", "undecided"}
    assert len(contents["claims"]) == len(table.claims)
    for page in ("table.md", "index.html"):
        text = (tiny / "results/srnet-table2" / page).read_text()
        assert "NOT COMPARABLE" in text
        assert "SyntheticMocap" in text
        for row in contents["rows"]:
            assert f"{contents['cells'][row]['rare10']['mean']:.1f}" in text
    assert "NOT COMPARABLE" in " ".join(capsys.readouterr().out.split())


def test_the_curves_tenths_average_to_all_frames_and_begin_with_the_rarest(tiny):
    contents = run(tiny / "results")
    curve = contents["curves"]["rarity"]["rows"]["SR"]
    by_test = [
        {test.rsplit(" ", 1)[0]: figures for test, figures in json.loads(path.read_text()).items()}
        for path in (tiny / "results/runs").glob("*/metrics.json")
    ]
    rarest = contents["cells"]["SR"]["rare10"]["mean"]
    (metrics,) = (each for each in by_test if each["rare_pose rarest=10"]["mpjpe"] == rarest)
    frame_mean = metrics["rare_pose rarest=100"]["mpjpe"]
    assert sum(curve.values()) / 10 == pytest.approx(frame_mean, rel=1e-2)
    rarest, second = curve["00-10"], curve["10-20"]
    assert metrics["rare_pose rarest=10"]["mpjpe"] == pytest.approx(rarest, rel=2e-3)
    assert metrics["rare_pose rarest=20"]["mpjpe"] == pytest.approx((rarest + second) / 2, rel=2e-3)


@pytest.mark.parametrize("jobs", [1, 2])
def test_stopped_and_started_again_it_ends_with_the_same_table(jobs, tiny):
    whole = run(tiny / "undisturbed", "--jobs=1")
    folder = tiny / "disturbed"
    context = multiprocessing.get_context("fork")
    # within another run each
    for progress, stop, code in ((2, signal.SIGKILL, -signal.SIGKILL), (4, signal.SIGINT, 130)):
        child = context.Process(target=run_as_from_a_shell, args=(folder, f"--jobs={jobs}"))
        child.start()
        while len(list(folder.glob("runs/*/metrics.json"))) < progress:
            assert child.is_alive()
            time.sleep(0.02)
        workers = _children(child.pid)
        assert len(workers) == (jobs if jobs > 1 else 0)
        os.kill(child.pid, stop)
        child.join()
        assert child.exitcode == code
        # nobody goes on behind the user's back
        for _ in range(500):
            if not any(_is_alive(worker) for worker in workers):
                break
            time.sleep(0.02)
        assert not any(_is_alive(worker) for worker in workers)
    done = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/last.ckpt")}
    measurements = 4  # three columns, and the curve
    finished = {path for path in done if len(_measured(path)) == measurements}
    assert finished
    assert run(folder, f"--jobs={jobs}") == whole
    for path in finished:
        assert path.stat().st_mtime_ns == done[path]


def _children(process):
    held = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True)
    return [int(number) for number in held.stdout.split()]


def _is_alive(process):
    held = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True)
    return bool(held.stdout.strip()) and not held.stdout.startswith(b"Z")


def test_what_goes_wrong_in_a_worker_is_told(tiny, monkeypatch, capsys):
    def refuse(self, callbacks):
        raise DataError("These data are wrong.")

    monkeypatch.setattr(runs.Run, "execute", refuse)
    with pytest.raises(SystemExit) as stopped:
        run(tiny / "results", "--jobs=2")
    assert stopped.value.code == 2
    assert "error: These data are wrong." in capsys.readouterr().err
    monkeypatch.setattr(runs.Run, "execute", lambda *_: os._exit(7))
    with pytest.raises(RuntimeError, match="seed 0, ended"):
        run(tiny / "results", "--jobs=2")


def _measured(checkpoint):
    path = checkpoint.with_name("metrics.json")
    return json.loads(path.read_text()) if path.exists() else {}


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
        (["srnet-table2", "--seeds=one"], "--seeds"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(args, words, tiny, capsys):
    with pytest.raises(SystemExit) as stopped:
        reproduce.main(args)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not (tiny / "results").exists()


def test_tables_are_listed_with_their_state(tiny, capsys):
    reproduce.main(["--list"])
    assert "not run" in capsys.readouterr().out
    run(tiny / "results")
    reproduce.main(["--list"])
    assert "complete" in capsys.readouterr().out
