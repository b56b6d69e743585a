"""Many inputs, in a forked process that is replaced when one of them crashes or hangs it."""

import math
import os
import resource
import signal
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import torch

from tests.datamodules.fuzz.judge import Judge
from tests.datamodules.fuzz.targets import TARGETS, changed, write

LONGEST = 10  # seconds of a processor, an input
STILL = 600.0  # seconds without a word from a process that does not work


@dataclass
class Figures:
    """How inputs of one format ended.

    Attributes:
        outcomes: how many were `rejected`, `right`, `unread`, `failed`.
        failures: number, why, and where it was saved.
    """

    outcomes: Counter = field(default_factory=Counter)
    failures: list[tuple[int, str, Path]] = field(default_factory=list)


def fuzz(name, inputs, seed, saved, on_done=lambda: None):
    """Try so many inputs of a format.

    Args:
        name: of the format.
        inputs: how many.
        seed: of the changes; input n of a seed is always the same.
        saved: folder that failing inputs are saved to.
        on_done: called after each.
    """
    figures = Figures()
    context = get_context("fork")
    number = 0
    with tempfile.TemporaryDirectory() as folder:
        while number < inputs:
            here, there = context.Pipe()
            work = name, seed, number, inputs, folder, here, there
            worker = context.Process(target=_work, args=work)
            worker.start()
            there.close()
            # the first answer says that the valid files were read
            ready = here.poll(STILL) and _received(here)
            while ready and number < inputs:
                if here.poll(STILL):
                    said = _received(here)
                    worker.join(None if said is None else 0)
                    outcome, why = said or ("failed", _end(worker.exitcode))
                else:
                    outcome, why = "failed", f"it stood still for {STILL:.0f} seconds"
                figures.outcomes[outcome] += 1
                if outcome == "failed":
                    place = _save(name, seed, number, why, saved)
                    figures.failures.append((number, why, place))
                number += 1
                on_done()
                if outcome == "failed":
                    break
            worker.kill()
            worker.join()
            here.close()
            if not ready:
                raise RuntimeError(f"the valid files of {name} cannot be read")
    return figures


def _end(code):
    if code == -signal.SIGXCPU:
        return f"no end after {LONGEST} seconds"
    return f"the process ended with {code}"


def _received(pipe):
    try:
        return pipe.recv()
    except EOFError:
        return None


def _work(name, seed, start, stop, folder, end, pipe):
    # so that this process ends with its parent, however that ends
    end.close()
    # the parent's further threads are not there: a product that waited for them would not end
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    target = TARGETS[name]
    home = Path(folder) / str(os.getpid())
    write(target.valid(), home)
    judge = Judge(target, home)
    pipe.send("ready")
    written = target.valid()
    for number in range(start, stop):
        files = changed(name, seed, number)
        # most of them are the very bytes that are there
        write({path: raw for path, raw in files.items() if raw is not written[path]}, home)
        written = files
        # the system ends the process at this many seconds, in compiled code, too
        most = math.ceil(time.process_time()) + LONGEST
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
        pipe.send(judge.judge(home))


def _save(name, seed, number, why, saved):
    place = Path(saved) / f"{name}-{seed}-{number}"
    write(changed(name, seed, number), place)
    (place / "why.txt").write_text(why, errors="backslashreplace")
    return place
