"""A user's own tables: found by their path, with configs beside them, and refused in a sentence."""

from pathlib import Path

import pytest
import yaml

from datamodules import DataError
from experiments.config.setting import Setting
from experiments.config.tables import Training, load_table
from experiments.runs.run import Run

TABLE = """
title: a table of one's own
method: fc_baseline
rows:
  FC: {}
  Wide: {method: configs/wide.yaml, presets: {quick: configs/short.yaml}}
columns:
  subject: {protocol: subject, metric: mpjpe}
  rare20: {protocol: rare_pose, set: {rarest: 20}, metric: mpjpe}
claims:
  - text: Wide is better
    orders: [{better: Wide, worse: [FC], columns: [subject, rare20]}]
"""


@pytest.fixture
def own(tmp_path):
    """Writes a table with parts of it changed, and its configs; returns its path."""
    (tmp_path / "configs").mkdir()
    for name, option in (("wide", 64), ("short", 32)):
        held = {"class_path": "lightning_modules.FCBaseline", "init_args": {"width": option}}
        (tmp_path / f"configs/{name}.yaml").write_text(yaml.safe_dump({"model": held}))

    def write(*change):
        assert not change or change[0] in TABLE
        path = tmp_path / "mine.yaml"
        path.write_text(TABLE.replace(*change) if change else TABLE)
        return str(path)

    return write


def test_a_table_of_ones_own_is_read_by_its_path(own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = load_table(Path(own()).name)
    assert (table.name, table.unit, table.published) == ("mine", "mm", {})
    assert list(table.rows) == ["FC", "Wide"]
    setting = Setting("synthetic", (), "quick")
    fc, wide = (Run(table, row, Training(), 0, setting, "", Path()) for row in table.rows)
    # the preset comes after the method
    assert setting.config(table.rows["Wide"], "subject")["model"]["init_args"]["width"] == 32
    assert fc.folder.name.startswith("fc_baseline-seed0-")
    assert wide.folder.name.startswith("wide-seed0-")
    assert all(test.startswith(("subject ", "rare_pose rarest=20 ")) for test in wide.tests)


def test_a_config_of_ones_own_names_the_same_run_wherever_it_lies(own, tmp_path):
    def folder(path):
        table = load_table(path)
        return Run(table, "Wide", Training(), 0, Setting("synthetic", (), "quick"), "", Path())

    before = folder(own()).folder
    moved = tmp_path / "elsewhere"
    (tmp_path / "configs").rename(tmp_path / "kept")
    moved.mkdir()
    (tmp_path / "kept").rename(moved / "configs")
    (moved / "mine.yaml").write_text(TABLE)
    assert folder(str(moved / "mine.yaml")).folder == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("title:", "titel:", "mine.yaml has 'titel', which means nothing: choose name, title"),
        ("title: a table of one's own", "", "mine.yaml lacks title."),
        ("method: fc_baseline", "", "row 'FC', lacks method."),
        ("method: fc_baseline", "method: fc_basline", "'fc_basline' of methods"),
        ("configs/wide.yaml", "wide.yaml", "'wide.yaml' of methods, which there is not"),
        ("FC: {}", "FC:", "row 'FC', needs a mapping of names to values, not None."),
        ("FC: {}", "1: {}", "name 1, which is no text in YAML: quote it."),
        ("metric: mpjpe}\n  rare", "metrik: mpjpe}\n  rare", "column 'subject', has 'metrik'"),
        ("protocol: subject", "protocol: subjects", "'subjects' of protocols"),
        ("set: {rarest: 20}", "set: 20", "column 'rare20', has set: 20, but a mapping is needed."),
        (", metric: mpjpe}\n  rare", "}\n  rare", "column 'subject' lacks its metric"),
        ("protocol: subject", "mean: [all]", "names the column 'all', but there are subject, rare"),
        ("text:", "txt:", "claim 1 needs a text and one of orders, gain"),
        ("orders:", "order:", "claim 1 has 'order', which means nothing: choose orders, gain"),
        ("worse: [FC]", "worse: [GP]", "claim 1 names the row 'GP', but there are FC, Wide."),
        ("[subject, rare20]", "[all]", "claim 1 names the column 'all', but there are subject"),
        ("worse: [FC]", "worse: FC", "has worse: 'FC', but a list of names is needed."),
        ("better: Wide", "better: [Wide]", "has better: ['Wide'], but one name is needed."),
        ("[subject, rare20]", "subject", "has columns: 'subject', but a list of names is needed."),
        ("protocol: subject, metric: mpjpe", "mean: [rare20]", "that must stand before it."),
        (", columns: [subject, rare20]", "", "orders needs better, columns, worse."),
        (
            "orders: [{better: Wide, worse: [FC], columns: [subject, rare20]}]",
            "trend: {rows: [FC], columns: [subject]}",
            "claim 1: trend needs two or more to go along.",
        ),
        ("orders: [{", "orders: [[{", "mine.yaml is no YAML"),
        ("claims:", "published: {Paper: {all: 3}}\nclaims:", "'Paper' names the column 'all'"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_in_a_sentence(own, old, new, words):
    with pytest.raises(DataError) as refused:
        load_table(own(old, new))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_table_that_is_not_there_or_is_the_suites_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        load_table(str(tmp_path / "none.yaml"))
    (tmp_path / "srnet-table2.yaml").write_text(TABLE)
    with pytest.raises(DataError, match="give yours another name"):
        load_table(str(tmp_path / "srnet-table2.yaml"))
