"""A setting: the data and the preset that tables are run with, and the command lines they make."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

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
        preset: name of the preset; the table says which config in `configs/presets` it means.
        other: source that the Cross-Dataset Protocol tests on; its config's when not given.
        other_fingerprint: fingerprint of the data of `other`.
        images: folder of Human3.6M's images, for rows that take images.
        ranks: number of processes that train a run together; each takes a batch a step.
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
            row: row of the table.
            protocol: name of a config in `configs/protocols`.
            options: `data.init_args.…` or `model.init_args.…` -> value.
        """
        configs = self.configs(row, protocol)
        place = "data.init_args.source.init_args"
        if _draws(configs["sources"]):
            place += ".source.init_args"
        source = {**dict(self.source_args), **row.source}
        given: dict[str, Any] = {f"{place}.{key}": value for key, value in source.items()}
        if self.images and row.sources:
            given[f"{place}.images"] = self.images
        if protocol == CROSS_DATASET and self.other:
            given["data.init_args.test_source"] = self.other
        return [f"--config={path}" for path in configs.values()] + [
            f"--{key}={as_text(value)}" for key, value in {**given, **options}.items()
        ]

    def configs(self, row: Row, protocol: str) -> dict[str, Path]:
        """Axis -> config of a row, later ones over earlier ones."""
        preset = QUICK if self.preset == SMOKE else self.preset
        names = {
            "methods": row.method,
            "protocols": protocol,
            "sources": row.sources.get(self.data, self.data),
            "presets": row.presets.get(preset, preset),
        }
        paths = {axis: CONFIGS / axis / f"{name}.yaml" for axis, name in names.items()}
        return paths | ({SMOKE: CONFIGS / f"presets/{SMOKE}.yaml"} if self.preset == SMOKE else {})


def as_text(value: Any) -> str:  # noqa: ANN401
    """A value on a command line, `null` and lists included."""
    return value if isinstance(value, str) else json.dumps(value)


def _draws(path: Path) -> bool:
    """Whether a config's source draws pictures of another source's motion."""
    source = _parsed(path.read_text())["data"]["init_args"]["source"]
    return "source" in source.get("init_args", {})


@cache
def _parsed(text: str) -> Any:  # noqa: ANN401
    """A YAML text, to be looked at and not changed."""
    return yaml.safe_load(text)
