"""The composer: what configs and options say of a fit, parsed by jsonargparse and by nothing else.

A table, `lightning fit` and a stage of a chained fit are all composed here, so that a config means
the same to each of them. A composition is parsed once and builds what it is asked for: the data
module alone, the model alone, or both with a trainer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, cast

from jsonargparse import ActionConfigFile, Namespace
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything
from pytorch_lightning.cli import LightningArgumentParser, SaveConfigCallback

# configs name these packages' classes
import lightning_modules  # noqa: F401
from datamodules import PoseDataModule
from lightning_modules import PoseLifter
from metrics.evaluator import Evaluator
from poseproof.errors import UserError

TRAINER_DEFAULTS = {
    "max_epochs": 60,
    "logger": {
        "class_path": "pytorch_lightning.loggers.CSVLogger",
        "init_args": {"save_dir": "runs", "name": ""},
    },
    # no collective in a step, and the loader splits evaluation frames by itself
    "num_sanity_val_steps": 0,
}
SEED = 0
# the sections of a config that say what is fitted and measured
SECTIONS = ("seed_everything", "trainer", "model", "data", "stages", "evaluator")


@dataclass(frozen=True)
class Stage:
    """One fit of a chain, with a trainer, an optimiser and a schedule of its own.

    Weights pass from stage to stage by name. All modules must be the same in both, but for those
    that are `fresh`.

    Attributes:
        name: name of the stage, which its folder bears.
        model: options of the model in which the stage differs from the config.
        data: options of the protocol in which the stage differs from the config.
        epochs: factor on the config's `trainer.max_epochs`.
        fresh: modules that take no weights over and keep those they were drawn with.
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


@dataclass(frozen=True)
class Built:
    """Model, data and trainer of one fit."""

    model: LightningModule
    datamodule: PoseDataModule
    trainer: Trainer


@dataclass(frozen=True)
class Composition:
    """One fit as configs and options describe it, with every default filled in.

    Attributes:
        config: the parsed config, of the sections in `SECTIONS`; never changed.
    """

    config: Namespace

    @property
    def max_epochs(self) -> int:
        """Epochs of a plain fit, which the stages' factors multiply."""
        epochs: int = self.config.trainer.max_epochs
        return epochs

    @cached_property
    def stages(self) -> list[Stage]:
        """The stages of a chained fit; none for a plain one."""
        return [Stage(**stage.as_dict()) for stage in self.config.stages]

    @property
    def epochs(self) -> int:
        """Epochs in all stages together."""
        return sum(stage.of(self.max_epochs) for stage in self.stages) or self.max_epochs

    def with_options(
        self,
        model: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        trainer: Mapping[str, Any] | None = None,
        seed: int | None = None,
    ) -> "Composition":
        """The same fit with some options set, which are checked as those of a command line are.

        Args:
            model: options of the model.
            data: options of the protocol.
            trainer: options of the trainer.
            seed: seed of weights, order and dropout.

        Raises:
            ArgumentError: there is no such option, or not with such a value.
        """
        changes: dict[str, Any] = {
            "model": {"init_args": dict(model or {})},
            "data": {"init_args": dict(data or {})},
            "trainer": dict(trainer or {}),
        }
        if seed is not None:
            changes["seed_everything"] = seed
        return Composition(_sections(parser().parse_object(changes, self.config.clone())))

    def with_values(self, values: Mapping[str, int]) -> "Composition":
        """The same fit with whole numbers in some places, such as `trainer.max_epochs`.

        Raises:
            UserError: there is no such place.
        """
        config = self.config.clone()
        for place, value in values.items():
            if place not in config:
                raise UserError(f"There is no option {place} to set to {value}.")
            config[place] = value
        return Composition(config)

    def without_stages(self) -> "Composition":
        """The same fit at once."""
        config = self.config.clone()
        config.stages = []
        return Composition(config)

    def datamodule(self) -> PoseDataModule:
        """Build the data module alone.

        Raises:
            UserError: options that do not go together, in the words of the class that refuses.
        """
        data: PoseDataModule = _instantiated(Namespace(data=self.config.data)).data
        return data

    def model(self) -> PoseLifter:
        """Build the model alone.

        Raises:
            UserError: options that do not go together, in the words of the class that refuses.
        """
        model: PoseLifter = _instantiated(Namespace(model=self.config.model)).model
        return model

    def build(self, callbacks: Sequence[Callback] = ()) -> Built:
        """Draw the seed's weights and build model, data and trainer.

        Args:
            callbacks: callbacks of the trainer beside those of the config.

        Raises:
            UserError: options that do not go together, in the words of the class that refuses.
        """
        seed_everything(self.config.seed_everything, workers=True)
        built = _instantiated(self.config)
        options, callbacks = {**built.trainer}, [*callbacks, built.evaluator]
        own = options.pop("callbacks", None) or []
        if not options["fast_dev_run"]:
            callbacks = [*callbacks, SaveConfigCallback(parser(), self.config, overwrite=True)]
        trainer = Trainer(**options, callbacks=[*own, *callbacks])
        return Built(built.model, built.data, trainer)

    def values(self) -> dict[str, Any]:
        """The config as plain values, which `compose_values` takes back."""
        plain: dict[str, Any] = self.config.as_dict()
        return plain


def compose(args: Sequence[str]) -> Composition:
    """Parse a command line without its subcommand; the same one is parsed once.

    Args:
        args: configs, as `--config=path`, and options, later ones over earlier ones.

    Raises:
        ArgumentError: wrong options or configs.
    """
    paths = [Path(arg.removeprefix("--config=")) for arg in args if arg.startswith("--config=")]
    return _composed(tuple(args), tuple(path.read_text() for path in paths if path.is_file()))


def compose_values(values: dict[str, Any]) -> Composition:
    """The composition of which `Composition.values` gave the values."""
    return Composition(_sections(parser().parse_object(values)))


def composed(config: Namespace) -> Composition:
    """The composition that LightningCLI has parsed for one of its subcommands."""
    return Composition(_sections(config))


def add_arguments(parser: LightningArgumentParser) -> None:
    """Add what a fit has beside Lightning's own sections: stages, what is measured, a protocol."""
    parser.add_lightning_class_args(Evaluator, "evaluator")
    parser.add_argument("--stages", type=list[Stage], default=[], help="stages of a chained fit")
    parser.set_defaults({"data": {"class_path": "datamodules.SubjectProtocol"}})


@cache
def parser() -> LightningArgumentParser:
    """LightningCLI's parser of a fit, with its arguments in the same order."""
    fit = LightningArgumentParser(exit_on_error=False)
    fit.add_argument("-c", "--config", action=ActionConfigFile)
    fit.add_argument("--seed_everything", type=bool | int, default=SEED)
    fit.add_lightning_class_args(Trainer, "trainer")
    fit.set_defaults({f"trainer.{name}": value for name, value in TRAINER_DEFAULTS.items()})
    fit.add_lightning_class_args(PoseLifter, "model", subclass_mode=True)
    fit.add_lightning_class_args(PoseDataModule, "data", subclass_mode=True)
    add_arguments(fit)
    return fit


@cache
def _composed(args: tuple[str, ...], texts: tuple[str, ...]) -> Composition:
    """The composition of a command line whose configs say what `texts` say."""
    return Composition(_sections(parser().parse_args([*args])))


def _sections(config: Namespace) -> Namespace:
    return Namespace({name: config[name] for name in SECTIONS})


def _instantiated(config: Namespace) -> Namespace:
    fit = parser()
    # the name since jsonargparse 4.49, and the one before
    instantiate = getattr(fit, "instantiate", None) or fit.instantiate_classes
    try:
        return cast(Namespace, instantiate(config.clone()))
    except UserError:
        raise
    except ValueError as error:
        raise UserError(str(error)) from error
