"""Code: what some classes use of it, without what changes nothing that they compute."""

import ast
import json
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from sysconfig import get_paths
from typing import Any

from poseproof.errors import UserError

_ROOT = Path(__file__).parents[2]
_INSTALLED = ("stdlib", "purelib", "platlib")
_PACKAGES = ("poseproof", "lightning_modules", "datamodules", "metrics", "experiments")
# methods that training does not run, unless another method of their class calls them
_HOOKS = frozenset(
    {
        *(f"{stage}_step" for stage in ("validation", "test", "predict")),
        *(f"{stage}_dataloader" for stage in ("val", "test", "predict")),
        *(
            f"on_{stage}_epoch_{end}"
            for stage in ("validation", "test")
            for end in ("start", "end")
        ),
        "predicts_poses",
        "_predicted",
        "configure_metrics",
        "update_metrics",
        "groupings",
        "test_groupings",
    }
)


def digest(value: Any, size: int) -> str:  # noqa: ANN401
    """A hash of plain values, of twice as many characters as bytes."""
    text = json.dumps(value, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=size).hexdigest()


@cache
def code_of(
    classes: tuple[str, ...], modules: tuple[str, ...], ignored: tuple[str, ...], hooks: bool
) -> str:
    """A hash of the code of all modules that some classes, and further modules, use.

    Args:
        classes: their names with those of their modules.
        modules: names of further modules.
        ignored: modules and packages that do not count, with what they alone use.
        hooks: whether the methods count that training does not run.
    """
    used = used_files(classes, modules, ignored)
    return digest(
        [[module, _plain_code(path, ignored, hooks)] for module, path in sorted(used.items())], 8
    )


def used_files(
    classes: Sequence[str], modules: Sequence[str] = (), ignored: Sequence[str] = ()
) -> dict[str, Path]:
    """Module -> file, of all that some classes, and further modules, use.

    A module uses those that it imports, inside functions too. Where it imports a name from a
    package, that is the module the name comes from, and nothing else that the package's `__init__`
    brings along: those of the suite do nothing but import. Libraries are not followed: for a class
    of theirs one file counts, which names it.

    Args:
        classes: names with those of their modules, such as `datamodules.SubjectProtocol`.
        modules: names of further modules.
        ignored: modules and packages that are left out, with what they alone use.

    Raises:
        UserError: a class is in no module that there is.
    """
    tops = {named.split(".")[0] for named in classes}
    followed = {*_PACKAGES, *(top for top in tops if not _installed(top))}
    waiting = [*modules]
    for named in classes:
        package, _, name = named.rpartition(".")
        if not package or _file(package) is None:
            raise UserError(f"There is no class {named}: give its name with that of its module.")
        waiting.append(_origin(package, name))
    files: dict[str, Path] = {}
    while waiting:
        module = waiting.pop()
        path = _file(module)
        if module in files or path is None or _within(module, ignored):
            continue
        files[module] = path
        for package, name in _imports(module):
            if package.split(".")[0] in followed:
                waiting.append(_origin(package, name) if name else package)
    return files


def _within(module: str, packages: Iterable[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _installed(top: str) -> bool:
    """Whether a package is Python's or has been installed, as libraries are."""
    path, paths = _file(top), get_paths()
    return path is not None and any(path.is_relative_to(paths[key]) for key in _INSTALLED)


@cache
def _file(module: str) -> Path | None:
    """The file of a module; none for a name inside a module, or one that there is not."""
    top, *rest = module.split(".")
    place = _ROOT / top
    if not (place.is_dir() or place.with_suffix(".py").exists()):
        spec = find_spec(top)
        if spec is None or not spec.origin or not spec.has_location:
            return None
        origin = Path(spec.origin)
        place = origin.parent if spec.submodule_search_locations else origin.with_suffix("")
    place = place.joinpath(*rest)
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.exists():
            return path
    return None


def _origin(package: str, name: str) -> str:
    """The module behind `from package import name`."""
    path = _file(package)
    if _file(f"{package}.{name}"):
        return f"{package}.{name}"
    if path is not None and path.name == "__init__.py":
        for origin, imported in _imports(package):
            if imported == name and origin != package:
                return _origin(origin, name)
    return package


@cache
def _imports(module: str) -> tuple[tuple[str, str], ...]:
    """What a module imports: (module, name from it, or none)."""
    path = _file(module)
    assert path is not None
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = []
    for node in ast.walk(_Plain().visit(ast.parse(path.read_text()))):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level]
            origin = ".".join([*(above if node.level else ()), *filter(None, [node.module])])
            found += [(origin, alias.name) for alias in node.names]
    return tuple(found)


@cache
def _plain_code(path: Path, ignored: tuple[str, ...], hooks: bool) -> str:
    """The code of a file, without what does not count."""
    return ast.unparse(_Plain(ignored, hooks).visit(ast.parse(path.read_text())))


@cache
def definitions(module: str, names: tuple[str, ...]) -> str:
    """The code of some classes and functions of a module."""
    path = _file(module)
    assert path is not None
    tree = _Plain().visit(ast.parse(path.read_text()))
    return "\n".join(ast.unparse(node) for node in tree.body if getattr(node, "name", "") in names)


class _Plain(ast.NodeTransformer):
    """Takes docstrings, annotations and what serves types alone out of code.

    Args:
        ignored: modules and packages whose imports are taken out too.
        hooks: whether the methods stay that training does not run.
    """

    def __init__(self, ignored: Sequence[str] = (), hooks: bool = True) -> None:
        self.ignored = ignored
        self.hooks = hooks

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Visit what a node holds; a body that is left empty passes."""
        super().generic_visit(node)
        if isinstance(body := getattr(node, "body", None), list):
            kept = [each for each in body if not _idle(each)]
            if not self.hooks and isinstance(node, ast.ClassDef):
                kept = _trained(kept)
            node.body = kept if kept or isinstance(node, ast.Module) else [ast.Pass()]  # type: ignore[attr-defined]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Without the type of what it returns."""
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Without the type of what it returns."""
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Without its type."""
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Without its type; a dataclass has a field all the same."""
        node.annotation = ast.Constant(...)
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        """Without what is there for types alone."""
        if ast.unparse(node.test) == "TYPE_CHECKING":
            node.body, node.orelse = node.orelse, []
            node.test = ast.Constant(True)
        return self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        """Without what comes from an ignored module."""
        module = node.module or ""
        if self.ignored and not node.level and module.split(".")[0] in _PACKAGES:
            node.names = [
                each for each in node.names if not _within(_origin(module, each.name), self.ignored)
            ]
        return node if node.names else None


def _idle(statement: ast.AST) -> bool:
    """Whether a statement does nothing, as a docstring does."""
    if isinstance(statement, ast.If) and isinstance(statement.test, ast.Constant):
        return all(isinstance(each, ast.Pass) for each in statement.body)
    alone = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass) or alone


def _trained(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """A class's statements without the methods that training does not run."""
    kept = [each for each in body if getattr(each, "name", "") not in _HOOKS]
    left = [each for each in body if getattr(each, "name", "") in _HOOKS]
    while True:
        called = {
            node.attr for each in kept for node in ast.walk(each) if isinstance(node, ast.Attribute)
        }
        again = [each for each in left if getattr(each, "name", "") in called]
        if not again:
            return [each for each in body if each in kept]
        kept += again
        left = [each for each in left if each not in again]
