"""Fit what a composition describes, in stages or at once, and go on where it was stopped."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor, nn

from experiments.config.composer import Built, Composition, Stage
from experiments.runs.callbacks import callbacks
from experiments.runs.files import write_json
from experiments.runs.progress import EpochLines, Heartbeat
from poseproof.errors import UserError

# a fit, folder for its checkpoint -> model, data and trainer
Build = Callable[[Composition, Path], Built]
Weights = Mapping[str, Tensor]


def fit(composition: Composition, folder: Path, followers: Sequence[Callback] = ()) -> Built:
    """Fit what is not fitted; what is, comes back with its weights.

    Args:
        composition: the fit.
        folder: folder for checkpoints and logs, which has nothing of other fits.
        followers: callbacks that follow the training.

    Raises:
        UserError: wrong options or data.
    """

    def build(each: Composition, place: Path) -> Built:
        # in the root, too, Lightning would look for what a SLURM job has left
        log = {"init_args": {"save_dir": str(place / "log")}}
        placed = each.with_options(trainer={"logger": log, "default_root_dir": str(place)})
        return placed.build(callbacks(place))

    if composition.stages:
        return fit_stages(composition, build, folder, "", followers)
    built = build(composition, folder)
    built.trainer.callbacks.extend(followers)  # type: ignore[attr-defined]
    checkpoint = folder / "last.ckpt"
    resumed = checkpoint if checkpoint.exists() else None
    built.trainer.fit(built.model, built.datamodule, ckpt_path=resumed)
    return built


def fit_stages(
    composition: Composition,
    build: Build,
    folder: Path,
    identity: str,
    followers: Sequence[Callback] = (),
    heartbeat: Heartbeat | None = None,
) -> Built:
    """Fit every stage that is not finished; stopped anywhere, the next call goes on from there.

    A stage's folder is named by a hash of what determines its weights, the stages before it
    included: when a stage changes, it and those after it are fitted anew.

    Args:
        composition: the fit, with its stages.
        build: builds model, data and trainer of a stage.
        folder: folder of the stages' own folders.
        identity: hash of all else that determines weights: the config, the data, the code.
        followers: callbacks that follow the training.
        heartbeat: says once a minute which epoch of which stage is under way.

    Returns:
        The last stage's model, with its trained weights, data and trainer.

    Raises:
        UserError: a stage names a module that there is not, or weights do not go over.
    """
    stages = composition.stages
    fits = [
        composition.with_options(
            stage.model, stage.data, {"max_epochs": stage.of(composition.max_epochs)}
        )
        for stage in stages
    ]
    # every mistake shows here, before a stage is trained
    models = [build(each, folder).model for each in fits]
    for stage, model, before in zip(stages, models, [None, *models], strict=False):
        for name in (*stage.fresh, *stage.frozen):
            _submodule(model, name)
        if before is not None:
            check_take_over(model.state_dict(), before.state_dict(), stage.fresh)
    key, checkpoint = identity, None
    for number, (stage, each) in enumerate(zip(stages, fits, strict=True), start=1):
        key = blake2b(repr((key, stage, each.max_epochs)).encode(), digest_size=5).hexdigest()
        place = folder / f"{number}-{stage.name}-{key}"
        previous, checkpoint = checkpoint, place / "last.ckpt"
        finished = place / "finished.json"
        if finished.exists() and number < len(stages):
            continue
        rank_zero_info(f"Stage {number} of {len(stages)}, {stage.name}: {place}")
        built = build(each, place)
        if previous and not checkpoint.exists():
            take_over(built.model, previous, stage.fresh)
        place_in_chain = f"stage {number} of {len(stages)}, {stage.name}: "
        lines = [EpochLines(heartbeat, place_in_chain)] if heartbeat else []
        built.trainer.callbacks += [Frozen(stage), *lines, *followers]  # type: ignore[attr-defined]
        resumed = checkpoint if checkpoint.exists() else None
        built.trainer.fit(built.model, built.datamodule, ckpt_path=resumed)
        write_json(finished, asdict(stage) | {"max_epochs": each.max_epochs})
    return built


def check_take_over(own: Weights, other: Weights, fresh: Sequence[str]) -> None:
    """Check that the weights of one model go over to another, by name and shape.

    Raises:
        UserError: a module that is not fresh has other weights here than there.
    """
    shapes = (
        {(name, weight.shape) for name, weight in weights.items() if not _within(name, fresh)}
        for weights in (own, other)
    )
    if differing := {name for name, _ in next(shapes) ^ next(shapes)}:
        raise UserError(
            f"{len(differing)} weights do not go over to the next stage, such as "
            f"{min(differing)}: name their modules under its `fresh`, or make them the same."
        )


def take_over(model: LightningModule, checkpoint: Path, fresh: Sequence[str]) -> None:
    """Load a stage's weights into the next stage's model, by name.

    A model whose modules depend on the data shapes them by the checkpoint first.

    Raises:
        UserError: a module that is not fresh has other weights here than there.
    """
    loaded = torch.load(checkpoint, weights_only=True, map_location="cpu")
    model.on_load_checkpoint(loaded)
    before = loaded["state_dict"]
    own = model.state_dict()
    check_take_over(own, before, fresh)
    model.load_state_dict(
        {name: own[name] if _within(name, fresh) else before[name] for name in own}
    )


class Frozen(Callback):
    """Keeps a stage's frozen modules from training."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Freeze before the optimiser is made; Lightning keeps a module's test mode."""
        for name in self.stage.frozen if stage == "fit" else ():
            module = _submodule(pl_module, name).requires_grad_(False)
            if self.stage.frozen_statistics == "fixed":
                module.eval()


def _submodule(model: nn.Module, name: str) -> nn.Module:
    try:
        return model.get_submodule(name)
    except AttributeError as error:
        known = ", ".join(n for n, _ in model.named_modules() if 0 < n.count(".") < 2)
        raise UserError(f"A stage names {name}, but the model has {known}.") from error


def _within(name: str, modules: Sequence[str]) -> bool:
    return any(name.startswith(f"{module}.") for module in modules)
