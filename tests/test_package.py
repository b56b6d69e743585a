"""The package as it is installed: its version, and what a wheel of it holds."""

import re
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import poseproof

ROOT = Path(__file__).parents[1]
PACKAGES = ("poseproof", "lightning_modules", "datamodules", "metrics", "experiments")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def read(name):
    return (ROOT / name).read_text()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The names of the files in a wheel that is built from a copy of the checkout."""
    copy, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("wheel")
    for name in (*files(), "pyproject.toml", "README.md", "LICENSE"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-c", BUILD, out], cwd=copy, check=True, capture_output=True)
    (path,) = out.iterdir()
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def files():
    """All files of the packages in the checkout."""
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*"))
    return {
        str(path.relative_to(ROOT))
        for path in paths
        if path.is_file() and path.parent.name != "__pycache__"
    }


def test_the_version_is_the_declared_one_everywhere():
    (declared,) = re.findall(r'^version = "(.*)"$', read("pyproject.toml"), re.MULTILINE)
    assert poseproof.__version__ == version("poseproof") == declared
    assert yaml.safe_load(read("CITATION.cff"))["version"] == declared
    # the newest that the changelog has with a date
    assert re.findall(r"^## \[(.+)\] - \d", read("CHANGELOG.md"), re.MULTILINE)[0] == declared


def test_a_wheel_holds_every_file_of_the_packages(wheel):
    wanted = {name for name in files() if not name.endswith(".md")}
    assert {f"{package}/py.typed" for package in PACKAGES} <= wanted
    assert wanted <= wheel
    assert {name.split("/")[0] for name in wheel if ".dist-info/" not in name} == set(PACKAGES)
