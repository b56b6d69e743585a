"""The two keys of a run: an edit renames what it determines, and nothing else."""

import ast
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.config.setting import Setting
from experiments.config.tables import load_table
from experiments.runs import code, identity
from experiments.runs.code import used_files
from experiments.runs.environment import Environment
from experiments.runs.run import Run
from poseproof.errors import UserError

ROOT = Path(code.__file__).parents[2]
PACKAGES = ("lightning_modules", "datamodules", "metrics", "experiments")
CACHES = (code.code_of, code._plain_code, code.definitions, code._file, code._imports)


def forget():
    for cached in CACHES:
        cached.cache_clear()


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of the packages that identities are of."""
    folder = tmp_path_factory.mktemp("packages")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package)
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget()
        monkeypatch.setattr(code, "_ROOT", folder)
        yield folder
    forget()


@pytest.fixture(scope="module")
def unchanged(copied):
    return identities(copied)


def identities(folder):
    """Name -> fit key of runs and, of those that are tests, the measure key."""
    table2, table1 = load_table("srnet-table2"), load_table("rie-table1")
    images, lift = load_table("dpcn-table5"), load_table("selfsup-lift")
    setting = Setting("synthetic", (), "quick")

    def run(table, row, setting=setting):
        return Run(table, row, table.trainings(row)[0], 0, setting, "", folder)

    sr = run(table2, "SR")
    tests = {test.split()[0]: test for test in sr.tests}
    across = run(load_table("srnet-table6"), "Ours")
    tests |= {test.split()[0]: test for test in across.tests}
    npz = Setting("npz", (("root", "nowhere"), ("name", "x")), "quick")
    return tests | {
        "SR": sr.folder.name,
        "FC": run(table2, "FC").folder.name,
        "Martinez": run(load_table("srnet-table9"), "Martinez").folder.name,
        "RIE": run(table1, "+P-ENH").folder.name,
        "RIE in stages": run(table1, "+P-ENH+T-ENH(M-S OPT)").folder.name,
        "images": run(images, "Ours").folder.name,
        "lift": run(lift, next(iter(lift.rows))).folder.name,
        "SR on npz": run(table2, "SR", npz).folder.name,
    }


RUNS = {"SR", "FC", "Martinez", "RIE", "RIE in stages", "images", "lift", "SR on npz"}
# of SR
TESTS = {"subject", "rare_pose", "cross_dataset"}


def changed_by(copied, unchanged, file, text):
    path = copied / file
    before = path.read_text() if path.exists() else None
    path.write_text(text)
    forget()
    after = identities(copied)
    path.unlink() if before is None else path.write_text(before)
    forget()
    return {name for name in after if after[name] != unchanged[name]}


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("lightning_modules/rie/module.py", {"RIE", "RIE in stages"}),
        ("lightning_modules/srnet/module.py", {"SR", "FC", "SR on npz", *TESTS}),
        ("lightning_modules/martinez/network.py", {"Martinez"}),
        ("lightning_modules/dpcn/hourglass.py", {"images"}),
        ("lightning_modules/selfsup/pose_flow.py", {"lift"}),
        ("lightning_modules/lifter.py", RUNS | TESTS),
        ("metrics/functional.py", TESTS),
        ("lightning_modules/__init__.py", set()),
        ("datamodules/__init__.py", set()),
        ("datamodules/protocols/unpaired.py", {"lift"}),
        ("datamodules/protocols/rare_pose.py", {"rare_pose"}),
        ("datamodules/protocols/cross_dataset.py", {"cross_dataset"}),
        # the data's fingerprint tells of what has read them
        ("datamodules/sources/pose_npz/source.py", set()),
        ("datamodules/sources/cmu/source.py", set()),
        ("datamodules/loading/windows.py", RUNS | TESTS),
        ("experiments/report/table.py", set()),
        ("experiments/judge/claims.py", set()),
    ],
)
def test_code_renames_what_it_determines(copied, unchanged, file, changed):
    text = (copied / file).read_text()
    assert changed_by(copied, unchanged, file, f"{text}\nedited = 1\n") == changed


def test_of_what_fits_beside_the_classes_some_definitions_count(copied, unchanged):
    def edited(file, definition):
        text = (copied / file).read_text()
        assert definition in text
        edit = text.replace(definition, f"{definition}\n    edited = 1\n")
        return changed_by(copied, unchanged, file, edit)

    staged = {"RIE in stages", "images", "lift"}
    of_all = RUNS | TESTS
    callbacks = "experiments/runs/callbacks.py"
    assert edited(callbacks, "class RandomStates(Callback):") == of_all
    assert edited(callbacks, "class MetricsFile(Callback):") == set()
    assert edited("experiments/runs/fit.py", "class Frozen(Callback):") == staged


def test_what_changes_no_figure_renames_nothing(copied, unchanged):
    file = "lightning_modules/srnet/module.py"
    text = (copied / file).read_text()
    tree = ast.parse(text)
    edits = {
        "a comment": f"# read this\n{text}",
        "a module's docstring": f'"""Something else."""\n{text}',
        "no docstrings and comments at all": ast.unparse(Bare().visit(tree)),
    }
    for what, edit in edits.items():
        assert changed_by(copied, unchanged, file, edit) == set(), what
    assert changed_by(copied, unchanged, "metrics/mine.py", "class Mine:\n    value = 1\n") == set()


class Bare(ast.NodeTransformer):
    """Another docstring, and no annotations of arguments and results."""

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        node.returns = None
        for argument in (*node.args.args, *node.args.kwonlyargs):
            argument.annotation = None
        if ast.get_docstring(node):
            node.body[0] = ast.Expr(ast.Constant("Another one."))
        return node


def test_what_a_test_alone_runs_measures_again_and_trains_nothing(copied, unchanged):
    file = "lightning_modules/lifter.py"
    text = (copied / file).read_text()
    edited = text.replace(
        "    def test_step(", "    def test_step(self):\n        return 3\n\n    def test_step("
    )
    assert edited != text
    assert changed_by(copied, unchanged, file, edited) == TESTS
    edited = text.replace(
        "    def training_step(",
        "    def update_metrics(self):\n        return 3\n\n    def training_step(",
    )
    assert changed_by(copied, unchanged, file, edited) == TESTS
    calling = edited.replace("loss = self.learn(batch)", "loss = self.update_metrics()")
    assert calling != edited
    assert changed_by(copied, unchanged, file, calling) == RUNS | TESTS


@pytest.mark.parametrize("name", ["torch", "numpy", "lightning", "device"])
def test_another_environment_renames_all(name, monkeypatch, tmp_path):
    before = identities(tmp_path)
    other = replace(identity.environment(), **{name: "another"})
    monkeypatch.setattr(identity, "environment", lambda: other)
    after = identities(tmp_path)
    assert not [each for each in before if before[each] == after[each]]


def test_environments_in_words():
    here = Environment("2.8.0", "2.3.1", "2.6.6", "cpu")
    there = replace(here, torch="2.5.0", device="NVIDIA H200")
    assert there.unlike(here) == "torch 2.5.0 and NVIDIA H200"
    assert here.unlike(there) == "torch 2.8.0 and a CPU"


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
def test_packages_do_nothing_but_import_and_define(package):
    """What identities leave out, where nothing is imported that they define themselves."""
    for path in (ROOT / package).rglob("__init__.py"):
        for statement in ast.parse(path.read_text()).body:
            docstring = isinstance(statement, ast.Expr) and isinstance(
                statement.value, ast.Constant
            )
            defined = isinstance(statement, ast.ImportFrom | ast.FunctionDef | ast.Assign)
            assert docstring or defined


def test_what_a_package_defines_itself_counts():
    assert "lightning_modules.layers" in used_files(["lightning_modules.FCBaseline"])
    assert "lightning_modules.layers" not in used_files(["datamodules.SubjectProtocol"])


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
    with pytest.raises(UserError, match=r"no class Net: give its name with that of its module"):
        used_files(["Net"])
    with pytest.raises(UserError, match=r"no class nowhere\.Net"):
        used_files(["nowhere.Net"])
