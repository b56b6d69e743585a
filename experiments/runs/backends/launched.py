"""One rank of a training that `Launcher` has launched."""

import json
import os
import select
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from experiments.config.composer import compose_values
from experiments.runs.backends.world import EPOCH_BEGINS, EPOCH_ENDS, World, say
from experiments.runs.fit import fit
from experiments.runs.process import (
    keep_freed_memory,
    leave_out_harmless_warnings,
    one_sentence_for_mistakes,
)

# a job that is queued again goes on from the last epoch's end, and not, as Lightning's own way of
# doing that has it, within an epoch, whose rest would hold frames that it has seen
_SLURM = {
    "class_path": "lightning_fabric.plugins.environments.SLURMEnvironment",
    "init_args": {"auto_requeue": False},
}


class Telling(Callback):
    """Tells of every epoch, and ends the process when nobody hears it."""

    def __init__(self) -> None:
        self.hearing = select.poll()
        # nothing but the other end's going
        self.hearing.register(sys.stdout, 0)

    def on_train_batch_end(self, *_: object) -> None:
        """End with who has launched this; nothing is written by halves."""
        if self.hearing.poll(0):
            os._exit(1)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell, once for all ranks."""
        self._tell(trainer, EPOCH_BEGINS)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell, once for all ranks."""
        self._tell(trainer, EPOCH_ENDS)

    def _tell(self, trainer: Trainer, what: str) -> None:
        if trainer.is_global_zero:
            say(what)


def flags(world: World) -> dict[str, Any]:
    """The trainer's options in a world, one device a rank."""
    options = {
        "devices": world.devices,
        "num_nodes": world.nodes,
        "strategy": "ddp" if world.ranks > 1 else "auto",
        "accelerator": "cuda" if torch.cuda.is_available() else "cpu",
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return options | ({"plugins": _SLURM} if world.by == "srun" else {})


def main(args: Sequence[str] | None = None) -> None:
    """Fit what a file in a run's folder says."""
    (name,) = sys.argv[1:] if args is None else args
    task, world = Path(name), World.of(os.environ)
    task_of = json.loads(task.read_text())
    if world.by == "srun":
        # Lightning knows this way alone of saying how many tasks there are
        os.environ["SLURM_NTASKS_PER_NODE"] = str(world.devices)
    torch.set_num_threads(max(1, task_of["threads"] // world.devices))
    keep_freed_memory()
    leave_out_harmless_warnings()
    with one_sentence_for_mistakes():
        composition = compose_values(task_of["config"]).with_options(trainer=flags(world))
        fit(composition, task.parent, [Telling()])


if __name__ == "__main__":
    main()
