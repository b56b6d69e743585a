"""Tables that train on one action, or test on other data than they train on."""

import pytest

from tests.datamodules.fuzz.targets import TARGETS, write
from tests.experiments.conftest import make_up, run, times

ACTIONS = """
title: by the action trained on
paper: nowhere
unit: mm
ruler: MPJPE
method: srnet
rows:
  SR: {network: sr}
columns:
  Walk:
    protocol: cross_action
    set: &walk {train_action: Walking}
    train: {protocol: cross_action, set: *walk}
    metric: mpjpe_action
  Swim:
    protocol: cross_action
    set: &swim {train_action: Swimming}
    train: {protocol: cross_action, set: *swim}
    metric: mpjpe_action
  Eat:
    protocol: cross_action
    set: &eat {train_action: Eating}
    train: {protocol: cross_action, set: *eat}
    metric: mpjpe_action
  Avg: {mean: [Walk, Swim, Eat]}
published:
  SR: {Avg: 82.0}
claims:
  - text: It is easier to learn from eating
    comparisons: [{kind: rise, rows: [SR], along: [Eat, Walk]}]
"""


def test_a_column_is_an_action_that_the_data_have(tiny, monkeypatch):
    make_up(tiny, monkeypatch, actions=ACTIONS)
    contents = run(tiny, "actions")
    cells = {name: cell["mean"] for name, cell in contents["cells"]["SR"].items()}
    assert contents["complete"]
    assert contents["absent"] == ["Swim"]
    assert cells["Swim"] is None
    assert cells["Walk"] != cells["Eat"]
    assert cells["Avg"] == (cells["Walk"] + cells["Eat"]) / 2
    assert len(times(tiny)) == 2


def test_actions_that_the_data_lack_alone_are_refused(tiny, monkeypatch, capsys):
    lacking = ACTIONS.replace("Walking", "Running").replace("Eating", "Rowing")
    make_up(tiny, monkeypatch, actions=lacking)
    with pytest.raises(SystemExit) as stopped:
        run(tiny, "actions")
    assert stopped.value.code == 2
    assert "acts 'Running'" in capsys.readouterr().err
    assert not (tiny / "results").exists()


def test_across_data_sets(tiny, monkeypatch):
    """The generated other data and a user's own are two measurements of one training."""
    write(TARGETS["mpi_inf_3dhp_mat"].valid(), tiny / "data")
    generated = run(tiny, "srnet-table6")
    assert generated["complete"]
    assert generated["absent"] == ["Outdoor", "GS", "noGS"]
    assert "seed 1" in generated["data"]["tested_on"]
    trained = times(tiny)
    assert len(trained) == 3
    other = run(tiny, "srnet-table6", "--test-data=3dhp", f"--test-root={tiny / 'data'}")
    assert times(tiny) == trained
    assert other["absent"] == []
    assert other["data"]["tested_on"].startswith("MPI-INF-3DHP")
    for row in other["rows"]:
        held = {column: cell["mean"] for column, cell in other["cells"][row].items()}
        assert held["PCK"] != generated["cells"][row]["PCK"]["mean"]
        scenes = [held[scene] for scene in ("Outdoor", "GS", "noGS")]
        assert min(scenes) <= held["PCK"] <= max(scenes)
    text = (tiny / "results/srnet-table6/index.html").read_text()
    assert "tested on MPI-INF-3DHP" in text
    assert "MPJPE, mm" in text


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--test-data=3dhp"], "--test-root must be given for 3dhp"),
        (["--test-data=npz", "--test-root=."], "--test-name must be given for npz"),
        (["--test-data=synthetic", "--test-name=x"], "--test-name is not needed for synthetic"),
        (["--test-data=3dhp", "--test-root=nowhere"], "nowhere"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(args, words, tiny, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(tiny, "srnet-table6", *args)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not (tiny / "results").exists()
