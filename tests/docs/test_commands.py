"""Every command that README and the docs show is one that there is."""

import importlib.util
import re

import pytest

from experiments.cli import lightning as cli
from tests.docs.pages import PAGES, ROOT, commands, made

# the pages on adding one's own are followed to the end by test_adding
SHOWN = {str(page): list(commands(page)) for page in PAGES if page.parent.name != "adding"}
# what `…` stands for: the options of a command shown before
METHOD = "experiments/configs/methods/srnet.yaml"
MORE = {"lightning": f"--config={METHOD}", "make": "TABLE=srnet-table2"}
# other people's, and the shell's
OTHERS = {"source", "pip", "touch", "cd", "wandb", "sbatch", "srun", "torchrun"}
COMMANDS = [
    pytest.param(words, id=f"{page}: {' '.join(words)}")
    for page, held in SHOWN.items()
    for _, words in held
    if words[0] not in OTHERS
]


def test_readme_begins_with_what_a_newcomer_types():
    first, second = (words for _, words in SHOWN["README.md"][:2])
    assert (first, second) == (["make", "reproduce-table2"], ["make", "test"])
    assert len(COMMANDS) > 5


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_is_one_that_there_is(words, monkeypatch):
    monkeypatch.chdir(ROOT)
    words = [MORE[words[0]] if word == "…" else word for word in words]
    if words[0] == "make":
        assert made(words)
    elif words[0] in ("lightning", "poseproof"):
        parse(words[1:], monkeypatch)
    else:
        assert words[:2] == ["python", "-m"], words
        assert importlib.util.find_spec(words[2])


def parse(args, monkeypatch):
    """Parse a command line of ours, and build and run nothing."""
    parsed = []
    monkeypatch.setattr(cli.PoseCLI, "instantiate_classes", lambda held: parsed.append(held.config))
    monkeypatch.setattr(cli.PoseCLI, "_run_subcommand", lambda *_: None)
    monkeypatch.setattr(cli, "check_checkpoint", lambda path: None)
    cli.PoseCLI(args)
    (config,) = parsed
    assert config.subcommand == args[0]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_make_targets_in_the_text_are_there(page):
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z0-9-]+)", (ROOT / page).read_text()))
    assert named <= targets
