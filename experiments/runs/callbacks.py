"""The callbacks of every fit: what a resumed run needs, and its figures as a file."""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from experiments.runs.files import write_json


def callbacks(checkpoints: Path | None) -> list[Callback]:
    """The callbacks of a fit.

    Args:
        checkpoints: folder for the last epoch's checkpoint; the log's when not given.
    """
    return [
        RandomStates(),
        LastLoss(),
        MetricsFile(),
        # the last epoch's weights: no test frame, and no luck, selects them
        ModelCheckpoint(checkpoints, "last", enable_version_counter=False),
    ]


class RandomStates(Callback):
    """Keeps PyTorch's random states (dropout) in the checkpoint.

    They are put back where an epoch starts, after whatever start-up has drawn.
    """

    def __init__(self) -> None:
        self.restored: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """The states when a checkpoint is written, which is at the end of an epoch."""
        return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember the states of a checkpoint."""
        self.restored = state_dict

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put them back, once."""
        if self.restored is not None:
            torch.set_rng_state(self.restored["cpu"].cpu())
            torch.cuda.set_rng_state_all([state.cpu() for state in self.restored["cuda"]])
            self.restored = None


class LastLoss(Callback):
    """Keeps the last epoch's mean training loss, and puts it into the checkpoint."""

    loss = float("nan")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the loss, the mean of all ranks', which have equally many frames."""
        loss = trainer.strategy.reduce(trainer.callback_metrics["train/loss"], reduce_op="mean")
        self.loss = loss.item()

    def state_dict(self) -> dict[str, Any]:
        """The loss."""
        return {"loss": self.loss}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the loss of a checkpoint."""
        self.loss = state_dict["loss"]


class MetricsFile(Callback):
    """Writes `metrics.json` beside the run's log after validation and after a test."""

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the figures of the validation."""
        self._write(trainer)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the figures of the test."""
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        folder = trainer.log_dir  # asks rank 0, so that all ranks must ask
        if trainer.is_global_zero and folder:
            metrics = {name: value.item() for name, value in trainer.callback_metrics.items()}
            write_json(Path(folder) / "metrics.json", metrics)
