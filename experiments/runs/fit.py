"""Fit what a command line builds, in stages or at once, and go on where it was stopped."""

from collections.abc import Sequence
from pathlib import Path

from pytorch_lightning import Callback

from experiments.cli.lightning import PoseCLI
from experiments.runs.stages import Built, Stage, fit_stages


def fit(
    args: Sequence[str],
    stages: Sequence[Stage],
    max_epochs: int,
    folder: Path,
    callbacks: Sequence[Callback] = (),
) -> Built:
    """Fit what is not fitted; what is, comes back with its weights.

    Args:
        args: the command line, without a subcommand.
        stages: of a chained fit; none for a plain one.
        max_epochs: of the command line.
        folder: for checkpoints and logs, which holds nothing of other command lines.
        callbacks: to follow the training.

    Raises:
        DataError: wrong options or data.
    """

    def build(options: list[str], place: Path) -> PoseCLI:
        # there, too, Lightning would look for what a SLURM job has left
        places = {"logger.init_args.save_dir": place / "log", "default_root_dir": place}
        held = [f"--trainer.{name}={where}" for name, where in places.items()]
        return PoseCLI([*args, *held, *options], run=False, checkpoints=place)

    if stages:
        return fit_stages(stages, max_epochs, build, folder, "", callbacks)
    cli = build([], folder)
    cli.trainer.callbacks.extend(callbacks)  # type: ignore[attr-defined]
    checkpoint = folder / "last.ckpt"
    cli.trainer.fit(
        cli.model, cli.datamodule, ckpt_path=checkpoint if checkpoint.exists() else None
    )
    return cli
