"""Workers: processes that take tables' runs side by side, one thread each."""

import fcntl
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

from pytorch_lightning import Callback, LightningModule, Trainer

from experiments.runs.backends.ranks import Launcher
from experiments.runs.costs import Stopwatch
from experiments.runs.run import Run
from poseproof.errors import UserError

OnRun = Callable[[Run], None]
OnFailure = Callable[[Run, Exception], None]
# the longest time between two calls of `on_wait`, seconds
_PATIENCE = 1.0


def raise_it(run: Run, error: Exception) -> None:
    """Let what a run has raised end all."""
    raise error


def one_by_one(
    runs: Sequence[Run],
    on_epoch: OnRun,
    on_done: OnRun,
    on_failure: OnFailure = raise_it,
    launcher: Launcher | None = None,
) -> None:
    """Execute runs in this process, one after the other.

    Args:
        runs: what to execute.
        on_epoch: called after an epoch of training.
        on_done: called after the last measurement of a run.
        on_failure: called with what a run has raised; that is raised, and ends all, if not given.
        launcher: trains them, in processes of its own.
    """
    for run in runs:
        if error := _raised(run, lambda run=run: on_epoch(run), launcher=launcher):  # type: ignore[misc]
            on_failure(run, error)
        else:
            on_done(run)


class Workers:
    """Processes that share out runs; they hold the data of their parent, copying none.

    They are forked when this is made, and a new one in the place of one that has ended, so that the
    process must not have threads. A run's figures do not depend on who executes it; runs that share
    a folder are one worker's. Workers end with their parent, however that ends.

    Args:
        runs: what to execute, first ones first.
        count: of the processes.
    """

    def __init__(self, runs: Sequence[Run], count: int) -> None:
        folders = dict.fromkeys(run.folder for run in runs)
        self.shares = [[run for run in runs if run.folder == folder] for folder in folders]
        self._processes: dict[Connection, BaseProcess] = {}
        for _ in range(min(count, len(self.shares))):
            self._start()

    def execute(
        self,
        on_epoch: OnRun,
        on_done: OnRun,
        on_failure: OnFailure = raise_it,
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        """Execute all runs; the arguments are those of `one_by_one`.

        What a run raises comes as it is where it is a UserError, and as a RuntimeError of its name
        and words otherwise, or where the process has ended early; it has printed why.

        Args:
            on_epoch: see there.
            on_done: see there.
            on_failure: see there.
            on_wait: called every now and then.
        """
        waiting = list(range(len(self.shares)))[::-1]
        # what a worker has of its share still to tell of
        busy: dict[Connection, list[Run]] = {}
        try:
            while waiting or busy:
                for worker in [each for each in self._processes if each not in busy]:
                    if waiting and self._sent(worker, waiting[-1]):
                        busy[worker] = [*self.shares[waiting.pop()]]
                for worker in cast(list[Connection], wait(list(busy), _PATIENCE)):
                    left = busy[worker]
                    try:
                        self._hear(worker, left, on_epoch, on_done, on_failure)
                    except (EOFError, ConnectionResetError):
                        self._replace(worker)
                        for run in left:
                            name = f"{run.row}, seed {run.seed}"
                            on_failure(run, RuntimeError(f"The process of {name}, ended."))
                        left.clear()
                    if not left:
                        del busy[worker]
                on_wait()
        finally:
            # what they have done is on disk
            for process in self._processes.values():
                process.kill()
                process.join()

    def _hear(
        self,
        worker: Connection,
        left: list[Run],
        on_epoch: OnRun,
        on_done: OnRun,
        on_failure: OnFailure,
    ) -> None:
        """Take one message: that an epoch, or that a run has ended, and how."""
        ended, error = worker.recv()
        if not ended:
            on_epoch(left[0])
            return
        run = left.pop(0)
        if error is None:
            on_done(run)
        else:
            on_failure(run, error)

    def _sent(self, worker: Connection, number: int) -> bool:
        try:
            worker.send(number)
        except BrokenPipeError:
            self._replace(worker)
            return False
        return True

    def _replace(self, worker: Connection) -> None:
        self._processes.pop(worker).join()
        self._start()

    def _start(self) -> None:
        context = get_context("fork")
        here, there = context.Pipe()
        process = context.Process(target=self._work, args=(there, os.getpid()), daemon=True)
        process.start()
        there.close()
        self._processes[here] = process

    def _work(self, parent: Connection, parent_id: int) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and ends this
        while True:
            while not parent.poll(1):
                _end_with(parent_id)
            for run in self.shares[parent.recv()]:
                error = _raised(
                    run, lambda: parent.send((False, None)), lambda: _end_with(parent_id)
                )
                if error and not isinstance(error, UserError):
                    traceback.print_exception(error)
                    # as itself it need not go through a pipe
                    error = RuntimeError(f"{type(error).__name__}: {error}")
                parent.send((True, error))


class _Follow(Callback):
    def __init__(self, on_epoch: Callable[[], None], on_step: Callable[[], None]) -> None:
        self.on_epoch = on_epoch
        self.on_step = on_step

    def on_train_batch_end(self, *_: object) -> None:
        self.on_step()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.on_epoch()


def _raised(
    run: Run,
    on_epoch: Callable[[], None],
    on_step: Callable[[], None] = lambda: None,
    launcher: Launcher | None = None,
) -> Exception | None:
    """Execute a run, and return what it raises."""
    try:
        with _alone(run.folder) as lock:
            if run.missing:
                watch = Stopwatch(run)

                def end_epoch() -> None:
                    watch.end_epoch()
                    on_epoch()

                if launcher:
                    launcher.fit(run, watch.begin_epoch, end_epoch, lock)
                # what is trained is not trained again
                run.execute([watch, _Follow(on_epoch, on_step)])
                watch.stop()
    except Exception as error:
        return error
    return None


def _end_with(parent_id: int) -> None:
    """End this process, which writes nothing by halves, where its parent has ended."""
    if os.getppid() != parent_id:
        os._exit(1)


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Wait until no other process, such as another table's, is in a run's folder.

    Yields the file descriptor of its lock, which whoever has that holds.

    Raises:
        UserError: the file system has no locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise UserError(
                f"{folder} cannot be locked ({error.strerror}): give --results on a file system "
                "with flock."
            ) from error
        yield lock.fileno()
