"""Chained fits: one `lightning fit` that trains a method in stages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor, nn

from datamodules import DataError
from experiments.runs.files import write_json


@dataclass(frozen=True)
class Stage:
    """One fit of a chain, with a trainer, an optimiser and a schedule of its own.

    Weights pass from stage to stage by name. All modules must be the same in both, but for those
    that are `fresh`.

    Attributes:
        name: of its folder.
        model: options of the model in which it differs from the config.
        data: options of the protocol in which it differs.
        epochs: factor on the config's `trainer.max_epochs`.
        fresh: modules that take nothing over and keep the weights they were drawn with.
        frozen: modules that are not trained.
        frozen_statistics: "fixed": frozen modules run as in a test, without dropout and with the
            batch statistics that they have; "moving": as in training, as the released RIE code has
            it, where only their weights stay.
    """

    name: str
    model: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    epochs: float = 1.0
    fresh: list[str] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)
    frozen_statistics: Literal["fixed", "moving"] = "fixed"

    def of(self, max_epochs: int) -> int:
        """The stage's own epochs, at least one."""
        return max(1, round(self.epochs * max_epochs))


class Built(Protocol):
    """What a command line builds."""

    model: LightningModule
    datamodule: Any
    trainer: Trainer


# options to add to the command line, folder for the checkpoint -> what they build
Build = Callable[[list[str], Path], Built]


def fit_stages(
    stages: Sequence[Stage],
    max_epochs: int,
    build: Build,
    folder: Path,
    identity: str,
    callbacks: Sequence[Callback] = (),
) -> Built:
    """Fit every stage that is not finished; stopped anywhere, the next call goes on from there.

    A stage's folder is named by a hash of what determines its weights, the stages before it
    included: when a stage changes, it and those after it are fitted anew.

    Args:
        stages: in their order.
        max_epochs: what the stages' factors multiply.
        build: builds model, data and trainer of a stage.
        folder: where the stages' folders lie.
        identity: of all else that determines weights: the config, the data, the code.
        callbacks: to follow the training.

    Returns:
        The last stage's model, with its trained weights, data and trainer.

    Raises:
        DataError: a stage names a module that there is not, or weights do not go over.
    """
    plans = [_Plan(stage, stage.of(max_epochs)) for stage in stages]
    # every mistake shows here, before a stage is trained
    models = [build(plan.options, folder).model for plan in plans]
    for plan, model, before in zip(plans, models, [None, *models], strict=False):
        for name in (*plan.stage.fresh, *plan.stage.frozen):
            _submodule(model, name)
        if before is not None:
            check_take_over(model.state_dict(), before.state_dict(), plan.stage.fresh)
    key, checkpoint = identity, None
    for number, plan in enumerate(plans, start=1):
        key = blake2b(repr((key, plan)).encode(), digest_size=5).hexdigest()
        place = folder / f"{number}-{plan.stage.name}-{key}"
        previous, checkpoint = checkpoint, place / "last.ckpt"
        finished = place / "finished.json"
        if finished.exists() and plan is not plans[-1]:
            continue
        rank_zero_info(f"Stage {number} of {len(plans)}, {plan.stage.name}: {place}")
        built = build(plan.options, place)
        if previous and not checkpoint.exists():
            take_over(built.model, previous, plan.stage.fresh)
        built.trainer.callbacks += [Frozen(plan.stage), *callbacks]  # type: ignore[attr-defined]
        resumed = checkpoint if checkpoint.exists() else None
        built.trainer.fit(built.model, built.datamodule, ckpt_path=resumed)
        write_json(finished, asdict(plan))
    return built


@dataclass(frozen=True)
class _Plan:
    """A stage and its own epochs."""

    stage: Stage
    epochs: int

    @property
    def options(self) -> list[str]:
        stage = self.stage
        options = {f"model.init_args.{name}": value for name, value in stage.model.items()}
        options |= {f"data.init_args.{name}": value for name, value in stage.data.items()}
        options["trainer.max_epochs"] = self.epochs
        return [f"--{name}={value}" for name, value in options.items()]


Weights = Mapping[str, Tensor]


def check_take_over(own: Weights, held: Weights, fresh: Sequence[str]) -> None:
    """Check that the weights of one model go over to another, by name and shape.

    Raises:
        DataError: a module that is not fresh has other weights here than there.
    """
    shapes = (
        {(name, weight.shape) for name, weight in weights.items() if not _within(name, fresh)}
        for weights in (own, held)
    )
    if differing := {name for name, _ in next(shapes) ^ next(shapes)}:
        raise DataError(
            f"{len(differing)} weights do not go over to the next stage, such as "
            f"{min(differing)}: name their modules under its `fresh`, or make them the same."
        )


def take_over(model: LightningModule, checkpoint: Path, fresh: Sequence[str]) -> None:
    """Load a stage's weights into the next stage's model, by name.

    A model whose modules depend on the data shapes them by the checkpoint first.

    Raises:
        DataError: a module that is not fresh has other weights here than there.
    """
    loaded = torch.load(checkpoint, weights_only=True, map_location="cpu")
    model.on_load_checkpoint(loaded)
    held = loaded["state_dict"]
    own = model.state_dict()
    check_take_over(own, held, fresh)
    model.load_state_dict({name: own[name] if _within(name, fresh) else held[name] for name in own})


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
        raise DataError(f"A stage names {name}, but the model has {known}.") from error


def _within(name: str, modules: Sequence[str]) -> bool:
    return any(name.startswith(f"{module}.") for module in modules)
