"""What the docs show: files to write, and commands to run."""

import os
import re
import shlex
import subprocess
from pathlib import Path
from string import Template

ROOT = Path(__file__).parents[2]
PAPERS = sorted(page.relative_to(ROOT) for page in ROOT.glob("lightning_modules/*/README.md"))
PAGES = sorted(
    [
        *PAPERS,
        *(page.relative_to(ROOT) for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]),
    ]
)

_FENCE = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^`(?P<name>[\w./-]+)`\n\n" + _FENCE.pattern[1:], re.MULTILINE | re.DOTALL)
_ASSIGNED = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)


def files(page):
    """File name -> text, of the blocks that have a name above them."""
    return {each["name"]: each["text"] for each in _FILE.finditer((ROOT / page).read_text())}


def commands(page):
    """The commands of the blocks of no language: what is set for each, and its words."""
    held = {}
    for block in _FENCE.finditer((ROOT / page).read_text()):
        if not block["kind"] and "┃" not in block["text"]:
            for line in block["text"].replace("\\\n", " ").splitlines():
                words = shlex.split(Template(line).safe_substitute(held), comments=True)
                given, rest = _assignments(words[1:] if words[:1] == ["export"] else words)
                if rest:
                    yield {**held, **given}, rest
                else:
                    held |= given


def _assignments(words):
    """What stands before a command, and the command."""
    given = {}
    for place, word in enumerate(words):
        if not (assigned := _ASSIGNED.fullmatch(word)):
            return given, words[place:]
        given[assigned["name"]] = assigned["value"]
    return given, []


def made(words):
    """What a make command would run, as lists of words."""
    # as if the environment were there
    dry = [*words, "--dry-run", "--old-file=.venv/ready"]
    # nor of the `make test` that this may run under
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    shown = subprocess.run(dry, cwd=ROOT, env=own, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    return [shlex.split(line) for line in shown.stdout.replace("\\\n", " ").splitlines()]
