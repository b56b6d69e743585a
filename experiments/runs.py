"""A run: one row of a table, trained with one seed and measured under every protocol."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback

from datamodules import PoseDataModule
from experiments.cli import PoseCLI
from experiments.files import write_json
from experiments.tables import CONFIGS, Measurement, Table

# a run is small: more GPUs serve more runs, not a faster one
_TRAINER = {"devices": "1", "enable_progress_bar": "false", "enable_model_summary": "false"}
_PACKAGES = ("lightning_modules", "datamodules", "metrics")


@dataclass(frozen=True)
class Setting:
    """What a whole table is run with.

    Attributes:
        data: name of a config in `configs/sources`.
        source_args: arguments of the source that the config leaves to the user, such as its folder.
        preset: name of a config in `configs/presets`.
    """

    data: str
    source_args: tuple[tuple[str, str], ...]
    preset: str

    def args(self, method: str, protocol: str, options: dict[str, Any]) -> list[str]:
        """The command line of one method under one protocol: four configs and what they leave open.

        Args:
            method: name of a config in `configs/methods`.
            protocol: name of a config in `configs/protocols`.
            options: `data.init_args.…` or `model.init_args.…` -> value.
        """
        axes = {
            "methods": method,
            "protocols": protocol,
            "sources": self.data,
            "presets": self.preset,
        }
        configs = [f"--config={CONFIGS / axis / name}.yaml" for axis, name in axes.items()]
        source = {f"data.init_args.source.init_args.{key}": v for key, v in self.source_args}
        return configs + [f"--{key}={value}" for key, value in (source | options).items()]

    def texts(self, method: str, protocols: Iterable[str]) -> list[str]:
        """The contents of all configs that a run of a method reads."""
        names = [f"methods/{method}", f"sources/{self.data}", f"presets/{self.preset}"]
        names += [f"protocols/{protocol}" for protocol in sorted({"subject", *protocols})]
        return [(CONFIGS / f"{name}.yaml").read_text() for name in names]


class Run:
    """Trains one row with one seed, and measures it; what is done is not done again.

    A run's folder is named by a hash of all that determines its figures: its configs, the data and
    the code of the three packages that make them. It holds the last epoch's checkpoint, the log,
    the full config and `metrics.json`: measurement -> figures.

    Args:
        table: the table.
        row: name of one of its rows.
        seed: of weights, order and dropout.
        setting: data and preset.
        fingerprint: of the data.
        folder: where runs live.
    """

    def __init__(
        self, table: Table, row: str, seed: int, setting: Setting, fingerprint: str, folder: Path
    ) -> None:
        options = dict(table.rows[row])
        method = options.pop("method", table.method)
        model = {f"model.init_args.{key}": value for key, value in options.items()}
        texts = setting.texts(method, (each.protocol for each in table.measurements))
        determined_by = (texts, model, seed, fingerprint, code_version())
        key = blake2b(repr(determined_by).encode(), digest_size=5)
        self.table = table
        self.row = row
        self.seed = seed
        self.folder = folder / f"{row}-seed{seed}-{key.hexdigest()}"
        self.args = [*setting.args(method, "subject", model), f"--seed_everything={seed}"]

    @cached_property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Measurement -> metric -> figure, of the measurements that are done."""
        path = self.folder / "metrics.json"
        return json.loads(path.read_text()) if path.exists() else {}

    @property
    def missing(self) -> list[Measurement]:
        """The measurements that are not done."""
        return [each for each in self.table.measurements if each.key not in self.metrics]

    def execute(self, protocols: dict[str, PoseDataModule], callbacks: Sequence[Callback]) -> None:
        """Train what is not trained, measure what is not measured.

        Args:
            protocols: measurement -> the datamodule that carries it.
            callbacks: to follow the training.
        """
        logs = f"--trainer.logger.init_args.save_dir={self.folder / 'log'}"
        flags = [f"--trainer.{flag}={value}" for flag, value in _TRAINER.items()]
        # Apple's GPUs have no float64, in which the metrics add up
        flags.append(f"--trainer.accelerator={'cuda' if torch.cuda.is_available() else 'cpu'}")
        cli = PoseCLI([*self.args, logs, *flags], run=False, checkpoints=self.folder)
        cli.trainer.callbacks.extend(callbacks)  # type: ignore[attr-defined]
        checkpoint = self.folder / "last.ckpt"
        cli.trainer.fit(
            cli.model, cli.datamodule, ckpt_path=checkpoint if checkpoint.exists() else None
        )
        for measurement in self.missing:
            cli.trainer.test(cli.model, protocols[measurement.key], verbose=False)
            self.metrics[measurement.key] = {
                name.removeprefix("test/"): value.item()
                for name, value in cli.trainer.callback_metrics.items()
            }
            write_json(self.folder / "metrics.json", self.metrics)


def code_version() -> str:
    """A hash of the code that determines figures."""
    digest = blake2b(digest_size=8)
    root = Path(__file__).parent.parent
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
