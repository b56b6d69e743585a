"""Costs: how long runs have taken, and what the rest of a table will take."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from time import monotonic

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from experiments.runs.files import write_json
from experiments.runs.run import Run

_FILE = "seconds.json"


@dataclass(frozen=True)
class Spent:
    """What a run has taken so far, beside its figures in `seconds.json`.

    Attributes:
        kind: runs of one kind take about as long as each other.
        epochs: that were trained.
        training: seconds of them.
        rest: seconds of all else, such as setting up and measuring.
    """

    kind: str
    epochs: int = 0
    training: float = 0.0
    rest: float = 0.0

    @classmethod
    def of(cls, run: Run) -> "Spent":
        """What a run has taken."""
        path = run.folder / _FILE
        return cls(**json.loads(path.read_text())) if path.exists() else cls(_kind(run))


class Stopwatch(Callback):
    """Keeps what a run takes; a run that was stopped adds to what it had taken.

    An epoch that ended, and whose checkpoint was not written any more, is trained again: it does
    not count.
    """

    def __init__(self, run: Run) -> None:
        self.path = run.folder / _FILE
        spent = Spent.of(run)
        if spent.epochs > (kept := _epochs_kept(run.folder)):
            training = spent.training * kept / spent.epochs
            spent = replace(spent, epochs=kept, training=training)
        self.spent = spent
        self.lap = monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See `begin_epoch`."""
        self.begin_epoch()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See `end_epoch`."""
        self.end_epoch()

    def begin_epoch(self) -> None:
        """What came before was no training."""
        self._add(rest=self._seconds())

    def end_epoch(self) -> None:
        """Add an epoch, and write: a run may be stopped at any moment."""
        self._add(training=self._seconds(), epochs=1)
        write_json(self.path, asdict(self.spent))

    def stop(self) -> None:
        """The run has ended."""
        self._add(rest=self._seconds())
        write_json(self.path, asdict(self.spent))

    def _seconds(self) -> float:
        began, self.lap = self.lap, monotonic()
        return self.lap - began

    def _add(self, **more: float) -> None:
        sums = {name: getattr(self.spent, name) + value for name, value in more.items()}
        self.spent = replace(self.spent, **sums)


@dataclass(frozen=True)
class Cost:
    """What some runs take; runs that are the same are counted once.

    Attributes:
        runs: how many there are.
        done: how many of them are done.
        epochs: left to train.
        seconds: that the rest takes, one run at a time, as far as runs of its kind were timed.
        untimed: epochs of it that are of kinds that were not.
    """

    runs: int
    done: int
    epochs: int
    seconds: float
    untimed: int


def cost(runs: Sequence[Run], rates: Mapping[str, tuple[float, float]]) -> Cost:
    """Add up what runs take.

    Args:
        runs: of one table, or of several.
        rates: kind -> seconds of an epoch, and of a run beside its epochs.
    """
    by_folder: dict[Path, list[Run]] = {}
    for run in runs:
        by_folder.setdefault(run.folder, []).append(run)
    shares = [[run for run in same if run.missing] for same in by_folder.values()]
    todo = [share[0] for share in shares if share]
    total, seconds, untimed = 0, 0.0, 0
    for run in todo:
        spent = Spent.of(run)
        epochs = max(0, run.epochs - spent.epochs)
        total += epochs
        if spent.kind in rates:
            epoch, rest = rates[spent.kind]
            seconds += epochs * epoch + rest
        else:
            untimed += epochs
    return Cost(len(by_folder), len(by_folder) - len(todo), total, seconds, untimed)


def rates(results: Path) -> dict[str, tuple[float, float]]:
    """Kind -> seconds of an epoch, and of a run beside its epochs: medians of what was timed."""
    seen: dict[str, list[Spent]] = {}
    for path in sorted((results / "runs").glob(f"*/{_FILE}")):
        spent = Spent(**json.loads(path.read_text()))
        if spent.epochs and (path.parent / "metrics.json").exists():
            seen.setdefault(spent.kind, []).append(spent)
    return {
        kind: (
            median(spent.training / spent.epochs for spent in timed),
            median(spent.rest for spent in timed),
        )
        for kind, timed in seen.items()
    }


def _epochs_kept(folder: Path) -> int:
    """Epochs that the checkpoints in a run's folder have behind them, in all of its stages."""
    checkpoints = (
        torch.load(path, weights_only=True, map_location="cpu", mmap=True)
        for path in folder.rglob("last.ckpt")
    )
    return sum(checkpoint["epoch"] + 1 for checkpoint in checkpoints)


def _kind(run: Run) -> str:
    row = run.table.rows[run.row]
    words = [row.method, run.setting.data, run.setting.preset]
    words += [preset] if (preset := row.presets.get(run.setting.preset)) else []
    words += [f"{ranks} ranks"] if (ranks := run.setting.ranks) > 1 else []
    return " ".join(words)
