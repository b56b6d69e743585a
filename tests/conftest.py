"""What all tests share."""

import os

# before anything is imported: tests' products are too small to share out, and cores are for workers
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# how long an example takes is no one's claim, and other workers take the cores
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.fixture
def tiny_motion(tmp_path_factory, monkeypatch):
    """Options for a small set of generated motion, cached away from the user's own cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    return ["--data.init_args.source.init_args.frames=5"]
