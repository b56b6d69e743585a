"""Columns that come later: those that stored errors give, and those of a user's own metric."""

import numpy as np
import pytest

from experiments.runs.frames import Frames
from tests.experiments.conftest import make_tiny, make_up, run, times

TABLE = """
title: a table
paper: nowhere
unit: mm
ruler: MPJPE
method: srnet
rows:
  FC: {{network: fc, width: 16}}
columns:
  error: {{protocol: subject, metric: mpjpe_action}}
  more: {{protocol: subject, metric: {metric}}}
published: {{}}
claims: []
"""
MINE = '''
from metrics import PoseError


class HeadError(PoseError):
    """Distance of the head, mm."""

    def errors(self, preds, target):
        return (preds[:, 10] - target[:, 10]).norm(dim=-1)
'''


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A table, then one with a column that it did not log, then one with a user's metric."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = make_tiny(tmp_path_factory, monkeypatch)
        metrics = {"first": "mpjpe", "later": "pck_action", "own": "head.HeadError_action"}
        tables = {name: TABLE.format(metric=metric) for name, metric in metrics.items()}
        make_up(folder, monkeypatch, **tables)
        (folder / "mine").mkdir()
        (folder / "mine/head.py").write_text(MINE)
        monkeypatch.syspath_prepend(folder / "mine")
        monkeypatch.setenv("PYTHONPATH", str(folder / "mine"))
        left = {}
        for name in tables:
            contents = run(folder, name, "--jobs=1")
            measured = {path: path.stat().st_mtime_ns for path in folder.rglob("frames-*.npz")}
            left[name] = contents, times(folder), measured
        yield left


def test_what_stored_errors_give_is_neither_trained_nor_predicted_again(made):
    (first, trained, measured), (later, trained_later, measured_later) = (
        made["first"],
        made["later"],
    )
    assert trained_later == trained
    assert measured_later == measured
    (path,) = measured
    frames = Frames.load(path)
    scores, action = frames.errors["pck"], frames.groups["action"]
    expected = np.mean([scores[action == number].mean() for number in np.unique(action)])
    assert later["cells"]["FC"]["more"]["mean"] == pytest.approx(expected, rel=1e-12)
    assert later["cells"]["FC"]["error"] == first["cells"]["FC"]["error"]


def test_a_users_metric_is_measured_on_what_is_trained(made):
    first, trained, measured = made["first"]
    own, trained_own, measured_own = made["own"]
    assert trained_own == trained
    assert measured.items() < measured_own.items()
    (path,) = measured_own.keys() - measured
    frames = Frames.load(path)
    assert own["cells"]["FC"]["more"]["mean"] == pytest.approx(
        frames.figures()["head.HeadError_action"], rel=1e-12
    )
    assert own["cells"]["FC"]["error"] == first["cells"]["FC"]["error"]
