"""LastLoss: the training loss of the last epoch, which a resumed run has too."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer


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
