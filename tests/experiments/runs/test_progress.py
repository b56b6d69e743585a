"""What long work says of itself where no terminal shows a bar."""

import logging
import re
import time
import warnings
from itertools import pairwise

import pytest

from experiments.cli.lightning import main
from experiments.runs import process, progress
from experiments.runs.progress import Heartbeat, time_left
from tests.experiments.conftest import (
    SHORT,
    configs,
    data,
    make_up,
    model,
    run,
    source,
    trainer,
)

TABLE = """
title: one row
method: srnet
rows: {SR: {network: sr}}
columns: {subject: {protocol: subject, metric: mpjpe_action}}
claims: []
"""
STAGED = [
    "fit",
    *configs("methods/rie", "sources/synthetic", "presets/quick_rie"),
    *SHORT,
    *trainer(max_epochs=2, accelerator="cpu"),
    *model(width=8, latent=8, hidden=8),
    *data(batch_size=16),
    *source(frames=5),
]


def test_a_line_a_minute_with_the_time_that_is_left():
    now, said = [1000.0], []
    heartbeat = Heartbeat(lambda line: said.append((now[0], line)), clock=lambda: now[0])
    while now[0] < 1600:
        now[0] += 7
        heartbeat.tick("somewhere", now[0] - 1000, 1200)
    times = [1000.0, *(moment for moment, _ in said)]
    assert len(said) == 10
    assert max(after - before for before, after in pairwise(times)) <= 60
    assert said[0][1] == "somewhere, 19 min left"
    assert all(line.startswith("somewhere, ") for _, line in said)


def test_before_anything_is_done_the_time_left_is_not_known():
    now, said = [0.0], []
    heartbeat = Heartbeat(said.append, clock=lambda: now[0])
    now[0] = 61
    heartbeat.tick("0 of 3", 0, 3)
    assert said == ["0 of 3, time left unknown"]
    assert [time_left(seconds) for seconds in (5, 600, 9000)] == [
        "5 s left",
        "10 min left",
        "2.5 h left",
    ]


def test_a_thread_looks_at_the_clock_while_the_process_is_busy(monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE", 0.01)
    looks = []
    with Heartbeat(print).ticking(lambda: looks.append(1)):
        time.sleep(0.2)
    seen = len(looks)
    assert seen > 2
    time.sleep(0.05)
    assert len(looks) == seen


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_table_says_where_it_is(jobs, tiny, monkeypatch, capsys):
    make_up(tiny, monkeypatch, one=TABLE)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    monkeypatch.setattr(progress, "_PATIENCE", 0.01)
    run(tiny, "one", f"--jobs={jobs}", "--seeds=0,1")
    said = re.findall(
        r"(\d) of 2 runs, (\d) of 4 epochs, (.* left|time left unknown)", capsys.readouterr().out
    )
    assert said
    assert all(int(runs) <= int(epochs) / 2 for runs, epochs, _ in said)


def test_a_fit_in_stages_says_where_it_is(monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    main(STAGED)
    out = capsys.readouterr().out
    for stage in ("1 of 3, encoders", "2 of 3, fusion", "3 of 3, everything"):
        assert re.search(rf"stage {stage}: epoch 1 of \d, step 2 of 2, \d+ s left", out)


def test_harmless_warnings_are_left_out_and_real_ones_stay(monkeypatch, caplog, tiny_motion):
    real = "the loss is not finite"
    filtered = process.leave_out_harmless_warnings

    def and_warn():
        filtered()
        warnings.warn(real, stacklevel=2)

    monkeypatch.setattr("experiments.cli.lightning.leave_out_harmless_warnings", and_warn)
    # whether it hands on to the root's handlers depends on who was there first
    monkeypatch.setattr(logging.getLogger("pytorch_lightning"), "handlers", [caplog.handler])
    with (
        warnings.catch_warnings(record=True) as seen,
        caplog.at_level(logging.INFO, "pytorch_lightning"),
    ):
        warnings.simplefilter("always")
        main(STAGED)
    said = [str(each.message) for each in seen if "jsonargparse" not in str(each.category).lower()]
    assert said == [real]
    assert "LitLogger" not in caplog.text and "Stage 3 of 3" in caplog.text
