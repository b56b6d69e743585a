"""What a table computes once: command lines, data and figures."""

from collections import Counter
from pathlib import Path

from datamodules.sources.source import _load
from datamodules.sources.synthetic.source import SyntheticMocap
from experiments.config import composer
from experiments.runs.run import Run
from tests.experiments.conftest import make_up, run

TABLE = """
title: two rows and two columns
method: srnet
rows: {SR: {network: sr}, FC: {network: fc}}
columns:
  subject: {protocol: subject, metric: mpjpe_action}
  rare20: {protocol: rare_pose, set: {rarest: 20}, metric: mpjpe}
claims: []
"""


def test_two_rows_one_seed_two_columns(tiny, monkeypatch):
    make_up(tiny, monkeypatch, two=TABLE)
    composer._composed.cache_clear()
    _load.cache_clear()
    seen = Counter()

    def counted(owner, name, key):
        real = getattr(owner, name)

        def call(self, *args, **kwargs):
            seen[key(self)] += 1
            return real(self, *args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    counted(composer.LightningArgumentParser, "parse_args", lambda _: "command lines")
    counted(SyntheticMocap, "read", lambda _: "data sets")
    counted(Path, "read_text", lambda path: path)
    counted(Run, "_measure", lambda _: "tests")
    first = run(tiny, "two", "--jobs=1")
    figures = [path for path in seen if isinstance(path, Path) and path.name == "metrics.json"]
    assert seen["command lines"] <= 4
    assert seen["data sets"] == 1
    assert seen["tests"] == 4
    assert len(figures) == 2
    assert max(seen[path] for path in figures) == 1
    seen.clear()
    assert run(tiny, "two", "--jobs=1") == first
    assert [seen[path] for path in figures] == [1, 1]
    assert (seen["command lines"], seen["data sets"], seen["tests"]) == (0, 0, 0)
