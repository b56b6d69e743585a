"""The reference: built once, and held against the code and the configs."""

import ast
import re
from html import unescape

import pytest

from experiments.config.tables import CONFIGS
from experiments.report import reference
from tests.docs.pages import ROOT

MODULES = [
    path
    for package in reference.PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.stem != "__main__"
]


@pytest.fixture(scope="module")
def folder(built):
    return built[0] / "reference"


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def said(text):
    """The words of a text alone."""
    return " ".join(re.findall(r"\w+", text))


def test_every_public_class_and_function_is_in_it_with_its_docstring(folder):
    assert len(MODULES) > 100
    for path in MODULES:
        module = module_of(path)
        page = (folder / f"{module.replace('.', '/')}.html").read_text()
        # what stands in code may have become a link
        words = said(unescape(re.sub(r"<code>.*?</code>|<[^>]*>", " ", page)))
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                assert f'id="{node.name}"' in page, (module, node.name)
                first = re.sub("`.*?`", " ", ast.get_docstring(node).partition("\n")[0])
                assert said(first) in words, (module, node.name)


def test_the_index_leads_to_every_page(folder):
    links = re.findall(r'href="([\w./]+\.html)', (folder / "index.html").read_text())
    pages = {str(page.relative_to(folder)) for page in folder.rglob("*.html")}
    assert {*links, "index.html"} == pages
    assert set(map(module_of, MODULES)) <= {link[:-5].replace("/", ".") for link in links}


def test_every_config_is_there_with_its_text_and_its_options(folder):
    page = unescape((folder / "configs.html").read_text())
    for path in CONFIGS.rglob("*.yaml"):
        assert f'id="{path.parent.name}-{path.stem}"' in page
        assert path.read_text() in page
    # one that SRNet has of PoseLifter, and its text there
    assert re.search(
        r'<tr class="given"><th scope="row">lr_decay</th><td>0.95</td><td>0.95</td><td>float</td>'
        r"<td>factor on the learning rate after every epoch.</td>",
        page,
    )
    for link, name in re.findall(r'href="([\w/]+\.html)#([A-Z]\w+)"', page):
        assert f'id="{name}"' in (folder / link).read_text()


def test_an_inner_class_has_options_of_its_own():
    held = {"source": {"class_path": "datamodules.SyntheticMocap", "init_args": {"frames": 9}}}
    config = {"data": {"init_args": {"batch_size": 7, "source": held["source"]}}}
    protocol, source = reference.parts(config)
    assert [option.name for option in protocol.options] == ["batch_size"]
    assert source.place == "data.init_args.source.init_args"
    assert (source.title, source.given) == ("datamodules.SyntheticMocap", {"frames": 9})
    assert {"frames", "seed"} <= {option.name for option in source.options}
