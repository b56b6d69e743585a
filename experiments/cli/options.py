"""The options that say with what tables are run: data, preset and seeds."""

import argparse
from pathlib import Path
from typing import Any

import yaml

from datamodules.sources.registry import data_options
from experiments.config.schema import read_yaml
from experiments.config.setting import CROSS_DATASET, QUICK, SMOKE, Setting
from experiments.config.tables import CONFIGS
from poseproof.errors import UserError

PRESETS = (QUICK, "paper", SMOKE)
# of every take of generated motion under the smoke preset; the first has a picture
SMOKE_FRAMES = 10


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them to a command."""
    known = ", ".join(data_options())
    parser.add_argument("--data", type=_data, default="synthetic", help=f"{known}, or your YAML")
    parser.add_argument("--root", help="folder of the data; not for synthetic")
    parser.add_argument("--name", help="the data set's name in its file names; for npz")
    parser.add_argument("--test-data", type=_data, help="to test on, across data sets; likewise")
    parser.add_argument("--test-root", help="its folder")
    parser.add_argument("--test-name", help="its name")
    parser.add_argument("--images", help="folder of Human3.6M's images, for tables from images")
    parser.add_argument("--preset", choices=PRESETS, default=QUICK)
    parser.add_argument("--seeds", type=_seeds, default=[0], help="such as 0,1,2")


def setting_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Setting:
    """What they say; ends with one sentence where that is too little or too much."""
    given = _source(parser, options, options.data)
    other: dict[str, Any] | None = None
    if options.test_data:
        other = _config("sources", options.test_data)["source"]
        other.setdefault("init_args", {}).update(
            _source(parser, options, options.test_data, "test_")
        )
    elif options.test_root or options.test_name:
        parser.error("--test-root and --test-name go with --test-data")
    if options.images and options.data != "h36m":
        parser.error(f"--images is not needed for {options.data}")
    if options.preset == SMOKE:
        if options.data == "synthetic":
            given["frames"] = str(SMOKE_FRAMES)
        if other is None:
            other = _config("protocols", CROSS_DATASET)["test_source"]
        if other["class_path"] == "datamodules.SyntheticMocap":
            other.setdefault("init_args", {})["frames"] = SMOKE_FRAMES
    return Setting(options.data, tuple(given.items()), options.preset, other, images=options.images)


def _config(axis: str, name: str) -> Any:  # noqa: ANN401
    return yaml.safe_load((CONFIGS / axis / f"{name}.yaml").read_text())["data"]["init_args"]


def _source(
    parser: argparse.ArgumentParser, options: argparse.Namespace, data: str, prefix: str = ""
) -> dict[str, str]:
    """What the user tells a source; ends with one sentence where that is too little or too much."""
    given = {}
    for key in ("root", "name"):
        value = getattr(options, prefix + key)
        if (value is None) == (key in data_options().get(data, ())):
            option, variable = prefix + key, (prefix + key).replace("_", "").upper()
            must = "must be given" if value is None else "is not needed"
            parser.error(
                f"--{option.replace('_', '-')} {must} for {data} (with make: {variable}=…)"
            )
        if value is not None:
            given[key] = value
    return given


def _data(text: str) -> str:
    """The name of a source, or the path of a user's own config, without its `.yaml`."""
    if text.endswith(".yaml") and Path(text).exists():
        try:
            read_yaml(Path(text))["data"]["init_args"]["source"]["class_path"]
        except UserError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        except (KeyError, TypeError) as error:
            lacking = f"{text} lacks data.init_args.source.class_path: see docs/adding/data_set.md"
            raise argparse.ArgumentTypeError(lacking) from error
        return str(Path(text).resolve().with_suffix(""))
    if text not in data_options():
        known = ", ".join(data_options())
        raise argparse.ArgumentTypeError(f"{text} is none of {known}, and no YAML file that exists")
    return text


def _seeds(text: str) -> list[int]:
    named = text.split(",")
    if not all(seed.isdecimal() for seed in named) or len({*map(int, named)}) < len(named):
        raise argparse.ArgumentTypeError(f"{text}: give different whole numbers, such as 0,1,2")
    return [int(seed) for seed in named]
