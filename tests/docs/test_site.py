"""The docs site: every page is in it, every link leads somewhere, and nothing needs a network."""

from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from experiments.report import site
from tests.docs.pages import PAGES, ROOT

# myst-parser asks Sphinx for its application by an old name
pytestmark = pytest.mark.filterwarnings("ignore:.*MystReferenceResolver.app")
# tags that load what they name, whatever a reader does
LOADING = {"script", "link", "img", "iframe", "source", "video"}


class Reader(HTMLParser):
    """What a page has: its anchors, and its links by tag."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        held = dict(attributes)
        self.ids |= {held[name] for name in ("id", "name") if held.get(name)}
        self.links += [(tag, held[name]) for name in ("href", "src") if held.get(name)]


@pytest.fixture(scope="module")
def read(built):
    """Path -> what the page has, of all pages of the site."""
    folder, _ = built
    return {path: Reader(path.read_text()) for path in folder.rglob("*.html")}


def dead_links(read):
    """(page, link) of the links within the site that lead nowhere."""
    for path, page in read.items():
        for _, link in page.links:
            address, anchor = urldefrag(link)
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            target = (path.parent / unquote(urlsplit(address).path)).resolve() if address else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file() or (
                anchor and target in read and unquote(anchor) not in read[target].ids
            ):
                yield path.name, link


def test_sphinx_warns_of_nothing(built):
    assert built[1] == []


def test_every_page_is_in_the_site_under_its_own_heading(built):
    assert {str(page) for page in PAGES} <= set(site.pages())
    for name, page in site.pages().items():
        html = unescape((built[0] / page).with_suffix(".html").read_text())
        if name != "docs/README.md":
            heading = (ROOT / name).read_text().partition("\n")[0].removeprefix("# ")
            assert f"<h1>{heading}<" in html, name


def test_no_link_is_dead(read):
    assert len(read) > 100
    assert list(dead_links(read)) == []


def test_a_dead_link_is_found(tmp_path):
    pages = {"a.html": '<a href="b.html#there">', "b.html": '<p id="here"><a href="c.html">'}
    for name, text in pages.items():
        (tmp_path / name).write_text(text)
    read = {tmp_path / name: Reader(text) for name, text in pages.items()}
    assert list(dead_links(read)) == [("a.html", "b.html#there"), ("b.html", "c.html")]


def test_pages_load_nothing_from_a_network(read):
    loaded = {
        (path.name, link)
        for path, page in read.items()
        for tag, link in page.links
        if tag in LOADING and urlsplit(link).netloc
    }
    assert loaded == set()


def test_code_that_a_page_names_leads_to_its_place_in_the_reference(built):
    page = (built[0] / "papers/srnet.html").read_text()
    assert 'href="../reference/datamodules/rarity.html#occurrence"' in page
    assert 'href="../reference/lightning_modules/srnet/module.html#SRNet"' in page, "of an option"
    assert 'href="../files/experiments/tables/srnet-table2.yaml.txt"' in page
    assert (built[0] / "files/experiments/tables/srnet-table2.yaml.txt").read_text() == (
        ROOT / "experiments/tables/srnet-table2.yaml"
    ).read_text()
