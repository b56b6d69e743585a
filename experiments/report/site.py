"""The docs as a site: guide, findings, papers and reference, for a browser without a network.

Pages are written to be read in the repository. In the site, a link to another page leads to that
page, one to code to its place in the reference, one to a config to the page of all configs, and one
to any other file to a copy of it.
"""

import os
import re
import sys
from collections.abc import Iterable
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from sphinx.application import Sphinx

from experiments.report import reference
from experiments.runs.files import write_text

ROOT = Path(__file__).parents[2]
# code is matched first, so that nothing in it is taken for a link
_LINK = re.compile(
    r"^```.*?^```$|(?<!!)\[(?P<label>[^\]]+)\]\((?P<path>[^)#\s:]*)(?P<anchor>#[^)\s]*)?\)",
    re.MULTILINE | re.DOTALL,
)
_SETTINGS = {
    "project": "poseproof",
    "extensions": ["myst_parser"],
    "myst_heading_anchors": 4,
    "smartquotes": False,
    "html_theme": "furo",
    "html_title": "poseproof",
    "html_copy_source": False,
    "html_show_copyright": False,
}
_REFERENCE = """# Reference

- <a href="reference/index.html">Modules</a>: every class and function.
- <a href="reference/configs.html">Configs</a>: every config, and the options of its classes.
"""


@cache
def pages() -> dict[str, str]:
    """The page of the site that a file of the repository becomes."""
    guide = {f"docs/{name}": name for name in _under(ROOT / "docs", "**/*.md")}
    papers = {
        f"lightning_modules/{name}": f"papers/{Path(name).parent}.md"
        for name in _under(ROOT / "lightning_modules", "*/README.md")
    }
    own = {"README.md": "index.md"}
    project = {name: name.lower() for name in ("CONTRIBUTING.md", "CHANGELOG.md")}
    # the menu takes the place of the list of pages
    return {**guide, **papers, **own, **project, "docs/README.md": "index.md"}


def build(folder: Path) -> list[str]:
    """Build the site in a folder.

    Args:
        folder: where the site is written; `index.html` is its first page.

    Returns:
        What Sphinx warns of, such as a link to a heading that is not there.
    """
    with TemporaryDirectory() as temporary:
        source, extra, work = (Path(temporary) / name for name in ("source", "extra", "work"))
        reference.build(extra / "reference")
        for name, page in pages().items():
            if name != "docs/README.md":
                text = (ROOT / name).read_text()
                menu = _menu() if page == "index.md" else ""
                write_text(source / page, _lead(text, name, extra) + menu)
                for target in _copied(text, name):
                    write_text(extra / f"files/{target}.txt", (ROOT / target).read_text())
        write_text(source / "reference.md", _REFERENCE)
        settings = {**_SETTINGS, "html_extra_path": [str(extra)]}
        warnings = StringIO()
        Sphinx(source, None, folder, work, "html", settings, None, warnings).build()
    return warnings.getvalue().splitlines()


def _menu() -> str:
    """The site's menu, of all pages that there are."""
    names = sorted({*pages().values()} - {"index.md"})
    project = ["contributing.md", "changelog.md"]
    guide = [name for name in names if "/" not in name and name not in ["findings.md", *project]]
    sections = {
        "Guide": ["findings.md", *guide],
        "Adding your own": [name for name in names if name.startswith("adding/")],
        "Papers": [name for name in names if name.startswith("papers/")],
        "Reference": ["reference.md"],
        "Project": project,
    }
    return "".join(
        "\n```{toctree}\n:hidden:\n:caption: " + "\n".join([title, "", *entries]) + "\n```\n"
        for title, entries in sections.items()
    )


def _lead(text: str, name: str, extra: Path) -> str:
    """A page's text with its links to where their targets are in the site."""
    here = Path(pages()[name]).parent

    def lead(match: re.Match[str]) -> str:
        label, target = match["label"], _resolve(name, match["path"] or "")
        if not target:
            return match[0]
        address = _address(target) + (match["anchor"] or "")
        path = os.path.relpath(address, here)
        if target in pages():
            return f"[{label}]({path})"
        if address.startswith("reference/") and address.endswith(".html"):
            path += _anchor((extra / address).read_text(), label.strip("`"))
        return f'<a href="{path}">{label}</a>'

    return _LINK.sub(lead, text)


def _anchor(html: str, symbol: str) -> str:
    """The place of a symbol on a page of the reference; an option's is its class's."""
    owner = symbol.partition(".")[0]
    found = [name for name in (symbol, owner) if f'id="{name}"' in html]
    return f"#{found[0]}" if found else ""


def _copied(text: str, name: str) -> Iterable[str]:
    """The files that a page links to and that are no page of the site."""
    for match in _LINK.finditer(text):
        target = _resolve(name, match["path"] or "")
        if target and _address(target).startswith("files/"):
            yield target


def _address(target: str) -> str:
    """Where a file of the repository is in the site."""
    path = Path(target)
    if target in pages():
        return pages()[target]
    if path.suffix == ".py" and (module := _module(path)) in reference.modules():
        return f"reference/{module.replace('.', '/')}.html"
    if path.is_relative_to("experiments/configs"):
        return f"reference/configs.html#{path.parent.name}-{path.stem}"
    # as text, so that a browser shows it
    return f"files/{target}.txt"


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _resolve(page: str, link: str) -> str | None:
    """The file of the repository that a link leads to; None for a link within the page."""
    return os.path.normpath(Path(page).parent / link) if link else None


def _under(folder: Path, pattern: str) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern))


def main() -> None:
    """Write the site to `site/`; exit with what Sphinx warns of."""
    if warnings := build(Path("site")):
        sys.exit("\n".join(warnings))
    print("Site: site/index.html")


if __name__ == "__main__":
    main()
