"""Where runs are trained: what their weights depend on, and what else a table says of it."""

import json
import os
import platform
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from experiments.runs.files import write_json

# a file in a run's folder
ENVIRONMENT = "environment.json"


@dataclass(frozen=True)
class Environment:
    """Where a run is trained, as far as its weights depend on it.

    Attributes:
        torch: version of torch.
        numpy: version of NumPy.
        lightning: version of Lightning.
        device: "cpu", or the name of the GPU.
    """

    torch: str
    numpy: str
    lightning: str
    device: str

    def unlike(self, other: "Environment") -> str:
        """What differs from another environment, in words."""
        named = {"torch": "torch", "numpy": "NumPy", "lightning": "Lightning"}
        differences = [
            f"{name} {getattr(self, key)}"
            for key, name in named.items()
            if getattr(self, key) != getattr(other, key)
        ]
        if self.device != other.device:
            differences.append("a CPU" if self.device == "cpu" else self.device)
        return " and ".join(differences)


@cache
def environment() -> Environment:
    """Where this process trains."""
    on_gpu = torch.cuda.is_available()
    return Environment(
        torch=version("torch"),
        numpy=version("numpy"),
        lightning=version("pytorch-lightning"),
        device=torch.cuda.get_device_name() if on_gpu else "cpu",
    )


@cache
def machine() -> dict[str, Any]:
    """What else a table says of where it was made: Python, the processor and its cores."""
    cpus, named = Path("/proc/cpuinfo"), platform.processor() or platform.machine()
    if cpus.exists():
        lines = (line.partition(":") for line in cpus.read_text().splitlines())
        named = next(
            (value.strip() for key, _, value in lines if key.startswith("model name")), named
        )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"python": platform.python_version(), "processor": named, "cores": cores}


def note(folder: Path, work: str, here: Environment) -> None:
    """Write into a run's folder, once, where it is trained.

    Args:
        folder: folder of the run.
        work: hash of what is trained, the same in every environment.
        here: where it is trained.
    """
    path = folder / ENVIRONMENT
    if not path.exists():
        write_json(path, {"work": work, "environment": asdict(here), "machine": machine()})


def machines(folders: Iterable[Path]) -> dict[str, Any]:
    """Python, processor and cores of some runs; a list where they are not the same for all."""
    seen: dict[str, list[Any]] = {key: [] for key in machine()}
    for folder in folders:
        for key, value in json.loads((folder / ENVIRONMENT).read_text())["machine"].items():
            if value not in seen[key]:
                seen[key].append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in seen.items()}


def trained_anew(works: Collection[str], runs: Path) -> list[str]:
    """Say which of some runs are there from another environment, a sentence each.

    Args:
        works: hash of what each run trains, the same in every environment.
        runs: folder of all runs.
    """
    here, others = environment(), Counter[Environment]()
    for path in sorted(runs.glob(f"*/{ENVIRONMENT}")):
        noted = json.loads(path.read_text())
        there = Environment(**noted["environment"])
        if noted["work"] in works and there != here:
            others[there] += 1
    return [
        f"{count} {'run' if count == 1 else 'runs'} of {there.unlike(here)} are here, and this is "
        f"{here.unlike(there)}: trained anew."
        for there, count in others.items()
    ]
