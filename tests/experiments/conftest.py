"""Tables on tiny data."""

import shutil

import pytest

from experiments import runs, tables

TINY_PRESET = """
model: {init_args: {width: 32}}
data: {init_args: {batch_size: 64, train_stride: 5}}
trainer: {max_epochs: 2}
"""


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The quick preset made tiny, and a folder for results."""
    shutil.copytree(tables.CONFIGS, tmp_path / "configs")
    (tmp_path / "configs/presets/quick.yaml").write_text(TINY_PRESET)
    synthetic = tmp_path / "configs/sources/synthetic.yaml"
    synthetic.write_text(synthetic.read_text() + "      init_args: {frames: 12}\n")
    crossed = tmp_path / "configs/protocols/cross_dataset.yaml"
    crossed.write_text(crossed.read_text() + "        frames: 12\n")
    monkeypatch.setattr(runs, "CONFIGS", tmp_path / "configs")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path
