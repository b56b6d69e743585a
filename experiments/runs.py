"""A run: one row of a table, trained with one seed and measured under every protocol."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, fields
from functools import cache, cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
import yaml
from pytorch_lightning import Callback, LightningModule, Trainer

from datamodules import PoseDataModule
from experiments.cli import TRAINER_DEFAULTS, PoseCLI
from experiments.code_version import FIT, STAGED_FIT, code_version
from experiments.details import Details, DetailsRecorder
from experiments.files import write_json
from experiments.fit import fit
from experiments.last_loss import LastLoss
from experiments.stages import Stage
from experiments.tables import CONFIGS, Measurement, Row, Table, Training
from lightning_modules.lifter import MILLIMETRES

TRAINING, CROSS_DATASET = "training", "cross_dataset"
# smoke is a config on top of those of quick
QUICK, SMOKE = "quick", "smoke"
# a run is small: more GPUs serve more runs, not a faster one
_TRAINER = {"devices": "1", "enable_progress_bar": "false", "enable_model_summary": "false"}


@dataclass(frozen=True)
class Setting:
    """What a whole table is run with.

    Attributes:
        data: name of a config in `configs/sources`.
        source_args: arguments of the source that the config leaves to the user, such as its folder.
        preset: as the user names it; the table says which config in `configs/presets` it means.
        other: the source that the Cross-Dataset Protocol tests on; its config's when not given.
        other_fingerprint: of its data.
        images: folder of Human3.6M's images, for rows that take images.
        ranks: processes that train a run together; each takes a batch a step.
    """

    data: str
    source_args: tuple[tuple[str, str], ...]
    preset: str
    other: Mapping[str, Any] | None = None
    other_fingerprint: str = ""
    images: str | None = None
    ranks: int = 1

    def args(self, row: Row, protocol: str, options: Mapping[str, Any]) -> list[str]:
        """The command line of a row under one protocol: its configs and what they leave open.

        Args:
            row: of the table.
            protocol: name of a config in `configs/protocols`.
            options: `data.init_args.…` or `model.init_args.…` -> value.
        """
        source = {**dict(self.source_args), **row.source}
        place = "data.init_args.source.init_args"
        if "source" in self.config(row, protocol)["data"]["init_args"]["source"].get(
            "init_args", ()
        ):
            # pictures drawn of a source's motion
            place += ".source.init_args"
        given: dict[str, Any] = {f"{place}.{key}": value for key, value in source.items()}
        if self.images and row.sources:
            given[f"{place}.images"] = self.images
        if protocol == CROSS_DATASET and self.other:
            given["data.init_args.test_source"] = self.other
        configs = [f"--config={path}" for path in self._configs(row, protocol)]
        return configs + [f"--{key}={_text(value)}" for key, value in {**given, **options}.items()]

    def config(self, row: Row, protocol: str) -> dict[str, Any]:
        """What the configs of a row say, later ones over earlier ones."""
        merged: dict[str, Any] = {"trainer": {"max_epochs": TRAINER_DEFAULTS["max_epochs"]}}
        for path in self._configs(row, protocol):
            _merge(merged, deepcopy(_parsed(path.read_text())))
        return merged

    def _configs(self, row: Row, protocol: str) -> list[Path]:
        preset = QUICK if self.preset == SMOKE else self.preset
        names = {
            "methods": row.method,
            "protocols": protocol,
            "sources": row.sources.get(self.data, self.data),
            "presets": row.presets.get(preset, preset),
        }
        paths = [CONFIGS / axis / f"{name}.yaml" for axis, name in names.items()]
        return [*paths, CONFIGS / f"presets/{SMOKE}.yaml"] if self.preset == SMOKE else paths


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
        _merge(config, {"model": {"init_args": model}})
        _merge(config, {"data": {"init_args": dict(training.set)}})
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
        held: Any = [_parsed((CONFIGS / "protocols" / f"{protocol}.yaml").read_text())]
        if protocol == CROSS_DATASET:
            held += [self.setting.other, self.setting.other_fingerprint]
        options = [f"{key}={_text(value)}" for key, value in sorted(measurement.set.items())]
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


@cache
def _parsed(text: str) -> Any:  # noqa: ANN401
    """A config, to be looked at and not changed."""
    return yaml.safe_load(text)


def _merge(into: dict[str, Any], held: Mapping[str, Any]) -> None:
    """Later configs win, option by option."""
    for key, value in held.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _text(value: Any) -> str:  # noqa: ANN401
    """A value on a command line, `null` and lists included."""
    return value if isinstance(value, str) else json.dumps(value)


def _digest(held: Any, size: int) -> str:  # noqa: ANN401
    return blake2b(json.dumps(held, sort_keys=True).encode(), digest_size=size).hexdigest()
