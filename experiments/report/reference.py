"""The reference: a page a module from its docstrings, and one of all configs and their options."""

import importlib
import pkgutil
import pydoc
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pdoc.doc
import pdoc.render
import yaml
from jsonargparse import ArgumentParser

from experiments.config.tables import CONFIGS
from experiments.report.pages import TEMPLATES
from experiments.runs.files import write_text

PACKAGES = ("lightning_modules", "datamodules", "metrics")
# what of `experiments` stands behind the words of a YAML
YAML_WORDS = (
    "experiments.config.tables",
    "experiments.judge.claims",
    "experiments.config.composer",
)
# whose options a config sets that names no class: it is added to one that does
_OWNERS = {"model": "lightning_modules.PoseLifter", "data": "datamodules.PoseDataModule"}


@dataclass(frozen=True)
class Option:
    """An argument of a class, as the command line takes it.

    Attributes:
        name: of the argument.
        kind: its type.
        default: its default.
        text: what the class's docstring says of it.
    """

    name: str
    kind: str
    default: str
    text: str


@dataclass(frozen=True)
class Part:
    """A class that a config sets options of.

    Attributes:
        place: key before the options, such as "model.init_args".
        title: the class's name with its module.
        given: option -> value in the config.
        options: all that it has; of a config that names no class those alone that it sets.
    """

    place: str
    title: str
    given: Mapping[str, Any]
    options: tuple[Option, ...]


def modules() -> list[str]:
    """The modules that the reference covers."""
    names = list(PACKAGES)
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        found = (module.name for module in pkgutil.walk_packages(path, f"{package}."))
        names += [name for name in found if not name.endswith("__main__")]
    return sorted([*names, *YAML_WORDS])


@cache
def options_of(named: str) -> tuple[Option, ...]:
    """The arguments of a class, named with its module, and of those that its `kwargs` go on to."""
    parser = ArgumentParser()
    parser.add_class_arguments(pydoc.locate(named))
    found = []
    for action in parser._actions:
        if action.dest != "help" and not action.dest.endswith(".help"):
            # the class of a hint without its module
            kind = re.sub(r"<class '(.*)'>", r"\1", str(getattr(action, "_typehint", action.type)))
            kind = re.sub(r"\w+\.", "", kind)
            text = " ".join(str(action.help).split())
            found.append(Option(action.dest, kind, _text(action.default), text))
    return tuple(found)


def parts(contents: Mapping[str, Any], place: str = "") -> Iterator[Part]:
    """The classes that a config sets options of, from the outermost inwards."""
    for key, value in contents.items():
        if not isinstance(value, dict):
            continue
        inner = f"{place}.{key}" if place else key
        given = value.get("init_args", {})
        if named := value.get("class_path"):
            yield Part(f"{inner}.init_args", named, given, options_of(named))
        elif named := _OWNERS.get(key):
            known = {option.name: option for option in options_of(named)}
            own = [name for name, option in given.items() if not isinstance(option, dict)]
            of = tuple(known.get(n, Option(n, "", "", "of the method's own class")) for n in own)
            if of:
                yield Part(f"{inner}.init_args", named, given, of)
        yield from parts(given, f"{inner}.init_args")


def build(folder: Path) -> None:
    """Write all pages: `index.html`, `configs.html`, and pdoc's pages of the modules."""
    pdoc.render.configure(docformat="google", show_source=False)
    with warnings.catch_warnings():
        # libraries ask the machine what it is while they are imported
        warnings.filterwarnings("ignore", "Suppressed execution")
        read = {name: pdoc.doc.Module.from_name(name) for name in modules()}
    for name, module in read.items():
        page = pdoc.render.html_module(module, read)
        # of an inherited constructor, which has no place of its own
        page = re.sub(r'(href="[^"]*#\w+)\.__init__"', r'\1"', page)
        write_text(folder / f"{name.replace('.', '/')}.html", page)
    write_text(folder / "search.js", pdoc.render.search_index(read))
    axes = {
        axis.name: {path.stem: path.read_text() for path in sorted(axis.glob("*.yaml"))}
        for axis in sorted(CONFIGS.iterdir())
    }
    options = {
        axis: {name: list(parts(yaml.safe_load(text))) for name, text in of.items()}
        for axis, of in axes.items()
    }
    configs = TEMPLATES.get_template("configs.html.jinja")
    write_text(folder / "configs.html", configs.render(axes=axes, parts=options, text=_text))
    index = TEMPLATES.get_template("reference.html.jinja")
    summaries = {name: module.docstring.partition("\n")[0] for name, module in read.items()}
    write_text(folder / "index.html", index.render(modules=summaries, configs=axes))


def _text(value: Any) -> str:  # noqa: ANN401
    """A value as a config has it."""
    shown = yaml.safe_dump(value, default_flow_style=True, width=1000).strip()
    return shown.removesuffix("...").strip()


def main() -> None:
    """Write the reference to `reference/`."""
    build(Path("reference"))
    print("Reference: reference/index.html")


if __name__ == "__main__":
    main()
