"""What a table computes once, and what it computes again where its environment is another."""

import platform
from collections import Counter
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from datamodules.sources.source import _load
from datamodules.sources.synthetic.source import SyntheticMocap
from experiments.config import composer
from experiments.judge import summary
from experiments.runs import environment, identity
from experiments.runs.run import Run
from tests.experiments.conftest import make_up, run, times

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


def test_another_torch_trains_all_anew_and_the_table_says_why(tiny, monkeypatch, capsys):
    make_up(tiny, monkeypatch, two=TABLE)
    first = run(tiny, "two", "--jobs=1")
    made = first["environment"]
    assert made["torch"] == version("torch")
    assert made["device"] == "cpu"
    assert made["python"] == platform.python_version()
    assert made["cores"] >= 1
    assert made["processor"]
    assert made["trained_anew"] == []
    assert made["seconds_per_cell"] >= 0
    before = times(tiny)
    other = replace(environment.environment(), torch="99.0")
    for module in (environment, identity, summary):
        monkeypatch.setattr(module, "environment", lambda: other)
    capsys.readouterr()
    second = run(tiny, "two", "--jobs=1")
    why = f"2 runs of torch {made['torch']} are here, and this is torch 99.0: trained anew."
    assert " ".join(capsys.readouterr().out.split()).count(why) == 2
    assert before.items() < times(tiny).items()
    assert len(times(tiny)) == 4
    assert second["environment"]["torch"] == "99.0"
    assert second["environment"]["trained_anew"] == [why]
    assert not {*first["runs"]["SR"]} & {*second["runs"]["SR"]}
    assert second["cells"] == first["cells"]
    for page in ("table.md", "index.html"):
        text = (tiny / "results/two" / page).read_text()
        assert why in text
        assert "torch 99.0" in text.split("Made on: ")[1]
    assert why in (tiny / "results/two/table.md").read_text().splitlines()[2]
