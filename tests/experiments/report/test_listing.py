"""The list of tables: runs, what of them is done, and what the rest costs, without the data."""

import json
import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from datamodules.sources.source import Source
from experiments.cli import reproduce
from experiments.config.composer import compose
from experiments.config.setting import Setting
from experiments.config.tables import load_table
from experiments.report import listing
from experiments.report.listing import data_files, recall, time_left
from experiments.runs.backends.local import one_by_one
from experiments.runs.costs import Cost, Spent, cost, rates
from experiments.runs.run import Run
from tests.experiments.conftest import make_up
from tests.experiments.kills import TABLES, run

SETTING = Setting("synthetic", (), "quick")


def listed(results, *args):
    """Table -> what is said of it: runs, done, epochs left, time left, verdicts."""
    with redirect_stdout(StringIO()) as printed, pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "240")
        reproduce.main(["--list", f"--results={results}", "--seeds=0,1", "--jobs=2", *args])
    lines = [re.split(r"\s{2,}", line.strip()) for line in printed.getvalue().splitlines()]
    return {name: told[1:] for name, *told in lines}


def test_before_anything_is_run_the_epochs_are_known_and_the_time_is_not(tiny, monkeypatch):
    make_up(tiny, monkeypatch, **TABLES)
    first = listed(tiny / "results")
    # what was remembered is enough
    monkeypatch.setattr(Source, "load", None)
    monkeypatch.setattr(listing, "plan", None)
    assert listed(tiny / "results") == first
    assert first["srnet-first"][:4] == ["4", "0", "8", "?"]
    assert first["srnet-second"][:4] == ["4", "0", "8", "?"]
    # SR is in both
    assert first["all"][:4] == ["6", "0", "12", "?"]
    assert first["rie-other"] == ["-"]
    assert any("rie-other cannot be run: " in said and "acts 'Swimming'" in said for said in first)


def test_what_is_done_and_what_the_rest_takes(tiny, monkeypatch):
    make_up(tiny, monkeypatch, **TABLES)
    results = tiny / "results"
    assert run(results, "--seeds=0", "--jobs=1") == 0
    half = listed(results)
    assert half["srnet-first"][:3] == ["4", "2", "4"]
    assert half["all"][:3] == ["6", "3", "6"]
    assert re.fullmatch(r"\d+\.\d min", half["all"][3])
    # the page is of one seed; the list is of two
    assert sorted(half["srnet-first"][4].split()) == ["0", "0", "1"]
    spent = [json.loads(path.read_text()) for path in results.glob("runs/*/seconds.json")]
    assert [each["epochs"] for each in spent] == [2, 2, 2]
    assert min(min(each["training"], each["rest"]) for each in spent) > 0
    assert listed(results, "--seeds=0")["all"] == ["3", "3", "0"]
    other = listed(results, "--preset=paper")
    assert other["all"][1] == "0"
    assert len(other["srnet-first"]) == 4


def test_a_changed_table_or_config_is_planned_anew(tiny, monkeypatch):
    make_up(tiny, monkeypatch, **TABLES)
    keys = set()

    def key():
        keys.add(listing._key(load_table("srnet-first"), SETTING, []))
        return len(keys)

    assert key() == key() == 1
    path = tiny / "tables/srnet-first.yaml"
    path.write_text(path.read_text().replace("network: fc", "network: gp"))
    assert key() == 2
    path = tiny / "configs/protocols/subject.yaml"
    path.write_text(path.read_text().replace("flip: true", "flip: false"))
    assert key() == 3
    data = tiny / "data"
    data.mkdir()
    (data / "a.npz").write_text("1")
    npz = Setting("npz", (("root", str(data)), ("name", "a")), "quick")
    table = load_table("srnet-first")
    before = listing._key(table, npz, data_files(npz))
    (data / "a.npz").write_text("12")
    assert listing._key(table, npz, data_files(npz)) != before


def test_the_data_s_folder_is_walked_once_a_list(tiny, monkeypatch):
    make_up(tiny, monkeypatch, **TABLES)
    data = tiny / "data"
    data.mkdir()
    walked = []
    walk = Path.rglob
    monkeypatch.setattr(
        Path, "rglob", lambda self, pattern: (walked.append(self), walk(self, pattern))[1]
    )
    for lists in (1, 2):
        assert listed(tiny / "results", "--data=npz", f"--root={data}", "--name=a")
        assert walked.count(data) == lists


def test_costs_are_added_up_by_kind(tiny, monkeypatch):
    make_up(tiny, monkeypatch, **TABLES)
    results = tiny / "results"
    runs = recall(load_table("srnet-first"), SETTING, results, []).runs([0, 1], results)
    kind = Spent.of(runs[0]).kind
    assert kind == "srnet synthetic quick"
    assert cost([*runs, *runs], {}) == Cost(4, 0, 8, 0.0, 8)
    assert cost(runs, {kind: (10.0, 1.0)}) == Cost(4, 0, 8, 84.0, 0)
    for run_, epochs, seconds in zip(runs, (2, 1, 2), (8.0, 6.0, 30.0), strict=False):
        run_.folder.mkdir(parents=True)
        held = {"kind": kind, "epochs": epochs, "training": seconds, "rest": seconds / 2}
        (run_.folder / "seconds.json").write_text(json.dumps(held))
        (run_.folder / "metrics.json").write_text("{}")
    # 4, 6 and 15 seconds an epoch
    assert rates(results) == {kind: (6.0, 4.0)}
    # of epochs are left: none, one, none, two
    assert cost(runs, rates(results)) == Cost(4, 0, 3, 3 * 6 + 4 * 4, 0)


def test_an_epoch_that_a_kill_has_undone_is_counted_once(tiny, monkeypatch):
    make_up(tiny, monkeypatch, **TABLES)
    results = tiny / "results"
    (run_, *_) = recall(load_table("srnet-first"), SETTING, results, []).runs([0], results)

    def kill(_):
        raise RuntimeError("killed before the checkpoint is written")

    with pytest.raises(RuntimeError, match="killed"):
        one_by_one([run_], kill, lambda _: None)
    assert Spent.of(run_).epochs == 1
    one_by_one([run_], lambda _: None, lambda _: None)
    assert Spent.of(run_).epochs == run_.epochs == 2


def test_times_are_said_as_people_say_them():
    assert time_left(Cost(2, 2, 0, 0.0, 0), 2) == ""
    assert time_left(Cost(2, 0, 5, 0.0, 5), 2) == "?"
    assert time_left(Cost(2, 1, 5, 90.0, 0), 1) == "1.5 min"
    assert time_left(Cost(2, 1, 5, 90.0, 3), 2) == "0.8 min + ?"
    assert time_left(Cost(2, 1, 5, 3 * 3600.0, 0), 2) == "1.5 h"


def test_smoke_is_the_quick_preset_cut_short(tiny, monkeypatch):
    table = load_table("rie-table1")
    row, long = table.rows["+P-ENH+T-ENH(M-S OPT)"], table.rows["+P-ENH+T-ENH(180 epochs)"]
    quick, smoke = (Setting("synthetic", (), preset) for preset in ("quick", "smoke"))
    whole, short = (compose(setting.args(row, "subject", {})).config for setting in (quick, smoke))
    assert whole.model == short.model
    assert whole.stages == short.stages
    changed = {key: value for key, value in short.trainer.items() if whole.trainer[key] != value}
    assert changed == {"max_epochs": 1, "limit_train_batches": 4}
    runs = [Run(table, name, table.trainings(name)[0], 0, smoke, "", tiny) for name in table.rows]
    by_row = dict(zip(table.rows, runs, strict=True))
    assert by_row["+P-ENH+T-ENH(M-S OPT)"].epochs == 3
    assert by_row["+P-ENH+T-ENH(180 epochs)"].epochs == round(long.epochs)
    assert by_row["Baseline"].epochs == 1


def test_a_smoke_report_says_that_its_figures_mean_nothing(tiny, monkeypatch):
    monkeypatch.setattr("experiments.cli.options.SMOKE_FRAMES", 5)
    make_up(tiny, monkeypatch, **{"srnet-first": TABLES["srnet-first"]})
    results = tiny / "results"
    assert run(results, "--preset=smoke", "--jobs=1") == 0
    pages = [*results.glob("*/index.html"), *results.glob("*/table.md"), *results.glob("index.*")]
    assert len(pages) == 4
    assert all("mean nothing" in page.read_text() for page in pages)
    contents = json.loads((results / "srnet-first/table.json").read_text())
    assert "5 frames a take" in contents["data"]["title"]
    assert contents["complete"]
