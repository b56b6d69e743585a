"""The papers' pages, and all links of the docs: what they name is there, and nothing lacks."""

import ast
import re

import pytest
import yaml

from experiments.config.tables import table_names
from tests.docs.pages import PAGES, PAPERS, ROOT

# methods that are rows of other papers' tables, and have none of their own
PEERS = {"martinez", "videopose3d"}
CODE = ("lightning_modules", "datamodules", "metrics", "experiments")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)[^)]*\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_EQUATIONS = re.compile(r"Eq\. (\d+(?:(?:, | and | to )\d+)*)")


def links(page):
    """(label, path) of every link to a file; links of files that a page shows are not its own."""
    for label, target in _LINK.findall(_FENCE.sub("", (ROOT / page).read_text())):
        if not target.startswith("http"):
            yield label, ((ROOT / page).parent / target).resolve()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_to_files(page):
    for label, path in links(page):
        assert path.exists(), (label, path)
        assert path.is_relative_to(ROOT)


@pytest.mark.parametrize("page", PAPERS, ids=str)
def test_what_a_paper_s_page_names_is_in_the_file_that_it_links(page):
    named = [(label.strip("`"), path) for label, path in links(page) if label.startswith("`")]
    assert len(named) > (10 if page.parent.name in PEERS else 20)
    for label, path in named:
        if path.suffix == ".py":
            assert defines(path, label), (label, path)
        elif label != path.stem:
            assert label in set(keys(yaml.safe_load(path.read_text()))), (label, path)


def defines(path, name):
    """Whether a file defines a name, or a class in it has a method, an option or an attribute."""
    owner, _, member = name.rpartition(".")
    body = ast.parse(path.read_text()).body
    if owner:
        (held,) = [node for node in body if isinstance(node, ast.ClassDef) and node.name == owner]
        options = [
            argument.arg
            for node in held.body
            if isinstance(node, ast.FunctionDef) and node.name == "__init__"
            for argument in node.args.args
        ]
        return member in [*names(held.body), *options]
    return name in names(body)


def names(body):
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                yield target.id


def keys(held):
    for inner in held.values() if isinstance(held, dict) else held:
        if isinstance(inner, dict | list):
            yield from keys(inner)
    yield from held if isinstance(held, dict) else ()


def test_a_symbol_that_is_not_there_is_found_out():
    path = ROOT / "lightning_modules/srnet/module.py"
    assert defines(path, "SRNet.groups")
    assert defines(path, "SRNet.forward")
    assert defines(path.with_name("network.py"), "Network")
    assert not defines(path, "SRNet.group")
    assert not defines(path, "groups")


@pytest.mark.parametrize("name", table_names())
def test_every_table_is_on_its_paper_s_page(name):
    page = f"lightning_modules/{name.partition('-')[0]}/README.md"
    assert (f"`{name}`", ROOT / f"experiments/tables/{name}.yaml") in set(links(page))


def test_every_paper_s_folder_has_a_page():
    folders = {path.parent.name for path in ROOT.glob("lightning_modules/*/module.py")}
    assert {page.parent.name for page in PAPERS} == folders
    assert folders > PEERS


def test_every_equation_that_a_docstring_cites_is_on_a_page_with_its_file():
    cited = {
        (number, path)
        for package in CODE
        for path in sorted((ROOT / package).rglob("*.py"))
        for text in docstrings(path)
        for number in equations(text)
    }
    assert len(cited) > 30
    mapped = {
        (number, path)
        for page in PAPERS
        for row in (ROOT / page).read_text().splitlines()
        for number in equations(row)
        for target in re.findall(r"\]\(([^)]+)\)", row)
        for path in [(ROOT / page).parent.joinpath(target).resolve()]
    }
    assert not {(number, str(path)) for number, path in cited - mapped}


def docstrings(path):
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    tree = ast.parse(path.read_text())
    found = (ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds))
    return [" ".join(text.split()) for text in found if text]


def equations(text):
    """The numbers that a text names, in words such as `Eq. 1 to 4` and `Eq. 9, 13, 14`."""
    for named in _EQUATIONS.findall(text):
        numbers = [int(number) for number in re.findall(r"\d+", named)]
        yield from range(numbers[0], numbers[1] + 1) if " to " in named else numbers
