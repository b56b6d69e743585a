"""Metrics and figures by name: what is known, what is a user's own, and what is suggested."""

from functools import cache

import pytest

from datamodules.skeletons import H36M17, SKELETONS
from experiments.config.tables import load_table, table_names
from lightning_modules import ImageDPCN, SelfSup
from metrics import MPJPE
from metrics.registry import (
    DEFAULT_METRICS,
    check_figure,
    known_metrics,
    metrics_of,
    resolve,
    split_figure,
)
from poseproof.errors import UserError


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A module outside the repository."""
    (tmp_path / "my_errors.py").write_text(
        "from metrics import MPJPE\n\n\n"
        "class WristError(MPJPE):\n"
        "    def errors(self, preds, target):\n"
        "        return super().errors(preds[:, [13, 16]], target[:, [13, 16]])\n\n\n"
        "number = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


def test_every_known_metric_is_measured_on_some_skeleton():
    assert set(DEFAULT_METRICS) == set(known_metrics())
    for name in known_metrics():
        assert resolve(name).make(H36M17) is not None
    others = {name for name in known_metrics() if resolve(name).make(SKELETONS["humaneva15"])}
    assert others == set(known_metrics()) - {"pck_17", "auc_17"}


def test_a_metric_of_ones_own_is_named_by_its_path(mine):
    metric = resolve("my_errors.WristError").make(H36M17)
    assert isinstance(metric, MPJPE)
    assert type(metric).__name__ == "WristError"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mpjpee", "did you mean 'mpjpe'"),
        ("pa-mpjpe", "did you mean 'pa_mpjpe'"),
        ("something", "give the dotted path"),
        ("no_such_module.Error", "cannot be imported"),
        ("my_errors.ElbowError", "cannot be imported"),
        ("my_errors.number", "is not a metric"),
    ],
)
def test_an_unknown_metric_is_refused(mine, name, words):
    with pytest.raises(UserError, match=words):
        resolve(name)


@cache
def own_figures():
    """Figures that the suite's methods measure of their own."""
    small = {"image_size": 16, "stacks": 1, "features": 8, "depth": 1, "width": 8}
    models = ImageDPCN(**small), SelfSup(image_size=24, image_width=4, scales=1, width=8)
    return {name for model in models for name in model.configure_metrics()}


@pytest.mark.parametrize("table", table_names())
def test_every_figure_of_the_suites_tables_is_known(table):
    for measurement in load_table(table).measurements:
        if measurement.protocol != "training":
            check_figure(measurement.metric, own_figures())


@pytest.mark.parametrize(
    "name",
    [
        "mpjpe_action",
        "pck_action",
        "mpjpe_by_action/Walking",
        "mpjpe_by_my_grouping/some group",
        "consistency",
        "my_errors.WristError",
        "my_errors.WristError_action",
        "my_errors.WristError_by_scene/GS",
    ],
)
def test_figures_that_there_may_be(mine, name):
    check_figure(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mpjpee", "did you mean 'mpjpe'"),
        ("mpjpe_acton", "did you mean 'mpjpe_action'"),
        ("mpjpe_by_acton/Walking", "did you mean 'action'"),
        ("my_errors.Wrist_action", "cannot be imported"),
        ("nothing of the kind", "Name a metric"),
    ],
)
def test_a_figure_that_nothing_has_is_refused(mine, name, words):
    with pytest.raises(UserError, match=words):
        check_figure(name)


def test_a_method_of_ones_own_has_figures_of_its_own():
    check_figure("sharpness/head", extra_names=["sharpness"])
    with pytest.raises(UserError, match="did you mean 'sharpness'"):
        check_figure("sharpnes", extra_names=["sharpness"])


def test_what_to_measure_for_some_figures():
    own = ["mine.Error_action", "mine.Error", "mine.Other_by_scene"]
    measured = metrics_of(["mpjpe_action", "bias/head", *own])
    assert measured == (*DEFAULT_METRICS, "mine.Error", "mine.Other")
    assert split_figure("mine.Error_by_scene/GS 1.5") == ("mine.Error", "scene")
