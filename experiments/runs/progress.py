"""Progress: where long work is, in a line a minute, for logs where no terminal shows a bar."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic

from pytorch_lightning import Callback, LightningModule, Trainer

# a little less than the minute that is promised, as the clock is looked at now and then
EVERY = 55.0
# the longest time between two looks at the clock, seconds
_PATIENCE = 1.0


class Heartbeat:
    """Says where work is, once a minute.

    Args:
        tell: takes a line.
        clock: seconds that have gone by.
    """

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float] = monotonic) -> None:
        self.tell = tell
        self.clock = clock
        self.began = self.last = clock()

    def tick(self, where: str, done: float, total: float) -> None:
        """Print where the work is, unless that was printed less than a minute ago.

        Args:
            where: where it is, in words.
            done: amount of work since the heartbeat began.
            total: amount of work from then to the end.
        """
        now = self.clock()
        if now - self.last >= EVERY:
            self.last = now
            left = (now - self.began) * (total - done) / done if done else None
            self.tell(f"{where}, {time_left(left)}")

    @contextmanager
    def ticking(self, tick: Callable[[], None]) -> Iterator[None]:
        """Have a thread look at the clock while this process is busy.

        Args:
            tick: calls `tick`.
        """
        ended = Event()

        def watch() -> None:
            while not ended.wait(_PATIENCE):
                tick()

        thread = Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


class EpochLines(Callback):
    """Says once a minute which epoch of a fit is under way.

    Args:
        heartbeat: says it.
        stage: name of the stage and its place in the chain; empty for a plain fit.
    """

    def __init__(self, heartbeat: Heartbeat, stage: str = "") -> None:
        self.heartbeat = heartbeat
        self.stage = stage
        self.first: int | None = None

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """Look at the clock."""
        assert trainer.max_epochs is not None
        if self.first is None:
            # of a fit that goes on
            self.first = trainer.current_epoch
        epoch, batches = trainer.current_epoch, int(trainer.num_training_batches)
        step = trainer.fit_loop.batch_idx + 1
        done = epoch - self.first + step / batches
        where = f"{self.stage}epoch {epoch + 1} of {trainer.max_epochs}, step {step} of {batches}"
        if trainer.is_global_zero:
            self.heartbeat.tick(where, done, trainer.max_epochs - self.first)


def time_left(seconds: float | None) -> str:
    """For people."""
    if seconds is None:
        return "time left unknown"
    if seconds < 90:
        return f"{seconds:.0f} s left"
    minutes = seconds / 60
    return f"{minutes:.0f} min left" if minutes < 90 else f"{minutes / 60:.1f} h left"
