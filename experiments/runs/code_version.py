"""The version of the code that a run uses: of the files that its classes import, and theirs."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from sysconfig import get_paths
from typing import Any

from poseproof.errors import DataError

_ROOT = Path(__file__).parents[2]
# what trains a method beside its classes; identities hold the names too, so that it stays in place
FIT = ("experiments.runs.random_states",)
STAGED_FIT = (*FIT, "experiments.runs.stages")
_INSTALLED = ("stdlib", "purelib", "platlib")
_PACKAGES = ("poseproof", "lightning_modules", "datamodules", "metrics", "experiments")


def code_version(config: Any, modules: tuple[str, ...] = ()) -> str:  # noqa: ANN401
    """A hash of the source files that a config's classes use.

    A file uses those that it imports, inside functions too. Where it imports a name from a package,
    that is the file the name comes from, and nothing else that the package's `__init__` brings
    along: those of the suite do nothing but import. Libraries are not followed: for a
    class of theirs one file counts, which names it.

    Args:
        config: of a model, data or both; every `class_path` in it counts.
        modules: further modules that are used.

    Raises:
        DataError: a class is in no module that there is.
    """
    return _version(tuple(sorted({*_classes(config)})), modules)


def used_files(classes: Sequence[str], modules: Sequence[str] = ()) -> dict[str, Path]:
    """Module -> file, of all that some classes, and further modules, use.

    Args:
        classes: with their modules' names, such as `datamodules.SubjectProtocol`.
        modules: by name.

    Raises:
        DataError: a class is in no module that there is.
    """
    tops = {named.split(".")[0] for named in classes}
    followed = {*_PACKAGES, *(top for top in tops if not _installed(top))}
    waiting = [*modules]
    for named in classes:
        package, _, name = named.rpartition(".")
        if not package or _file(package) is None:
            raise DataError(f"There is no class {named}: give its name with that of its module.")
        waiting.append(_origin(package, name))
    files: dict[str, Path] = {}
    while waiting:
        module = waiting.pop()
        path = _file(module)
        if module in files or path is None:
            continue
        files[module] = path
        for package, name in _imports(module):
            if package.split(".")[0] in followed:
                waiting.append(_origin(package, name) if name else package)
    return files


def _installed(top: str) -> bool:
    """Whether a package is Python's or has been installed, as libraries are."""
    path, paths = _file(top), get_paths()
    return path is not None and any(path.is_relative_to(paths[key]) for key in _INSTALLED)


@cache
def _version(classes: tuple[str, ...], modules: tuple[str, ...]) -> str:
    digest = blake2b(digest_size=8)
    for module, path in sorted(used_files(classes, modules).items()):
        digest.update(f"{module}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _classes(config: Any) -> Iterator[str]:  # noqa: ANN401
    """Every `class_path` in a config, at any depth."""
    if isinstance(config, dict):
        if isinstance(named := config.get("class_path"), str):
            yield named
        config = list(config.values())
    if isinstance(config, list | tuple):
        for each in config:
            yield from _classes(each)


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
    for node in _executed(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level]
            origin = ".".join([*(above if node.level else ()), *filter(None, [node.module])])
            found += [(origin, alias.name) for alias in node.names]
    return tuple(found)


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all in it, but for what stands there for types alone."""
    inner: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        inner = node.orelse
    yield node
    for each in inner:
        yield from _executed(each)
