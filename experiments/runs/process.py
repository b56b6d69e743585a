"""The process that runs are made in: its memory, what it prints, and how it ends on a mistake."""

import ctypes
import inspect
import logging
import os
import pickle
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import torch
from jsonargparse import ArgumentError
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from experiments.config.schema import choice
from poseproof.errors import UserError

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h
# what libraries warn of in every run of the suite, where nothing is wrong
_HARMLESS = (
    # Lightning's own use of torch
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    # a protocol without validation has no loader for it
    r"Total length of `list` across ranks is zero",
    # the frozen modules of a stage
    r"Found \d+ module\(s\) in eval mode",
    # runs are logged by epoch
    r"The number of training batches \(\d+\) is smaller than the logging interval",
    # a run goes on in its folder, and a test has a folder of its own
    r"Checkpoint directory .* exists and is not empty",
    r"The dirpath has changed from",
    # the command called from Python
    r"LightningCLI's args parameter",
)


def keep_freed_memory() -> None:
    """Have glibc keep what a training step frees for the next step.

    It would hand every large array back to the kernel, and each step would begin with fresh, empty
    pages: up to a third of a step on a CPU (`make bench`). Other systems are left alone.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, -1)


def check_checkpoint(path: str) -> None:
    """Check that a file is a checkpoint of Lightning's, read as tensors and plain values alone.

    Raises:
        UserError: the file is not there, damaged, something else, or would run code.
    """
    if not Path(path).is_file():
        raise UserError(f"There is no checkpoint {path}: check --ckpt_path.")
    try:
        contents = torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} contains more than tensors and plain values, so nothing of it was run: use a "
            "checkpoint that this suite has written."
        ) from error
    except (RuntimeError, EOFError, OSError, KeyError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is damaged or no checkpoint: train again or fetch it again."
        ) from error
    named = isinstance(contents, dict) and {"state_dict", "pytorch-lightning_version"} <= {
        *contents
    }
    if not named:
        raise UserError(f"{path} is no checkpoint of Lightning's: it has no weights by name.")


def quieten() -> None:
    """Leave out what Lightning says of every fit: it is no news when there are dozens of them."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)


def leave_out_harmless_warnings() -> None:
    """Filter warnings that a user sees in every run and can do nothing about; others stay."""
    for message in _HARMLESS:
        warnings.filterwarnings("ignore", message)
    logging.getLogger("pytorch_lightning.utilities.rank_zero").addFilter(_is_no_tip)


def _is_no_tip(record: logging.LogRecord) -> bool:
    """Lightning advertises a logger in every run."""
    return "Tip: For seamless cloud logging" not in record.getMessage()


# as jsonargparse puts it
_UNKNOWN_OPTION = re.compile(r"class_path '([\w.]+)': .*?Option '(\w+)' is not accepted")
_WRONG_VALUE = re.compile(
    r"class_path '([\w.]+)': Parser key \"(\w+)\": Expected a <class '(\w+)'>\. Got value: (.*)"
)


@contextmanager
def one_sentence_for_mistakes() -> Iterator[None]:
    """End the process with one sentence and exit code 2 where the user has made a mistake."""
    # whatever opens a checkpoint, and whatever it asks for
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    try:
        yield
    except (ArgumentError, UserError, MisconfigurationException) as error:
        message = _without_search(str(error))
    except ModuleNotFoundError as error:
        if error.name or "Requirement" not in str(error):
            raise
        message = str(error)
    except RuntimeError as error:
        if "loading state_dict" not in str(error):
            raise
        message = "The checkpoint is not of this model: give the configs of its training."
    else:
        return
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def _without_search(message: str) -> str:
    """The lines of a message that name the mistake, without jsonargparse's way to it."""
    search = ("Does not validate", "Subtypes:", "Errors:", "Given value", "Expected a <class 'None")
    lines = (line.strip(" -") for line in message.splitlines())
    text = " ".join(line for line in lines if not line.startswith(search))
    if unknown := _UNKNOWN_OPTION.search(text):
        path, option = unknown.groups()
        return f"{path} has no option {option!r}; {choice(option, _options(path))}"
    if wrong := _WRONG_VALUE.search(text):
        path, option, kind, value = wrong.groups()
        return f"{path}: the option {option!r} is of type {kind}, not {value!r}."
    return text


def _options(path: str) -> list[str]:
    """The names of a class's options, with those of the classes that it inherits from."""
    module, _, name = path.rpartition(".")
    options: list[str] = []
    for base in getattr(import_module(module), name).__mro__:
        if "__init__" in vars(base):
            parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
            options += [each.name for each in parameters if each.kind is not each.VAR_KEYWORD]
            if all(each.kind is not each.VAR_KEYWORD for each in parameters):
                break
    return options
