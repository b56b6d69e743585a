"""RandomStates: a resumed run draws the random numbers that the undisturbed one would have."""

from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer


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
