"""Imports of the suite: no circle, not even between two files; the rest is `make lint`'s."""

import graphlib

import grimp
import pytest

PACKAGES = ("poseproof", "lightning_modules", "datamodules", "metrics", "experiments")


def check(imports):
    """Raise an error that names the modules of a circle in module -> what it imports."""
    graphlib.TopologicalSorter(imports).prepare()


def test_no_modules_import_each_other_in_a_circle():
    # those in functions and under TYPE_CHECKING included
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert len(imports) > 80
    check(imports)


def test_a_circle_is_found():
    with pytest.raises(graphlib.CycleError, match="cycle"):
        check({"a": {"b"}, "b": {"c"}, "c": {"a"}})
