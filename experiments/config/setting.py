"""A setting: the data and the preset that tables are run with, and what configs say of them."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from experiments.cli.lightning import TRAINER_DEFAULTS
from experiments.config.tables import CONFIGS, Row
from experiments.config.tables import TRAINING as TRAINING

CROSS_DATASET = "cross_dataset"
# smoke is a config on top of those of quick
QUICK, SMOKE = "quick", "smoke"


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
        return configs + [
            f"--{key}={as_text(value)}" for key, value in {**given, **options}.items()
        ]

    def config(self, row: Row, protocol: str) -> dict[str, Any]:
        """What the configs of a row say, later ones over earlier ones."""
        merged: dict[str, Any] = {"trainer": {"max_epochs": TRAINER_DEFAULTS["max_epochs"]}}
        for path in self._configs(row, protocol):
            merge(merged, deepcopy(_parsed(path.read_text())))
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


def protocol_config(name: str) -> Any:  # noqa: ANN401
    """What a config in `configs/protocols` says, to be looked at and not changed."""
    return _parsed((CONFIGS / "protocols" / f"{name}.yaml").read_text())


def merge(into: dict[str, Any], held: Mapping[str, Any]) -> None:
    """Put a config over another one: later ones win, option by option."""
    for key, value in held.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def as_text(value: Any) -> str:  # noqa: ANN401
    """A value on a command line, `null` and lists included."""
    return value if isinstance(value, str) else json.dumps(value)


@cache
def _parsed(text: str) -> Any:  # noqa: ANN401
    """A config, to be looked at and not changed."""
    return yaml.safe_load(text)
