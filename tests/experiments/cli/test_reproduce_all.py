"""All tables at once: shared runs once, on past what fails, stopped anywhere, to one page."""

import json
import os
import random
import re
import shutil
from html import unescape

import pytest

from datamodules import DataError
from experiments.cli import reproduce_all as everything
from experiments.report.table import confidence
from experiments.runs.frames import Frames
from experiments.runs.run import Run
from tests.experiments.conftest import make_tiny, make_up, times
from tests.experiments.kills import TABLES, kill, run, tables_of

SEEDS = ["--seeds=0,1"]


@pytest.fixture
def three(tiny, monkeypatch):
    """Three tables in a folder without results; the data serve two of them."""
    make_up(tiny, monkeypatch, **TABLES)
    return tiny


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder after all of them were made without a stop, and what was printed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = make_tiny(tmp_path_factory, monkeypatch)
        make_up(folder, monkeypatch, **TABLES)
        assert run(folder / "results", *SEEDS, "--jobs=1") == 0
        return folder


@pytest.fixture
def copied(whole, monkeypatch):
    """Have runs come from the folder where all were made, as there is more to check than they."""

    def execute(self, callbacks):
        asked = {*self.metrics, *self.tests}
        shutil.copytree(whole / "results/runs" / self.folder.name, self.folder, dirs_exist_ok=True)
        held = {test: figures for test, figures in self.metrics.items() if test in asked}
        (self.folder / "metrics.json").write_text(json.dumps(held))

    monkeypatch.setattr(Run, "execute", execute)


def pages_of(folder):
    names = ("index.html", "index.md")
    return [(folder / "results" / name).read_text() for name in names]


def test_all_tables_share_their_runs_and_one_that_is_refused_stops_none(whole):
    contents = {name: json.loads(text) for name, text in tables_of(whole / "results").items()}
    assert set(contents) == {"srnet-first", "srnet-second"}
    assert all(held["complete"] for held in contents.values())
    first, second = contents["srnet-first"], contents["srnet-second"]
    assert first["cells"]["SR"]["subject"] == second["cells"]["Ours"]["subject"]
    assert first["runs"]["SR"] == second["runs"]["Ours"]
    # SR, FC and SFS with two seeds
    assert len(times(whole)) == 6
    names = {path.parent.name for path in times(whole)}
    assert names == {
        n for held in contents.values() for runs in held["runs"].values() for n in runs
    }


def test_the_page_says_of_every_table_what_stands_and_what_could_not_be_run(whole):
    html, markdown = pages_of(whole)
    for page in (html, markdown):
        text = unescape(re.sub(r"<[^>]+>|\s+", " ", page))
        assert "acts 'Swimming'" in text
        assert "CPN: needs h36m, keypoints=x" in text
        assert "NOT COMPARABLE" in text
        assert text.index("Relative Information Encoding") < text.index("Split-and-Recombine")
        for name in tables_of(whole / "results"):
            contents = json.loads((whole / f"results/{name}/table.json").read_text())
            for column in contents["cells"]["SR" if name == "srnet-first" else "Ours"].values():
                assert page is markdown or f"{column['mean']:.1f} ± {column['std']:.1f}" in text
            (claim,) = contents["claims"]
            assert claim["text"] in text
            assert f"1 {claim['verdict']}" in text
            if claim["confidence"] is not None:
                assert confidence(claim) in text
    for link in re.findall(r'href="([^"#]+/[^"]+)"', html) + re.findall(r"\]\((.+?)\)", markdown):
        assert (whole / "results" / link).exists()
    assert 'href="srnet-first/index.html"' in html
    assert "rie-other/" not in html + markdown
    assert "6 runs" in markdown
    assert "12 epochs" in markdown


def test_what_is_done_is_not_done_again(whole, monkeypatch):
    before, texts = times(whole), tables_of(whole / "results")
    make_up_again(whole, monkeypatch)
    assert run(whole / "results", *SEEDS, "--jobs=1") == 0
    assert times(whole) == before
    assert tables_of(whole / "results") == texts


def make_up_again(folder, monkeypatch):
    """The folder's tables and configs for another test."""
    monkeypatch.setattr("experiments.config.tables.FOLDER", folder / "tables")
    for module in ("config.setting", "config.tables"):
        monkeypatch.setattr(f"experiments.{module}.CONFIGS", folder / "configs")
    monkeypatch.chdir(folder)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_fails_is_recorded_and_the_rest_goes_on(three, copied, monkeypatch, capfd, jobs):
    execute = Run.execute

    def failing(self, callbacks):
        if (self.row, self.seed) in (("FC", 0), ("FC", 1), ("SFS", 1)):
            if jobs == 2 and self.row == "SFS":
                os._exit(7)
            raise (DataError("These data are wrong.") if self.seed else ValueError("odd weights"))
        execute(self, callbacks)

    monkeypatch.setattr(Run, "execute", failing)
    assert run(three / "results", *SEEDS, f"--jobs={jobs}") == 1
    assert "error: something has failed" in capfd.readouterr().err
    first, second = (json.loads(text) for _, text in sorted(tables_of(three / "results").items()))
    assert not first["complete"]
    assert not second["complete"]
    assert first["cells"]["SR"]["subject"]["n"] == 2
    assert first["cells"]["FC"]["subject"]["n"] == 0
    assert "odd weights" in first["skipped"]["FC"] or "wrong" in first["skipped"]["FC"]
    # of the seeds that both rows have
    assert second["cells"]["SFS"]["subject"]["n"] == second["cells"]["Ours"]["subject"]["n"] == 1
    for page in pages_of(three):
        assert "A run of FC has failed: " in page
        assert "A run of SFS has failed: " in page
    if jobs == 2:
        return
    monkeypatch.setattr(Run, "execute", execute)
    assert run(three / "results", *SEEDS, "--jobs=1") == 0
    assert all(json.loads(text)["complete"] for text in tables_of(three / "results").values())
    assert "failed" not in "".join(pages_of(three))


def test_predictions_are_shown_of_the_seeds_that_all_rows_have(three, monkeypatch):
    def failing(self, callbacks, execute=Run.execute):
        if (self.row, self.seed) == ("SFS", 1):
            raise DataError("These data are wrong.")
        execute(self, callbacks)

    monkeypatch.setattr(Run, "execute", failing)
    assert run(three / "results", *SEEDS, "--jobs=1") == 1
    place = three / "results/srnet-second"
    (folder,) = json.loads((place / "table.json").read_text())["runs"]["Ours"]
    # of either test of the seed that is left
    left = (three / "results/runs" / folder).glob("frames-*.npz")
    page = (place / "index.html").read_text()
    shown = re.findall(r'<th scope="row">.*\s*<td class="bar.*>(.*)</td>', page)
    joints = [[f"{distance:.1f}" for distance in Frames.load(path).joints] for path in left]
    assert shown[: len(joints[0])] in joints


def test_where_all_runs_fail_the_pages_say_why(three, monkeypatch):
    def failing(self, callbacks):
        raise DataError("These data are wrong.")

    monkeypatch.setattr(Run, "execute", failing)
    assert run(three / "results", *SEEDS, "--jobs=1") == 1
    for page in pages_of(three):
        assert "These data are wrong." in page
        assert "Error:" not in page


def test_a_mistake_of_the_suite_in_one_table_stops_no_other(three, copied, monkeypatch, capfd):
    plan = everything.planned

    def broken(table, *args):
        if table.name == "srnet-first":
            raise KeyError("a hole")
        return plan(table, *args)

    monkeypatch.setattr(everything, "planned", broken)
    assert run(three / "results", "--jobs=1") == 1
    assert set(tables_of(three / "results")) == {"srnet-second"}
    assert "KeyError: 'a hole'" in pages_of(three)[1]


def test_a_table_is_written_as_soon_as_its_runs_are_done(three, copied, monkeypatch):
    seen = []
    monkeypatch.setattr(
        Run,
        "execute",
        lambda self, callbacks, execute=Run.execute: (
            seen.append((self.table.name, self.row, set(tables_of(three / "results")))),
            execute(self, callbacks),
        ),
    )
    assert run(three / "results", "--jobs=1") == 0
    assert seen == [
        ("srnet-first", "SR", set()),
        ("srnet-first", "FC", set()),
        ("srnet-second", "Ours", {"srnet-first"}),
        ("srnet-second", "SFS", {"srnet-first"}),
    ]


def test_killed_at_random_moments_it_ends_with_the_same_tables(whole, three):
    """Twenty times: `python -m tests.experiments.kills`."""
    moments = random.Random(7)
    results = three / "results"
    kills = sum(kill(results, moments.uniform(0.3, 3), *SEEDS, "--jobs=2") for _ in range(2))
    assert kills
    assert run(results, *SEEDS, "--jobs=1") == 0
    assert tables_of(results) == tables_of(whole / "results")
