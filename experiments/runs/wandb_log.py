"""W&B as the second logger: it needs no key, never asks, and goes on where a run was stopped."""

import netrc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities import rank_zero_only

from poseproof.errors import UserError

if TYPE_CHECKING:
    import wandb

PROJECT = "poseproof"


class WandbLog(Callback):
    """Logs every epoch of a fit to W&B, as one row of all that it logged.

    The CSV log stays the one of record. Stages share one W&B run.
    """

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the epoch."""
        import wandb

        if trainer.is_global_zero and wandb.run:
            figures = {name: value.item() for name, value in trainer.callback_metrics.items()}
            wandb.run.log({**figures, "epoch": trainer.current_epoch})


@contextmanager
def followed(identity: str, name: str, config: Mapping[str, Any]) -> Iterator[None]:
    """Have a W&B run for as long as a fit lasts, on its first process alone.

    The arguments are those of `start`, which raises what this does.
    """
    run = rank_zero_only(start)(identity, name, config)
    try:
        yield
    except BaseException as stop:
        # stopped by the sweep's server, which has seen enough
        asked = isinstance(stop, SystemExit) and not stop.code
        if run:
            run.finish(exit_code=0 if asked else 1)
        raise
    if run:
        run.finish()


def start(identity: str, name: str, config: Mapping[str, Any]) -> "wandb.Run":
    """Start a W&B run, or go on with it.

    Inside a sweep the agent knows project and id. Without a key the run is kept offline in
    `wandb/`, for `wandb sync`, unless WANDB_MODE says otherwise; nobody is asked.

    Args:
        identity: the run's id outside a sweep, equal for equal runs.
        name: for people.
        config: all that the run is made of.

    Raises:
        UserError: W&B is not installed.
    """
    need_wandb()
    import wandb

    # W&B's own default; anything else is somebody's wish
    unasked = "WANDB_MODE" not in os.environ and settings().mode == "online"
    in_sweep = "WANDB_SWEEP_ID" in os.environ
    run = wandb.init(
        project=None if in_sweep else os.environ.get("WANDB_PROJECT", PROJECT),
        id=None if in_sweep else identity,
        name=name,
        resume="allow",
        mode="offline" if unasked and not has_key() else None,
    )
    run.config.update(dict(config), allow_val_change=True)
    return run


def need_wandb() -> None:
    """Check that W&B is installed.

    Raises:
        UserError: it is not.
    """
    try:
        import wandb  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(
            "W&B is not installed: pip install wandb, or do without loggers/wandb.yaml."
        ) from error


def has_key() -> bool:
    """Whether there is a key of W&B, in the environment or for its server in `.netrc`."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    server = urlsplit(settings().base_url).hostname or ""
    path = Path(os.environ.get("NETRC", "~/.netrc")).expanduser()
    try:
        return path.exists() and netrc.netrc(path).authenticators(server) is not None
    except netrc.NetrcParseError:
        return False  # W&B warns of it and goes on


def settings() -> "wandb.Settings":
    """What the environment and W&B's own files say, without asking the server."""
    from wandb.sdk import wandb_setup

    return wandb_setup.singleton().settings
