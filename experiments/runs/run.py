"""A run: one row of a table, trained with one seed and measured under every protocol."""

import json
from collections.abc import Sequence
from dataclasses import fields
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from datamodules import PoseDataModule
from experiments.cli.lightning import PoseCLI
from experiments.config.setting import (
    CROSS_DATASET,
    TRAINING,
    Setting,
    as_text,
    merge,
    protocol_config,
)
from experiments.config.tables import Measurement, Table, Training
from experiments.runs.code_version import FIT, STAGED_FIT, code_version
from experiments.runs.details import Details, DetailsRecorder
from experiments.runs.files import write_json
from experiments.runs.fit import fit
from experiments.runs.last_loss import LastLoss
from experiments.runs.stages import Stage
from lightning_modules.lifter import MILLIMETRES

# a run is small: more GPUs serve more runs, not a faster one
_TRAINER = {"devices": "1", "enable_progress_bar": "false", "enable_model_summary": "false"}


class Run:
    """Trains one row with one seed, and measures it; what is done is not done again.

    A run's folder is named by a hash of all that determines its weights: its configs and options,
    the data and the code that it uses. Rows of several tables that are the same run share it. It
    holds the last epoch's checkpoint, the log, the full config, `metrics.json`: test -> figures,
    and a file of details for every test.

    Args:
        table: the table.
        row: name of one of its rows.
        training: what the row is trained under.
        seed: of weights, order and dropout.
        setting: data and preset.
        fingerprint: of the row's data.
        folder: where runs live.
    """

    def __init__(
        self,
        table: Table,
        row: str,
        training: Training,
        seed: int,
        setting: Setting,
        fingerprint: str,
        folder: Path,
    ) -> None:
        self.table = table
        self.row = row
        self.training = training
        self.seed = seed
        self.setting = setting
        held = table.rows[row]
        model = {**held.options, **dict.fromkeys(held.seeded, seed)}
        config = setting.config(held, training.protocol)
        merge(config, {"model": {"init_args": model}})
        merge(config, {"data": {"init_args": dict(training.set)}})
        epochs = max(1, round(held.epochs * config["trainer"]["max_epochs"]))
        config["trainer"]["max_epochs"] = epochs
        self.max_epochs = epochs
        self.stages = [Stage(**stage) for stage in config.get("stages", ())]
        # in all of its stages
        self.epochs = sum(stage.of(epochs) for stage in self.stages) or epochs
        fitted = STAGED_FIT if self.stages else FIT
        code = code_version([config["model"], config["data"]], fitted)
        determining = [config, seed, fingerprint, code]
        if setting.ranks > 1:
            determining.append({"ranks": setting.ranks})
        key = _digest(determining, size=5)
        self.folder = folder / f"{Path(held.method).name}-seed{seed}-{key}"
        options = {f"model.init_args.{name}": value for name, value in model.items()}
        options |= {f"data.init_args.{name}": value for name, value in training.set.items()}
        options |= {"trainer.max_epochs": epochs, "seed_everything": seed}
        self.args = setting.args(held, training.protocol, options)

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Test -> metric -> figure, of the tests that are done."""
        path = self.folder / "metrics.json"
        return json.loads(path.read_text()) if path.exists() else {}

    @property
    def missing(self) -> list[str]:
        """The tests that are not done."""
        done = self.metrics
        return [test for test in self.tests if test not in done]

    @cached_property
    def tests(self) -> dict[str, Measurement]:
        """Every test that the run has to sit, by its name in `metrics.json`."""
        return {self.test(each): each for each in self.table.measurements if self.serves(each)}

    def serves(self, measurement: Measurement) -> bool:
        """Whether the measurement is of a method trained like this."""
        trained = self.table.training(self.row, measurement) == self.training
        return trained and not measurement.mean

    def test(self, measurement: Measurement) -> str:
        """Names a test by its protocol, its options and a digest of what else determines it."""
        protocol = measurement.protocol
        if protocol == TRAINING:
            return TRAINING
        held: Any = [protocol_config(protocol)]
        if protocol == CROSS_DATASET:
            held += [self.setting.other, self.setting.other_fingerprint]
        options = [f"{key}={as_text(value)}" for key, value in sorted(measurement.set.items())]
        return " ".join(
            [Path(protocol).name, *options, _digest((held, code_version(held)), size=3)]
        )

    def figures(self, measurement: Measurement) -> dict[str, float]:
        """Metric -> figure, of a measurement that is done."""
        return self.metrics[self.test(measurement)]

    def details(self, test: str) -> Details | None:
        """What a test that is done left beside its figures, where it predicted poses."""
        path = self._details(test)
        return Details.load(path) if path.exists() else None

    def _details(self, test: str) -> Path:
        # of another layout they are not read
        layout = [field.name for field in fields(Details)]
        return self.folder / f"details-{_digest((test, layout), size=5)}.npz"

    def test_args(self, measurement: Measurement) -> list[str]:
        """The command line of a measurement."""
        options = {f"data.init_args.{key}": value for key, value in measurement.set.items()}
        return self.setting.args(self.table.rows[self.row], measurement.protocol, options)

    def execute(self, callbacks: Sequence[Callback] = ()) -> None:
        """Train what is not trained, measure what is not measured.

        Args:
            callbacks: to follow the training.
        """
        flags = [f"--trainer.{flag}={value}" for flag, value in _TRAINER.items()]
        # Apple's GPUs have no float64, in which the metrics add up
        flags.append(f"--trainer.accelerator={'cuda' if torch.cuda.is_available() else 'cpu'}")
        cli = fit([*self.args, *flags], self.stages, self.max_epochs, self.folder, callbacks)
        recorder = DetailsRecorder()
        cli.trainer.callbacks.append(recorder)  # type: ignore[attr-defined]
        metrics = self.metrics
        for test in self.missing:
            metrics[test] = self._measure(test, cli.model, cli.trainer, recorder)
            write_json(self.folder / "metrics.json", metrics)

    def _measure(
        self, test: str, model: LightningModule, trainer: Trainer, recorder: DetailsRecorder
    ) -> dict[str, float]:
        if test == TRAINING:
            (last,) = (each for each in trainer.callbacks if isinstance(each, LastLoss))  # type: ignore[attr-defined]
            return {"loss": last.loss * MILLIMETRES}
        trainer.test(model, datamodule(self.test_args(self.tests[test])), verbose=False)
        if recorder.details is not None:
            recorder.details.save(self._details(test))
        figures = trainer.callback_metrics.items()
        return {name.removeprefix("test/"): value.item() for name, value in figures}


def datamodule(args: Sequence[str]) -> PoseDataModule:
    """The datamodule of a command line."""
    held: PoseDataModule = PoseCLI(list(args), run=False).datamodule
    return held


def _digest(held: Any, size: int) -> str:  # noqa: ANN401
    return blake2b(json.dumps(held, sort_keys=True).encode(), digest_size=size).hexdigest()
