"""A run: one row of a table, trained with one seed and measured under every protocol."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from experiments.config.composer import Composition, compose
from experiments.config.setting import CROSS_DATASET, TRAINING, Setting, as_text
from experiments.config.tables import Measurement, Table, Training
from experiments.runs.callbacks import LastLoss
from experiments.runs.environment import note
from experiments.runs.files import write_json
from experiments.runs.fit import fit
from experiments.runs.frames import Frames, FramesRecorder
from experiments.runs.identity import digest, fit_of, measure_key
from lightning_modules.lifter import MILLIMETRES
from metrics.registry import DEFAULT_METRICS, metrics_of

# a run is small: more GPUs serve more runs, not a faster one
_TRAINER = {"devices": 1, "enable_progress_bar": False, "enable_model_summary": False}


class Run:
    """Trains one row with one seed, and measures it; what is done is not done again.

    A run's folder is named by its fit key, and rows of several tables that are the same run share
    it. It has the last epoch's checkpoint, the log, the full config, `metrics.json`: test ->
    figures, and for every test a file of the errors of its frames.

    Args:
        table: the table.
        row: name of one of its rows.
        training: what the row is trained under.
        seed: of weights, order and dropout.
        setting: data and preset.
        fingerprint: key of the row's data, as `data_key` gives it.
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
        spec = table.rows[row]
        options = {f"model.init_args.{name}": value for name, value in spec.options.items()}
        options |= {f"data.init_args.{name}": value for name, value in training.set.items()}
        if self.measured_metrics != DEFAULT_METRICS:
            options["evaluator.metrics"] = list(self.measured_metrics)
        base = compose(setting.args(spec, training.protocol, options))
        numbers = dict.fromkeys([f"model.init_args.{name}" for name in spec.seeded], seed)
        numbers["trainer.max_epochs"] = max(1, round(spec.epochs * base.max_epochs))
        numbers["seed_everything"] = seed
        self.composition = base.with_values(numbers)
        # the same on a command line
        self.args = setting.args(spec, training.protocol, options | numbers)
        self.fit = fit_of(self.composition, fingerprint, setting.ranks)
        self.folder = folder / f"{Path(spec.method).name}-seed{seed}-{self.fit.key}"
        self._read: tuple[tuple[int, int, int], dict[str, dict[str, float]]] | None = None

    @property
    def epochs(self) -> int:
        """Epochs in all of its stages."""
        return self.composition.epochs

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Test -> metric -> figure, of the tests that are done."""
        path = self.folder / "metrics.json"
        if not path.exists():
            return {}
        # another process may have written it
        state = path.stat()
        version = state.st_ino, state.st_size, state.st_mtime_ns
        if self._read is None or self._read[0] != version:
            self._read = version, json.loads(path.read_text())
        return self._read[1]

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
        """Names a test by its protocol, its options and its measure key."""
        protocol = measurement.protocol
        if protocol == TRAINING:
            return TRAINING
        model = self.composition.config.model.class_path
        data = self.setting.other_fingerprint if protocol == CROSS_DATASET else ""
        composition, metrics = self.test_composition(measurement), self.measured_metrics
        key = measure_key(self.fit.key, composition, model, data, metrics)
        options = [f"{key}={as_text(value)}" for key, value in sorted(measurement.set.items())]
        return " ".join([Path(protocol).name, *options, key])

    def figures(self, measurement: Measurement) -> dict[str, float]:
        """Metric -> figure, of a measurement that is done.

        What was not logged comes from the errors of the test's frames, where they give it.
        """
        test, asked = self.test(measurement), measurement.metric
        measured = self.metrics[test]
        if any(name == asked or name.startswith(f"{asked}/") for name in measured):
            return measured
        frames = self.frames(test)
        return measured if frames is None else frames.figures() | measured

    @cached_property
    def measured_metrics(self) -> tuple[str, ...]:
        """What every test measures: the default metrics, and a user's own that the table names."""
        return metrics_of(each.metric for each in self.table.measurements)

    def frames(self, test: str) -> Frames | None:
        """The errors of every frame of a test that is done, where it predicted poses."""
        path = self._frames(test)
        return Frames.load(path) if path.exists() else None

    def _frames(self, test: str) -> Path:
        return self.folder / f"frames-{digest(test, size=5)}.npz"

    def test_args(self, measurement: Measurement) -> list[str]:
        """The command line of a measurement."""
        options = {f"data.init_args.{key}": value for key, value in measurement.set.items()}
        return self.setting.args(self.table.rows[self.row], measurement.protocol, options)

    def test_composition(self, measurement: Measurement) -> Composition:
        """A measurement's data, composed."""
        return compose(self.test_args(measurement))

    def execute(self, callbacks: Sequence[Callback] = ()) -> None:
        """Train what is not trained, measure what is not measured.

        Args:
            callbacks: callbacks that follow the training.
        """
        # Apple's GPUs have no float64, in which the metrics add up
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
        note(self.folder, self.fit.work, self.fit.environment)
        composition = self.composition.with_options(trainer=_TRAINER | {"accelerator": accelerator})
        built = fit(composition, self.folder, callbacks)
        recorder = FramesRecorder()
        built.trainer.callbacks.append(recorder)  # type: ignore[attr-defined]
        metrics = dict(self.metrics)
        for test in self.missing:
            metrics[test] = self._measure(test, built.model, built.trainer, recorder)
            write_json(self.folder / "metrics.json", metrics)

    def _measure(
        self, test: str, model: LightningModule, trainer: Trainer, recorder: FramesRecorder
    ) -> dict[str, float]:
        if test == TRAINING:
            (last,) = (each for each in trainer.callbacks if isinstance(each, LastLoss))  # type: ignore[attr-defined]
            return {"loss": last.loss * MILLIMETRES}
        data = self.test_composition(self.tests[test]).datamodule()
        trainer.test(model, data, verbose=False)
        if recorder.frames is not None:
            recorder.frames.save(self._frames(test))
        figures = trainer.callback_metrics.items()
        return {name.removeprefix("test/"): value.item() for name, value in figures}
