"""MetricsFile: a run's figures as a file, for people and programs."""

from pathlib import Path

from pytorch_lightning import Callback, LightningModule, Trainer

from experiments.runs.files import write_json


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
