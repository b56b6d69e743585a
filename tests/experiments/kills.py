"""All tables, killed at random moments and started again: `python -m tests.experiments.kills`.

What is killed is the whole group of processes, workers included, with SIGKILL. The tables are a few
tiny ones; with --real those of the suite, on generated motion with the smoke preset.
"""

import argparse
import multiprocessing
import os
import random
import re
import shutil
import signal
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest

from experiments.cli import reproduce_all as everything
from tests.experiments.conftest import make_tiny, make_up

HEAD = "paper: nowhere\nunit: mm\nruler: MPJPE\npublished: {}\n"
TABLES = {
    "srnet-first": HEAD
    + """
title: "SRNet, first"
method: srnet
rows: {SR: {network: sr, dropout: 0.2}, FC: {network: fc}}
columns: {subject: {protocol: subject, metric: mpjpe_action}}
claims:
  - text: SR is better than FC
    comparisons: [{kind: order, better: SR, worse: [FC], columns: [subject]}]
""",
    "srnet-second": HEAD
    + """
title: "SRNet, second"
method: srnet
rows:
  Ours: {network: sr, dropout: 0.2}
  SFS: {network: sfs}
  CPN: {network: sr, data: h36m, source: {keypoints: x}}
columns:
  subject: {protocol: subject, metric: mpjpe_action}
  rare20: {protocol: rare_pose, set: {rarest: 20}, metric: mpjpe}
claims:
  - text: Rare poses are harder
    comparisons: [{kind: rise, rows: [Ours], along: [subject, rare20]}]
""",
    "rie-other": HEAD
    + """
title: "RIE, other"
method: srnet
rows: {SR: {network: gp}}
columns:
  Swim:
    protocol: cross_action
    set: &swim {train_action: Swimming}
    train: {protocol: cross_action, set: *swim}
    metric: mpjpe_action
claims: []
""",
}
# for the script: a method in stages, too
STAGED = {
    "rie-staged": HEAD
    + """
title: "RIE, staged"
method: rie
rows: {RIE: {receptive_field: 9, latent: 8, hidden: 16}}
columns: {subject: {protocol: subject, metric: mpjpe_action}}
claims: []
"""
}


def run(results: Path, *args: str) -> int:
    """Make all tables in this process, and return the exit code."""
    try:
        everything.main([f"--results={results}", *args])
    except SystemExit as stopped:
        return stopped.code
    return 0


def tables_of(results: Path) -> dict[str, str]:
    """Name -> text of every `table.json`, but for the commit, which may go on, and times."""
    texts = {path.parent.name: path.read_text() for path in results.glob("*/table.json")}
    changing = re.compile(r'\n +"(commit|seconds_per_cell)": .*')
    return {name: changing.sub("", text) for name, text in texts.items()}


def kill(results: Path, seconds: float, *args: str) -> bool:
    """Make all tables in a group of processes, and kill it after a time, if it still runs then."""

    def work() -> None:
        os.setsid()
        with redirect_stdout(StringIO()):
            code = run(results, *args)
        os._exit(code)

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(seconds)
    if child.exitcode is not None:
        assert child.exitcode == 0
        return False
    # before its first line it is in the group of this process
    while os.getpgid(child.pid) != child.pid:
        time.sleep(0.001)
    os.killpg(child.pid, signal.SIGKILL)
    child.join()
    return True


def left(results: Path) -> str:
    """How far runs are."""
    runs = results / "runs"
    trained = len(list(runs.rglob("last.ckpt")))
    measured = len(list(runs.glob("*/metrics.json")))
    return f"{trained} fits begun, {measured} runs measured, {len(tables_of(results))} tables"


def main() -> None:
    """Compare tables after so many kills with undisturbed ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", default="2")
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()
    args = ("--seeds=0" if options.real else "--seeds=0,1", f"--jobs={options.jobs}")
    moments = random.Random(options.seed)
    with pytest.MonkeyPatch.context() as monkeypatch, TemporaryDirectory() as place:
        folder = Path(place)
        if options.real:
            # all kills before the end, as it takes long
            args, between = (*args, "--preset=smoke"), (0.005, 0.08)
        else:
            between = (0.05, 0.5)
            factory = SimpleNamespace(mktemp=lambda _: folder, getbasetemp=lambda: folder)
            make_tiny(factory, monkeypatch)
            make_up(folder, monkeypatch, **TABLES, **STAGED)
        whole, killed = folder / "whole", folder / "killed"
        began = time.monotonic()
        assert run(whole, *args) == 0
        taken = time.monotonic() - began
        ready = len(tables_of(whole))
        print(f"{ready} tables in {taken:.0f} s, undisturbed: {left(whole)}", flush=True)
        kills = ends = 0
        while True:
            seconds = moments.uniform(*between) * taken
            if kills < options.kills and kill(killed, seconds, *args):
                kills += 1
                print(f"{kills}: killed after {seconds:.1f} s: {left(killed)}", flush=True)
                continue
            assert run(killed, *args) == 0
            assert tables_of(killed) == tables_of(whole)
            ends += 1
            print(f"ended {ends} times, with the same {ready} tables", flush=True)
            if kills == options.kills:
                break
            shutil.rmtree(killed)


if __name__ == "__main__":
    main()
