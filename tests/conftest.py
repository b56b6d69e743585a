"""What all tests share."""

import os

# before anything is imported: tests' products are too small to share out, and cores are for workers
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest


@pytest.fixture
def tiny_motion(tmp_path_factory, monkeypatch):
    """Options for a small set of generated motion, cached away from the user's own cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    return ["--data.init_args.source.init_args.frames=5"]
