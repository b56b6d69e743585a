"""The `lightning` command: fit, validate, test and predict, from configs."""

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import yaml
from pytorch_lightning.cli import ArgsType, LightningArgumentParser, LightningCLI

from datamodules import OwnKeypoints, PoseDataModule
from experiments.cli.export import ExportingTrainer
from experiments.cli.own_predictions import OwnPredictions
from experiments.config.composer import (
    SEED,
    TRAINER_DEFAULTS,
    Built,
    Composition,
    add_arguments,
    composed,
)
from experiments.runs.callbacks import callbacks
from experiments.runs.fit import fit_stages
from experiments.runs.identity import data_key, digest, fit_of
from experiments.runs.process import (
    check_checkpoint,
    keep_freed_memory,
    leave_out_harmless_warnings,
    one_sentence_for_mistakes,
)
from experiments.runs.progress import EpochLines, Heartbeat
from experiments.runs.wandb_log import WandbLog, followed
from lightning_modules import PoseLifter
from poseproof.errors import UserError


class PoseCLI(LightningCLI):
    """LightningCLI over any PoseLifter and any protocol.

    Args:
        args: the command line, `sys.argv` when not given.
        run: whether `args` start with a subcommand to run.
    """

    def __init__(self, args: ArgsType = None, run: bool = True) -> None:
        super().__init__(
            PoseLifter,
            PoseDataModule,
            trainer_class=ExportingTrainer,
            subclass_mode_model=True,
            subclass_mode_data=True,
            seed_everything_default=SEED,
            trainer_defaults={**TRAINER_DEFAULTS, "callbacks": callbacks(None)},
            save_config_kwargs={"overwrite": True},
            parser_kwargs={"exit_on_error": False},
            auto_configure_optimizers=False,
            args=args,
            run=run,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Stages, the Evaluator, and the Subject Protocol unless a config names another."""
        add_arguments(parser)

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
        subcommand = self.config.get("subcommand")
        if subcommand and (path := self.config[subcommand].get("ckpt_path")):
            check_checkpoint(path)
            if subcommand == "fit" and self.config.fit.stages:
                raise UserError("A fit in stages goes on by itself: leave --ckpt_path out.")

    def instantiate_classes(self) -> None:
        """Build model, data and trainer.

        Raises:
            UserError: options that do not go together, in the words of the class that refuses.
        """
        try:
            super().instantiate_classes()
        except UserError:
            raise
        except ValueError as error:
            raise UserError(str(error)) from error
        if self.subcommand not in (None, "export"):
            # before Lightning makes a folder for the log
            self.datamodule.load(self.subcommand, self.model.needs)
        if self.subcommand == "predict" and isinstance(self.datamodule, OwnKeypoints):
            if not self.config_init.predict.ckpt_path:
                raise UserError(
                    "Keypoints are lifted by a trained model: give its checkpoint, such as "
                    "--ckpt_path runs/version_0/checkpoints/last.ckpt."
                )
            writer = OwnPredictions(self.config_init.predict.output)
            self.trainer.callbacks.append(writer)  # type: ignore[attr-defined]

    def _run_subcommand(self, subcommand: str) -> None:
        with self._followed():
            staged = subcommand == "fit" and self.config.fit.stages
            # a fast_dev_run leaves no weights to hand on
            if staged and not self.trainer.fast_dev_run:  # type: ignore[attr-defined]
                self._fit_stages(composed(self.config.fit))
            else:
                if subcommand == "fit" and (heartbeat := _heartbeat()):
                    self.trainer.callbacks.append(EpochLines(heartbeat))  # type: ignore[attr-defined]
                super()._run_subcommand(subcommand)

    def _followed(self) -> AbstractContextManager[None]:
        """The W&B run of a fit, where a config asks for one."""
        asked = any(isinstance(each, WandbLog) for each in self.trainer.callbacks)  # type: ignore[attr-defined]
        if not asked or self.subcommand != "fit" or self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            return nullcontext()
        config = yaml.safe_load(self._parser("fit").dump(self.config.fit, skip_none=False))
        key = digest(self._identity(composed(self.config.fit)), size=8)
        return followed(key, type(self.model).__name__, config)

    def _identity(self, composition: Composition) -> str:
        """All that determines a fit's weights."""
        return fit_of(composition, data_key(self.datamodule.sequences)).key

    def _fit_stages(self, composition: Composition) -> None:
        logger = self.trainer.logger
        folder = Path((logger and logger.save_dir) or self.trainer.default_root_dir)

        def build(each: Composition, place: Path) -> Built:
            log = {"logger": {"init_args": {"save_dir": str(place)}}}
            placed = each.with_options(trainer=log) if logger else each
            return placed.build(callbacks(place))

        # stages count one after the other, and none for those before it
        identity = self._identity(composition.without_stages())
        fit_stages(composition, build, folder, identity, heartbeat=_heartbeat())

    def _parse_ckpt_path(self) -> None:
        """Nothing: configs and options say what is built, and a checkpoint has weights to give.

        Lightning would let the checkpoint's own options win, and so ignore `flip_test` in a test.
        """


def _heartbeat() -> Heartbeat | None:
    """Says where a fit is in a log; a terminal has a bar."""
    return None if sys.stdout.isatty() else Heartbeat(lambda line: print(line, flush=True))


def main(args: ArgsType = None) -> None:
    """Run a command."""
    keep_freed_memory()
    leave_out_harmless_warnings()
    with one_sentence_for_mistakes():
        PoseCLI(args)
