"""What the tables share, and what a table lacks: on tiny data, with tables made up for it."""

import csv
import io
import json
from contextlib import redirect_stdout
from types import SimpleNamespace

import pytest
import torch
import yaml

from experiments.config.setting import Setting
from experiments.config.tables import Row, Training, load_table
from experiments.runs.run import Run
from tests.experiments.conftest import make_tiny, make_up, run, times

FIRST = """
title: a first table
paper: nowhere
unit: mm
ruler: MPJPE
method: srnet
rows:
  SR: {network: sr}
  LONG: {network: gp, epochs: 1.5}
  CPN: {network: sr, data: h36m, source: {keypoints: cpn_ft_h36m_dbb}}
columns:
  Avg: {protocol: subject, metric: mpjpe_action}
  Walk: {protocol: subject, metric: mpjpe_by_action/Walking}
  Kick: {protocol: subject, metric: mpjpe_by_action/Kicking}
published:
  SR: {Avg: 36.6}
  CPN: {Avg: 47.9}
  Lin: {Walk: 12.3}
curves:
  actions:
    title: actions
    axis: action
    rows: [SR, CPN]
    measured: {protocol: subject, metric: mpjpe_by_action}
    bars: true
claims:
  - text: SR is better than CPN
    comparisons: [{kind: order, better: SR, worse: [CPN], columns: [Avg]}]
  - text: SR kicks worse than it walks
    comparisons: [{kind: rise, rows: [SR], along: [Walk, Kick]}]
"""
SECOND = """
title: a second table
paper: nowhere
unit: mm
ruler: MPJPE
method: srnet
rows:
  Ours: {num_layers: 6, network: sr}
  FC: {network: fc}
  Other: {method: fc_baseline, presets: {quick: other}}
columns:
  subject: {protocol: subject, metric: mpjpe_action}
  rare20: {protocol: rare_pose, set: {rarest: 20}, metric: mpjpe}
published: {}
claims:
  - text: Ours is better than FC
    comparisons: [{kind: order, better: Ours, worse: [FC], columns: [subject]}]
"""
THIRD = """
title: a third table
paper: nowhere
unit: mm
ruler: MPJPE
method: srnet
rows:
  SR: {network: sr}
  SR(few): {network: sr, train: {set: {train_subjects: [S1, S5]}}}
columns:
  subject: {protocol: subject, metric: mpjpe_action}
  loss: {protocol: training, metric: loss, unit: cm}
  both: {mean: [subject, loss]}
  few: {train: {set: {train_subjects: [S1, S5]}}, protocol: subject, metric: mpjpe_action}
published: {}
curves:
  subjects:
    title: subjects
    axis: subjects
    lines: {SR: {"2": SR(few), "5": SR}}
    column: loss
    unit: cm
claims:
  - text: More subjects are better
    comparisons: [{kind: order, better: SR, worse: [SR(few)], columns: [subject]}]
"""
DEALT = """
title: a row that is dealt out anew for every seed
paper: nowhere
unit: mm
ruler: MPJPE
method: srnet
rows:
  SR(dealt): {network: sr, shuffled_groups: 3, seeded: [shuffle_seed]}
columns:
  subject: {protocol: subject, metric: mpjpe_action}
published: {}
claims: []
"""
OTHER_PRESET = """
model: {init_args: {width: 24}}
data: {init_args: {batch_size: 64, train_stride: 10}}
trainer: {max_epochs: 1}
"""
SUBJECT = Training()


def make_tables(tmp_path_factory, monkeypatch):
    """Tables that share runs, in a folder without results."""
    folder = make_tiny(tmp_path_factory, monkeypatch)
    make_up(folder, monkeypatch, first=FIRST, second=SECOND, third=THIRD, dealt=DEALT)
    (folder / "configs/presets/other.yaml").write_text(OTHER_PRESET)
    return folder


@pytest.fixture
def made_up(tmp_path_factory, monkeypatch):
    return make_tables(tmp_path_factory, monkeypatch)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """The tables made one after the other, and what there was after each."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = make_tables(tmp_path_factory, monkeypatch)

        def made(name):
            with redirect_stdout(io.StringIO()) as printed:
                contents = run(folder, name)
            held = {path: torch.load(path) for path in times(folder)}
            tests = {path: _tests(path) for path in held}
            text = " ".join(printed.getvalue().split())
            return SimpleNamespace(
                contents=contents, printed=text, times=times(folder), held=held, tests=tests
            )

        names = ("first", "second", "first", "third")
        first, second, again, third = (made(name) for name in names)
        path = folder / "configs/protocols/rare_pose.yaml"
        path.write_text(path.read_text().replace("sigma: 0.2", "sigma: 0.05"))
        return SimpleNamespace(
            folder=folder,
            first=first,
            second=second,
            again=again,
            third=third,
            changed=made("second"),
        )


def _tests(checkpoint):
    return set(json.loads(checkpoint.with_name("metrics.json").read_text()))


def test_what_a_table_lacks_is_said_and_does_not_make_it_incomplete(history):
    contents = history.first.contents
    assert contents["complete"]
    assert contents["rows"] == ["SR", "LONG", "CPN"]
    assert contents["absent"] == ["Kick"]
    assert contents["skipped"] == {"CPN": "needs h36m, keypoints=cpn_ft_h36m_dbb"}
    for row, column in (("SR", "Kick"), ("CPN", "Avg")):
        cell = contents["cells"][row][column]
        assert (cell["mean"], cell["n"], cell["seeds"]) == (None, 0, [])
    assert contents["cells"]["SR"]["Walk"]["n"] == 1
    assert contents["paper"]["cells"]["Lin"] == {"Walk": 12.3}
    curve = contents["curves"]["actions"]["rows"]
    assert set(curve) == {"SR"}
    assert len(curve["SR"]) == 15
    assert curve["SR"]["Walking"] == contents["cells"]["SR"]["Walk"]["mean"]
    assert [claim["verdict"] for claim in contents["claims"]] == ["undecided"] * 2
    assert all("not measured" in claim["detail"] for claim in contents["claims"])
    folder = history.folder / "results/first"
    pages = [(folder / name).read_text() for name in ("table.md", "index.html")]
    for page in (*pages, history.first.printed):
        assert "These data have no Kick." in page
        assert "Not run: CPN: needs h36m, keypoints=cpn_ft_h36m_dbb." in page
        assert page.index("s published, not run") < page.index("12.3")


def test_tables_share_their_runs(history):
    first, second, again = history.first, history.second, history.again
    assert len(first.times) == 2
    assert second.contents["cells"]["Ours"]["subject"] == first.contents["cells"]["SR"]["Avg"]
    assert len(second.times) == 4
    assert again.contents["cells"] == first.contents["cells"]
    assert again.times == second.times
    names = sorted(path.parent.name.rsplit("-", 1)[0] for path in again.times)
    assert names == ["fc_baseline-seed0", "srnet-seed0", "srnet-seed0", "srnet-seed0"]


def test_rows_and_columns_have_trainings_of_their_own(history):
    first, third = history.first.contents, history.third.contents
    cells = {
        (row, column): cell["mean"]
        for row, columns in third["cells"].items()
        for column, cell in columns.items()
    }
    assert cells["SR", "subject"] == first["cells"]["SR"]["Avg"]["mean"]
    assert cells["SR", "few"] == cells["SR(few)", "few"] == cells["SR(few)", "subject"]
    assert cells["SR", "few"] != cells["SR", "subject"]
    assert cells["SR", "both"] == (cells["SR", "subject"] + cells["SR", "loss"]) / 2
    line = {"2": cells["SR(few)", "loss"], "5": cells["SR", "loss"]}
    assert third["curves"]["subjects"]["rows"] == {"SR": line}
    assert third["column_titles"]["loss"] == "loss, cm"
    assert third["complete"]
    # SR trained on few
    assert len(history.third.times) - len(history.again.times) == 1


def test_the_training_loss_is_the_logs_also_where_training_was_over(history):
    losses = set()
    for path in history.first.times:
        log = path.parent / "log/version_0/metrics.csv"
        logged = [row["train/loss"] for row in csv.DictReader(log.open()) if row["train/loss"]]
        losses.add(round(1000 * float(logged[-1]), 6))
    assert round(history.third.contents["cells"]["SR"]["loss"]["mean"], 6) in losses


def test_options_that_take_the_runs_seed(made_up):
    run(made_up, "dealt", "--seeds=0,4")
    dealt = [torch.load(path)["hyper_parameters"] for path in times(made_up)]
    assert all(held["shuffled_groups"] == 3 for held in dealt)
    assert sorted(held["shuffle_seed"] for held in dealt) == [0, 4]


def test_another_protocol_config_measures_again_and_trains_nothing(history):
    before, after = history.third, history.changed
    assert after.held.keys() == before.held.keys()
    for path, held in before.held.items():
        now = after.held[path]["state_dict"]
        assert all(torch.equal(now[name], weight) for name, weight in held["state_dict"].items())
    added = [len(after.tests[path] - before.tests[path]) for path in before.held]
    assert sorted(added) == [0, 0, 1, 1, 1], "three rows are the second table's"
    before, after = history.second.contents, after.contents
    for row in before["rows"]:
        assert after["cells"][row]["subject"] == before["cells"][row]["subject"]
        assert after["cells"][row]["rare20"] != before["cells"][row]["rare20"]


def test_rows_have_presets_and_epochs_of_their_own(history):
    assert history.second.contents["preset"] == "quick"
    steps = {}
    for held in history.second.held.values():
        options = held["hyper_parameters"]
        steps[options.get("network"), options["width"]] = (held["epoch"], held["global_step"])
    assert {key: epoch + 1 for key, (epoch, _) in steps.items()} == {
        ("sr", 16): 2,
        ("gp", 16): 3,
        ("fc", 16): 2,
        (None, 24): 1,
    }
    assert steps["gp", 16][1] * 2 == steps["sr", 16][1] * 3


def test_the_same_run_has_one_folder_and_another_run_another(made_up):
    table, setting = load_table("second"), Setting("synthetic", (), "quick")

    def folder(setting=setting, seed=0, fingerprint="", training=SUBJECT, **changes):
        row = Row(**{"method": "srnet", "options": {"network": "sr", "groups": 5}} | changes)
        changed = table.model_copy(update={"rows": {"SR": row}})
        return Run(changed, "SR", training, seed, setting, fingerprint, made_up).folder

    # srnet.yaml says five groups too
    assert (
        folder()
        == folder(options={"groups": 5, "network": "sr"})
        == folder(options={"network": "sr"})
    )
    here, moved = (
        folder(setting=Setting("npz", (("root", root), ("name", "x")), "quick"))
        for root in ("here", "moved")
    )
    assert here == moved
    different = [
        folder(),
        folder(seed=1),
        folder(fingerprint="x"),
        folder(epochs=2.0),
        folder(method="fc_baseline", options={}),
        folder(options={"network": "fc"}),
        folder(presets={"quick": "other"}),
        folder(training=Training(set={"train_subjects": ["S1"]})),
        folder(training=Training(protocol="global_shift")),
    ]
    config = made_up / "configs/protocols/subject.yaml"
    held = yaml.safe_load(config.read_text())
    config.write_text("# a comment changes nothing\n" + config.read_text())
    assert folder() == different[0]
    held["data"]["init_args"]["flip"] = False
    config.write_text(yaml.safe_dump(held))
    different.append(folder())
    assert len(set(different)) == len(different)
