"""Workers: processes that take a table's runs side by side, one thread each."""

import fcntl
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

from pytorch_lightning import Callback, LightningModule, Trainer

from datamodules import DataError
from experiments.runs import Run

OnRun = Callable[[Run], None]
_EPOCH = "epoch"


def one_by_one(runs: Sequence[Run], on_epoch: OnRun, on_done: OnRun) -> None:
    """Execute runs in this process, one after the other.

    Args:
        runs: what to execute.
        on_epoch: called after an epoch of training.
        on_done: called after the last measurement of a run.
    """
    for run in runs:
        _execute(run, lambda run=run: on_epoch(run))  # type: ignore[misc]
        on_done(run)


class Workers:
    """Processes that share out runs; they hold the data of their parent, copying none.

    They are forked when this is made, which must be before the process has other threads. A run's
    figures do not depend on who executes it. Workers end with their parent, however that ends.

    Args:
        runs: what to execute, first ones first.
        count: of the processes.
    """

    def __init__(self, runs: Sequence[Run], count: int) -> None:
        self.runs = runs
        self._processes: dict[Connection, BaseProcess] = {}
        context = get_context("fork")
        for _ in range(min(count, len(runs))):
            here, there = context.Pipe()
            process = context.Process(target=self._work, args=(there, os.getpid()), daemon=True)
            process.start()
            there.close()
            self._processes[here] = process

    def execute(self, on_epoch: OnRun, on_done: OnRun) -> None:
        """Execute all runs; the arguments are those of `one_by_one`.

        Raises:
            DataError: what a run raised.
            RuntimeError: a worker ended early; it has told why.
        """
        waiting = iter(range(len(self.runs)))
        busy: dict[Connection, int] = {}
        try:
            for worker, number in zip(self._processes, waiting, strict=False):
                busy[worker] = number
                worker.send(number)
            while busy:
                for worker in cast(list[Connection], wait(list(busy))):
                    run = self.runs[busy[worker]]
                    if (told := _received(worker, run)) == _EPOCH:
                        on_epoch(run)
                        continue
                    del busy[worker]
                    if isinstance(told, DataError):
                        raise told
                    on_done(run)
                    for number in islice(waiting, 1):
                        busy[worker] = number
                        worker.send(number)
        finally:
            # what they have done is on disk
            for process in self._processes.values():
                process.kill()
                process.join()

    def _work(self, parent: Connection, parent_id: int) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and ends this
        while True:
            while not parent.poll(1):
                _end_with(parent_id)
            run = self.runs[parent.recv()]
            told = None
            try:
                _execute(run, lambda: parent.send(_EPOCH), lambda: _end_with(parent_id))
            except DataError as error:
                told = error
            parent.send(told)


class _Follow(Callback):
    def __init__(self, on_epoch: Callable[[], None], on_step: Callable[[], None]) -> None:
        self.on_epoch = on_epoch
        self.on_step = on_step

    def on_train_batch_end(self, *_: object) -> None:
        self.on_step()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.on_epoch()


def _execute(
    run: Run, on_epoch: Callable[[], None], on_step: Callable[[], None] = lambda: None
) -> None:
    with _alone(run.folder):
        if run.missing:
            run.execute([_Follow(on_epoch, on_step)])


def _received(worker: Connection, run: Run) -> object:
    try:
        return worker.recv()
    except (EOFError, ConnectionResetError) as error:
        raise RuntimeError(f"The process of {run.row}, seed {run.seed}, ended.") from error


def _end_with(parent_id: int) -> None:
    """End this process, which writes nothing by halves, where its parent has ended."""
    if os.getppid() != parent_id:
        os._exit(1)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process, such as another table's, is in a run's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
