"""What the tests of the command and of tables have in common: option lists, and tiny tables."""

import json
import os
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest

from experiments.cli import reproduce
from experiments.cli.lightning import main
from experiments.config import setting, tables

TINY_PRESET = """
model: {init_args: {width: 16}}
data: {init_args: {batch_size: 64, train_stride: 20}}
trainer: {max_epochs: 2}
"""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tiny_motion, tmp_path, monkeypatch):
    """Runs go to the working folder, and generated motion to the tests' cache."""
    monkeypatch.chdir(tmp_path)


def options(place, **values):
    """What a command line says of a place in the config."""
    return [f"--{place}.{name}={value}" for name, value in values.items()]


trainer = partial(options, "trainer")
model = partial(options, "model.init_args")
data = partial(options, "data.init_args")
source = partial(options, "data.init_args.source.init_args")
# for a motion that pictures are drawn of
drawn = partial(options, "data.init_args.source.init_args.source.init_args")
# two steps an epoch, and nothing said of them
SHORT = trainer(limit_train_batches=2, enable_progress_bar="false", enable_model_summary="false")


def configs(*names):
    return [f"--config={tables.CONFIGS / name}.yaml" for name in names]


def latest(folder, name):
    """The newest file of a name in a folder and those in it."""
    return max(folder.rglob(name), key=lambda path: path.stat().st_mtime_ns)


def checkpoint(folder):
    """The option for the newest checkpoint in a folder."""
    return f"--ckpt_path={latest(folder, 'last.ckpt')}"


def metrics(folder):
    """The figures of the newest measurement in a folder."""
    return json.loads(latest(folder, "metrics.json").read_text())


def refused(capsys, args):
    """The one sentence that a command is refused with."""
    with pytest.raises(SystemExit) as stopped:
        main(args)
    (sentence,) = [s for s in capsys.readouterr().err.splitlines() if s.startswith("error: ")]
    assert stopped.value.code == 2
    return sentence


def times(folder):
    """Every checkpoint in a folder, and when it was last written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("last.ckpt")}


def make_tiny(tmp_path_factory, monkeypatch):
    """The quick preset and its data made tiny, and a folder for results."""
    folder = tmp_path_factory.mktemp("tiny")
    shutil.copytree(tables.CONFIGS, folder / "configs")
    (folder / "configs/presets/quick.yaml").write_text(TINY_PRESET)
    synthetic = folder / "configs/sources/synthetic.yaml"
    synthetic.write_text(synthetic.read_text() + "      init_args: {frames: 5}\n")
    crossed = folder / "configs/protocols/cross_dataset.yaml"
    crossed.write_text(crossed.read_text() + "        frames: 5\n")
    for module in (setting, tables):
        monkeypatch.setattr(module, "CONFIGS", folder / "configs")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def tiny(tmp_path_factory, monkeypatch):
    """`make_tiny` for one test; what the tests of a file only look at is made once."""
    return make_tiny(tmp_path_factory, monkeypatch)


def make_up(folder, monkeypatch, **texts):
    """Tables in place of the suite's."""
    (folder / "tables").mkdir()
    for name, text in texts.items():
        (folder / f"tables/{name}.yaml").write_text(text)
    monkeypatch.setattr(tables, "FOLDER", folder / "tables")


def run(folder, name, *args):
    """Reproduce a table, and read what it left."""
    reproduce.main([name, f"--results={folder / 'results'}", *args])
    return json.loads((folder / f"results/{name}/table.json").read_text())


def isolate(monkeypatch, home, url="http://127.0.0.1:9", key=""):
    """Have W&B know no key, server or settings but these, in the processes that it starts too."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    environment = {
        "HOME": home,
        "NETRC": home / "netrc",
        "WANDB_CONFIG_DIR": home / "wandb-config",
        "WANDB_BASE_URL": url,
        "PYTHONPATH": Path(__file__).parents[2],
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    for name, value in (environment | ({"WANDB_API_KEY": key} if key else {})).items():
        monkeypatch.setenv(name, str(value))
