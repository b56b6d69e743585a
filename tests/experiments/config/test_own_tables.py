"""A user's own tables: found by their path, with configs beside them, and refused in a sentence."""

from pathlib import Path

import pytest
import yaml
from torchmetrics import MeanMetric

from experiments.config.setting import Setting
from experiments.config.tables import Training, load_table
from experiments.runs.plan import check_metrics, plan
from experiments.runs.run import Run
from lightning_modules import FCBaseline
from poseproof.errors import UserError

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
    comparisons: [{kind: order, better: Wide, worse: [FC], columns: [subject, rare20]}]
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
    assert wide.composition.config.model.init_args.width == 32
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
        ("title:", "titel:", "mine.yaml: 'titel' means nothing here; did you mean title?"),
        ("title:", "heading:", "'heading' means nothing here; choose one of name, title, rows"),
        ("title: a table of one's own", "", "mine.yaml: title is missing."),
        ("method: fc_baseline", "", "mine.yaml, row 'FC': method is missing."),
        ("method: fc_baseline", "method: fc_basline", "in methods; did you mean fc_baseline?"),
        ("method: fc_baseline", "method: 3", "row 'FC', method: 3 is given where text is needed."),
        ("configs/wide.yaml", "wide.yaml", "wide.yaml does not exist: give the path from"),
        ("FC: {}", "FC:", "row 'FC': nothing is given where a mapping of names to values is"),
        ("FC: {}", "1: {}", "the name 1 is not text in YAML: put it in quotes."),
        ("FC: {}", "FC: {epochs: 0}", "epochs: 0 is given where a number above 0.0 is needed."),
        (
            "quick: configs",
            "quik: configs",
            "presets: there is no preset 'quik'; did",
        ),
        ("FC: {}", "FC: {data: h36}", "row 'FC', data: there is no config 'h36' in sources; did"),
        ("FC: {}", "FC: {sources: {npzz: npz}}", "sources: there is no config 'npzz' in sources"),
        ("rows:", "rows: {}\nlines:", "mine.yaml: 'lines' means nothing here"),
        (
            "metric: mpjpe}\n  rare",
            "metrik: mpjpe}\n  rare",
            "mine.yaml, column 'subject': 'metrik' means nothing here; did you mean metric?",
        ),
        ("protocol: subject", "protocol: subjects", "in protocols; did you mean subject?"),
        (
            "set: {rarest: 20}",
            "set: 20",
            "column 'rare20', set: 20 is given where a mapping of names to values is needed.",
        ),
        (", metric: mpjpe}\n  rare", "}\n  rare", "column 'subject': its metric is missing"),
        ("protocol: subject", "mean: [all]", "no column 'all'; choose one of subject, rare20."),
        ("protocol: subject", "mean: [rare2]", "no column 'rare2'; did you mean rare20?"),
        ("text:", "txt:", "claim 1: 'txt' means nothing here; did you mean text?"),
        ("kind: order", "kind: oder", "there is no kind 'oder' of comparison; did you mean order?"),
        ("kind: order, ", "", "comparison 1: its kind is missing; choose one of order, growing_"),
        ("kind: order", "kind: no.Kind", "Python finds no module 'no': set PYTHONPATH"),
        ("kind: order", "kind: pathlib.Path", "'pathlib.Path' is not a class that inherits"),
        ("worse: [FC]", "worse: [GP]", "claim 1, comparison 1, worse: the table has no row 'GP'"),
        ("worse: [FC]", "worse: []", "worse: [] is given where a list of 1 or more is needed."),
        ("[subject, rare20]", "[rare]", "columns: the table has no column 'rare'; did you mean"),
        ("worse: [FC]", "worse: FC", "'FC' is given where a list is needed: write [FC]."),
        ("better: Wide", "better: [Wide]", "['Wide'] is given where one name is needed."),
        (", columns: [subject, rare20]", "", "claim 1, comparison 1: columns is missing."),
        ("kind: order, better: Wide, ", "kind: order, ", "comparison 1: better is missing."),
        (
            "protocol: subject, metric: mpjpe",
            "mean: [rare20]",
            "column 'subject' is a mean of 'rare20': put 'rare20' before it.",
        ),
        (
            "{kind: order, better: Wide, worse: [FC], columns: [subject, rare20]}",
            "{kind: trend, rows: [FC], columns: [subject]}",
            "rows: ['FC'] is given where a list of 2 or more is needed.",
        ),
        (
            "{kind: order, better: Wide, worse: [FC], columns: [subject, rare20]}",
            "{kind: larger_gain, more: {better: FC}, less: 1, columns: [subject]}",
            "claim 1, comparison 1, more: worse is missing.",
        ),
        ("comparisons: [{", "comparisons: [[{", "mine.yaml is not valid YAML"),
        (
            "claims:",
            "published: {Paper: {all: 3}}\nclaims:",
            "published row 'Paper': the table has no column 'all'",
        ),
        (
            "claims:",
            "published: {Paper: [1, 2, 3]}\nclaims:",
            "published row 'Paper': [1, 2, 3] is given where a mapping of names to values is",
        ),
        (
            "claims:",
            "curves: {c: {title: t, axis: a, rows: [Narrow], columns: {x: subject}}}\nclaims:",
            "curve 'c', rows: the table has no row 'Narrow'; choose one of FC, Wide.",
        ),
        (
            "claims:",
            "curves: {c: {title: t, axis: a, rows: [FC]}}\nclaims:",
            "curve 'c': it needs its points: one of columns, measured and lines.",
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_said_in_a_sentence(own, old, new, words):
    with pytest.raises(UserError) as refused:
        load_table(own(old, new))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_table_that_is_not_there_or_is_the_suites_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        load_table(str(tmp_path / "none.yaml"))
    (tmp_path / "srnet-table2.yaml").write_text(TABLE)
    with pytest.raises(UserError, match="give yours another name"):
        load_table(str(tmp_path / "srnet-table2.yaml"))


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("mpjpee", "There is no figure 'mpjpee': did you mean 'mpjpe'?"),
        ("mpjpe_by_acton/Walking", "did you mean 'action'?"),
        ("mine.Error", "The metric 'mine.Error' cannot be imported"),
        ("pathlib.Path", "pathlib.Path is not a metric"),
    ],
)
def test_a_metric_that_nothing_measures_is_refused_before_anything_is_trained(own, new, words):
    table = load_table(own("metric: mpjpe}\n  rare", f"metric: {new}}}\n  rare"))
    with pytest.raises(UserError) as refused:
        plan(table, Setting("synthetic", (), "quick"))
    assert str(refused.value).startswith("mine, column 'subject': ")
    assert words in str(refused.value)


def test_training_has_one_figure(own):
    change = "protocol: subject, metric: mpjpe", "protocol: training, metric: los"
    with pytest.raises(UserError, match="a training has no figure 'los'; did you mean loss"):
        plan(load_table(own(*change)), Setting("synthetic", (), "quick"))


def test_a_figure_that_a_method_of_ones_own_measures_is_known(own, monkeypatch):
    figures = {"sway": MeanMetric(), "knees": MeanMetric()}
    monkeypatch.setattr(FCBaseline, "configure_metrics", lambda self: figures)
    for name in ("sway", "knees/left"):
        table = load_table(own("metric: mpjpe}\n  rare", f"metric: {name}}}\n  rare"))
        check_metrics(table, Setting("synthetic", (), "quick"))
