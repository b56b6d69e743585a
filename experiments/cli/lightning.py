"""The `lightning` command: fit, validate, test and predict, from configs."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from hashlib import blake2b
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.cli import ArgsType, LightningArgumentParser, LightningCLI
from pytorch_lightning.utilities.exceptions import MisconfigurationException

# the modules that configs name by class, without their path
import lightning_modules  # noqa: F401
from datamodules import DataError, OwnKeypoints, PoseDataModule
from experiments.cli.export import ExportingTrainer
from experiments.cli.own_predictions import OwnPredictions
from experiments.runs.checkpoints import check_checkpoint
from experiments.runs.code_version import STAGED_FIT, code_version
from experiments.runs.last_loss import LastLoss
from experiments.runs.memory import keep_freed_memory
from experiments.runs.metrics_file import MetricsFile
from experiments.runs.random_states import RandomStates
from experiments.runs.stages import Stage, fit_stages
from experiments.runs.wandb_log import WandbLog, followed
from lightning_modules import PoseLifter
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


class PoseCLI(LightningCLI):
    """LightningCLI over any PoseLifter and any protocol.

    Args:
        args: the command line, `sys.argv` when not given.
        run: whether `args` start with a subcommand to run.
        checkpoints: folder for the last epoch's checkpoint; beside the log when not given.
    """

    def __init__(
        self, args: ArgsType = None, run: bool = True, checkpoints: Path | None = None
    ) -> None:
        super().__init__(
            PoseLifter,
            PoseDataModule,
            trainer_class=ExportingTrainer,
            subclass_mode_model=True,
            subclass_mode_data=True,
            seed_everything_default=0,
            trainer_defaults=TRAINER_DEFAULTS
            | {
                "callbacks": [
                    RandomStates(),
                    LastLoss(),
                    MetricsFile(),
                    # the last epoch's weights: no test frame, and no luck, selects them
                    ModelCheckpoint(checkpoints, "last", enable_version_counter=False),
                ]
            },
            save_config_kwargs={"overwrite": True},
            parser_kwargs={"exit_on_error": False},
            auto_configure_optimizers=False,
            args=args,
            run=run,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Stages; and the Subject Protocol on generated motion unless a config says otherwise."""
        parser.add_argument("--stages", type=list[Stage], default=[], help="chained fits")
        parser.set_defaults({"data": {"class_path": "datamodules.SubjectProtocol"}})

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Lightning's, and `export`."""
        return {**LightningCLI.subcommands(), "export": {"model", "datamodule"}}

    def _prepare_subcommand_parser(
        self,
        klass: type,
        subcommand: str,
        **kwargs: Any,  # noqa: ANN401
    ) -> LightningArgumentParser:
        parser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
        if subcommand == "predict":
            parser.add_argument("--output", type=str | None, help="folder for predicted poses")
        return parser

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse, and look at the checkpoint before anything is built from it."""
        super().parse_arguments(parser, args)
        self.arguments = sys.argv[1:] if args is None else list(args)
        subcommand = self.config.get("subcommand")
        if subcommand and (path := self.config[subcommand].get("ckpt_path")):
            check_checkpoint(path)
            if subcommand == "fit" and self.config.fit.stages:
                raise DataError("A fit in stages goes on by itself: leave --ckpt_path out.")

    def instantiate_classes(self) -> None:
        """Build model, data and trainer.

        Raises:
            DataError: options that do not go together, in the words of the class that refuses.
        """
        try:
            super().instantiate_classes()
        except ValueError as error:
            raise DataError(str(error)) from error
        if self.subcommand not in (None, "export"):
            # before Lightning makes a folder for the log
            self.datamodule.load(self.subcommand, self.model)
        if self.subcommand == "predict" and isinstance(self.datamodule, OwnKeypoints):
            if not self.config_init.predict.ckpt_path:
                raise DataError(
                    "Keypoints are lifted by a trained model: give its checkpoint, such as "
                    "--ckpt_path runs/version_0/checkpoints/last.ckpt."
                )
            writer = OwnPredictions(self.config_init.predict.output)
            self.trainer.callbacks.append(writer)  # type: ignore[attr-defined]

    def _run_subcommand(self, subcommand: str) -> None:
        with self._followed():
            stages = subcommand == "fit" and self.config_init.fit.stages
            # a fast_dev_run leaves no weights to hand on
            if stages and not self.trainer.fast_dev_run:  # type: ignore[attr-defined]
                self._fit_stages(stages)
            else:
                super()._run_subcommand(subcommand)

    def _followed(self) -> AbstractContextManager[None]:
        """The W&B run of a fit, where a config asks for one."""
        asked = any(isinstance(each, WandbLog) for each in self.trainer.callbacks)  # type: ignore[attr-defined]
        if not asked or self.subcommand != "fit" or self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            return nullcontext()
        identity = repr((self._identity(), self.config_init.fit.stages))
        config = yaml.safe_load(self._parser("fit").dump(self.config.fit, skip_none=False))
        key = blake2b(identity.encode(), digest_size=8).hexdigest()
        return followed(key, type(self.model).__name__, config)

    def _identity(self) -> str:
        """All that determines a fit's weights, beside its stages."""
        config = self.config.fit.as_dict()
        for silent in ("config", "stages", "ckpt_path"):
            config.pop(silent)
        for silent in ("logger", "callbacks", "default_root_dir", "enable_progress_bar"):
            config["trainer"].pop(silent)
        code = code_version([config["model"], config["data"]], STAGED_FIT)
        return repr((config, self.datamodule.sequences.fingerprint(), code))

    def _fit_stages(self, stages: list[Stage]) -> None:
        arguments = self.arguments.copy()
        arguments.remove("fit")
        logger = self.trainer.logger
        folder = Path((logger and logger.save_dir) or self.trainer.default_root_dir)

        def build(options: list[str], checkpoints: Path) -> "PoseCLI":
            if logger:
                options = [*options, f"--trainer.logger.init_args.save_dir={checkpoints}"]
            return PoseCLI([*arguments, *options], run=False, checkpoints=checkpoints)

        epochs = self.trainer.max_epochs
        assert epochs is not None
        fit_stages(stages, epochs, build, folder, self._identity())

    def _parse_ckpt_path(self) -> None:
        """Nothing: configs and options say what is built, and a checkpoint has weights to give.

        Lightning would let the checkpoint's own options win, and so ignore `flip_test` in a test.
        """


@contextmanager
def one_sentence_for_mistakes() -> Iterator[None]:
    """End the process with one sentence and exit code 2 where the user has made a mistake."""
    # whatever opens a checkpoint, and whatever it asks for
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    try:
        yield
    except (ArgumentError, UserError, MisconfigurationException) as error:
        message = _told_apart(str(error))
    except ModuleNotFoundError as error:
        if error.name or "Requirement" not in str(error):
            raise
        message = str(error)
    except RuntimeError as error:
        if "loading state_dict" not in str(error):
            raise
        message = "The checkpoint is not of this model: give the configs of its training."
    else:
        return
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def _told_apart(message: str) -> str:
    """The lines of a message that name the mistake, without jsonargparse's tale of its search."""
    search = ("Does not validate", "Subtypes:", "Errors:", "Given value", "Expected a <class 'None")
    lines = (line.strip(" -") for line in message.splitlines())
    return " ".join(line for line in lines if not line.startswith(search))


def main(args: ArgsType = None) -> None:
    """Run a command."""
    keep_freed_memory()
    for expected in ("LightningCLI's args", "Found .* module.s. in eval mode", "Checkpoint dir"):
        warnings.filterwarnings("ignore", expected)
    with one_sentence_for_mistakes():
        PoseCLI(args)
