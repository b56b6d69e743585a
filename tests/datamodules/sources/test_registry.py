"""The registry: every package of a format is found, described in full, and has its config."""

from pathlib import Path

import pytest
import yaml

import datamodules
from datamodules import Source, sources
from datamodules.inventory import take_stock
from datamodules.sources.registry import data_options, formats
from experiments.config.tables import CONFIGS

TOY = '''
"""Toy: one text file."""

from datamodules.sources.format import DataSet, Format, Reading
from datamodules.sources.source import Source


class Toy(Source):
    """Reads `toy.txt`."""

    def __init__(self, root):
        self.root = root

    def read(self):
        raise NotImplementedError


def _find(folder):
    if (folder / "toy.txt").exists():
        reading = Reading([folder / "toy.txt"], Toy(str(folder)), "DATA=toy")
        yield DataSet("Toy", folder, {"toys": reading})


FORMAT = Format(title="Toy", available="in shops", data="toy", options=("root",), find=_find)
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A package of a format, added beside the others."""
    (tmp_path / "packages/toy_format").mkdir(parents=True)
    (tmp_path / "packages/toy_format/__init__.py").write_text(TOY)
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path / "packages")])
    formats.cache_clear()
    yield
    formats.cache_clear()


def test_every_built_in_source_is_of_a_registered_format():
    named = {getattr(datamodules, name) for name in datamodules.__all__}
    classes = {each for each in named if isinstance(each, type) and issubclass(each, Source)}
    packages = {each.__module__.split(".")[2] for each in classes - {Source}}
    folders = {path.parent.name for path in Path(sources.__path__[0]).glob("*/__init__.py")}
    # keypoints of a user's own clip are no data set
    assert packages == folders - {"keypoints"}
    assert len(formats()) == len(packages)


def test_every_name_for_data_has_a_config_whose_source_takes_the_options():
    assert list(data_options()) == ["cmu", "h36m", "humaneva", "3dhp", "npz", "synthetic"]
    for data, options in data_options().items():
        config = yaml.safe_load((CONFIGS / f"sources/{data}.yaml").read_text())
        source = config["data"]["init_args"]["source"]
        package, _, name = source["class_path"].rpartition(".")
        assert package == "datamodules"
        given = source.get("init_args", {}) | dict.fromkeys(options, "text")
        assert isinstance(getattr(datamodules, name)(**given), Source)


def test_a_new_package_is_all_that_a_format_needs(toy, tmp_path):
    assert data_options()["toy"] == ("root",)
    (tmp_path / "toy.txt").write_text("a bear")
    [(format, data_set)] = take_stock(tmp_path)
    assert (format.title, data_set.name) == ("Toy", "Toy")
    assert data_set.readings["toys"].source.root == str(tmp_path)
