"""The code that a run's identity depends on: an edit changes what uses the file, nothing else."""

import ast
import shutil
import sys
from pathlib import Path

import pytest
from experiments.runs.code_version import used_files

from datamodules import DataError
from experiments.config.setting import Setting
from experiments.config.tables import load_table
from experiments.runs import code_version
from experiments.runs.run import Run

ROOT = Path(code_version.__file__).parents[2]
PACKAGES = ("lightning_modules", "datamodules", "metrics", "experiments")


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of the packages that identities are of."""
    folder = tmp_path_factory.mktemp("packages")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package)
    with pytest.MonkeyPatch.context() as monkeypatch:
        for kept in (code_version._version, code_version._file, code_version._imports):
            kept.cache_clear()
        monkeypatch.setattr(code_version, "_ROOT", folder)
        yield folder
    for kept in (code_version._version, code_version._file, code_version._imports):
        kept.cache_clear()


@pytest.fixture(scope="module")
def unchanged(copied):
    return identities(copied)


def identities(folder):
    """Name -> identity of runs and, of those that are tests, the name in `metrics.json`."""
    table2, table1 = load_table("srnet-table2"), load_table("rie-table1")
    images, lift = load_table("dpcn-table5"), load_table("selfsup-lift")
    setting = Setting("synthetic", (), "quick")

    def run(table, row, setting=setting):
        return Run(table, row, table.trainings(row)[0], 0, setting, "", folder)

    sr = run(table2, "SR")
    tests = {test.split()[0]: test for test in sr.tests}
    across = run(load_table("srnet-table6"), "Ours")
    tests |= {test.split()[0]: test for test in across.tests}
    return tests | {
        "SR": sr.folder.name,
        "FC": run(table2, "FC").folder.name,
        "Martinez": run(load_table("srnet-table9"), "Martinez").folder.name,
        "RIE": run(table1, "+P-ENH").folder.name,
        "RIE in stages": run(table1, "+P-ENH+T-ENH(M-S OPT)").folder.name,
        "images": run(images, "Ours").folder.name,
        "lift": run(lift, next(iter(lift.rows))).folder.name,
        "SR on npz": run(table2, "SR", Setting("npz", (), "quick")).folder.name,
    }


RUNS = {"SR", "FC", "Martinez", "RIE", "RIE in stages", "images", "lift", "SR on npz"}


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("lightning_modules/rie/module.py", {"RIE", "RIE in stages"}),
        ("lightning_modules/srnet/module.py", {"SR", "FC", "SR on npz"}),
        ("lightning_modules/martinez/network.py", {"Martinez", "images"}),
        ("lightning_modules/dpcn/hourglass.py", {"images"}),
        ("lightning_modules/selfsup/pose_flow.py", {"lift"}),
        ("lightning_modules/lifter.py", RUNS),
        ("metrics/scores.py", RUNS),
        ("lightning_modules/__init__.py", set()),
        ("datamodules/__init__.py", set()),
        ("datamodules/protocols/unpaired.py", {"lift"}),
        ("datamodules/protocols/rare_pose.py", {"rare_pose"}),
        ("datamodules/sequences.py", {"cross_dataset"}),
        ("datamodules/sources/pose_npz/source.py", {"SR on npz"}),
        ("datamodules/sources/synthetic/drawing/brush.py", {"images"}),
        ("datamodules/sources/cmu/source.py", set()),
        ("datamodules/loading/windows.py", RUNS | {"subject", "rare_pose", "cross_dataset"}),
        ("experiments/runs/stages.py", {"RIE in stages", "images", "lift"}),
        ("experiments/runs/random_states.py", RUNS),
        ("experiments/report/table.py", set()),
    ],
)
def test_an_edit_changes_the_identities_that_use_the_file(copied, unchanged, file, changed):
    text = (copied / file).read_text()
    (copied / file).write_text(text + "# edited\n")
    code_version._version.cache_clear()
    after = identities(copied)
    (copied / file).write_text(text)
    code_version._version.cache_clear()
    assert {name for name in after if after[name] != unchanged[name]} == changed


def test_every_class_and_function_that_a_module_holds_is_of_a_file_that_it_uses():
    """Against what Python has imported."""
    seen = 0
    for name, module in sys.modules.copy().items():
        if name.split(".")[0] not in PACKAGES or Path(module.__file__).name == "__init__.py":
            continue
        used = used_files([], [name])
        for value in vars(module).values():
            origin = getattr(value, "__module__", None)
            if isinstance(origin, str) and origin.split(".")[0] in PACKAGES:
                assert origin in used
                seen += 1
    assert seen > 300


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_do_nothing_but_import(package):
    """What identities leave out."""
    for path in (ROOT / package).rglob("__init__.py"):
        for statement in ast.parse(path.read_text()).body:
            said = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            imported = isinstance(statement, ast.ImportFrom)
            listed = isinstance(statement, ast.Assign) and statement.targets[0].id == "__all__"
            assert said or imported or listed


def test_a_class_of_the_users_own_counts_with_what_it_imports(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/__init__.py").write_text("from .net import Net as Mine\n")
    (tmp_path / "mine/net.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from . import types_alone\n"
        "else:\n    from . import otherwise\n"
        "def build():\n    import torch\n    from . import inner\n"
        "from lightning_modules import FCBaseline\n"
    )
    for name in ("inner", "types_alone", "otherwise"):
        (tmp_path / f"mine/{name}.py").write_text("")
    used = set(used_files(["mine.net.Net"]))
    assert {"mine.net", "mine.inner", "mine.otherwise", "lightning_modules.martinez.module"} <= used
    assert not {"mine.types_alone", "torch", "lightning_modules.rie.module"} & used
    with pytest.raises(DataError, match=r"no class Net: give its name with that of its module"):
        used_files(["Net"])
    with pytest.raises(DataError, match=r"no class nowhere\.Net"):
        used_files(["nowhere.Net"])
