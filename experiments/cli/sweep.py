"""Register a sweep with W&B: a table's grid of rows and seeds, or a search over options."""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from experiments.cli.cells import Cell, cells_of
from experiments.cli.options import setting_of
from experiments.cli.reproduce import add_run_options, launched, ready
from experiments.config.composer import compose
from experiments.config.setting import Setting
from experiments.config.sweeps import Sweep, load_sweep, sweep_names
from experiments.config.tables import Row
from experiments.runs.files import write_text
from experiments.runs.wandb_log import PROJECT, has_key, need_wandb
from metrics.registry import check_figure
from poseproof.errors import UserError


def grid_config(sweep: Sweep, cells: Sequence[Cell], command: Sequence[str]) -> dict[str, Any]:
    """W&B's configuration of a grid: one parameter, the cell, and the command that executes it."""
    return {
        "name": sweep.title,
        "method": "grid",
        "parameters": {"cell": {"values": [str(cell) for cell in cells]}},
        "command": [*command, "${args}"],
    }


def search_config(sweep: Sweep, val_subject: str, command: Sequence[str]) -> dict[str, Any]:
    """W&B's configuration of a search: the sweep's own, and the command of a fit."""
    held_out = f"--data.init_args.val_subject={val_subject}"
    return {"name": sweep.title, **sweep.search, "command": [*command, held_out, "${args}"]}


def search_args(row: Row, setting: Setting) -> list[str]:
    """The command line of a search's fits, without the options that are searched."""
    given = {f"model.init_args.{name}": value for name, value in row.options.items()}
    given |= {f"data.init_args.{name}": value for name, value in row.train.set.items()}
    return setting.args(row, row.train.protocol, given)


def check_metric(sweep: Sweep, setting: Setting) -> None:
    """Check that the metric of a search is one that a validation measures.

    Raises:
        UserError: it is not; the message suggests the nearest name.
    """
    assert sweep.row is not None
    name = sweep.search["metric"]["name"].removeprefix("val/")
    own = compose(search_args(sweep.row, setting)).model().configure_metrics()
    try:
        check_figure(name, own)
    except UserError as error:
        raise UserError(f"{sweep.name}, search, metric: {error}") from error


def held_out_subject(row: Row, setting: Setting, name: str | None) -> str:
    """The training subject that a search holds out for validation: the last one unless named.

    Raises:
        UserError: no training subject can be held out.
    """
    args = search_args(row, setting)
    data = compose(args).datamodule().source.load()
    subject = name or (data.splits.get("train") or [""])[-1]
    composition = compose([*args, f"--data.init_args.val_subject={subject}"])
    composition.datamodule().load("validate", composition.model().needs)
    return subject


def need_key() -> None:
    """Check that W&B's server can be asked.

    Raises:
        UserError: W&B is not installed, or has no key.
    """
    need_wandb()
    if not has_key():
        raise UserError(
            "A sweep needs W&B's server, and the server a key: run `wandb login`, or set "
            "WANDB_API_KEY. Without a key, `make reproduce` makes the same runs on this machine."
        )


def register(config: Mapping[str, Any], path: Path) -> None:
    """Have `wandb sweep` register a configuration; it prints the command that starts an agent.

    Raises:
        UserError: W&B refuses.
    """
    write_text(path, yaml.safe_dump(dict(config), sort_keys=False, width=1000))
    project = os.environ.get("WANDB_PROJECT", PROJECT)
    wandb = [sys.executable, "-m", "wandb", "sweep", "--project", project, str(path)]
    if subprocess.run(wandb).returncode:
        raise UserError("W&B has refused the sweep; its reason is printed above.")


def parse(
    program: str, args: Sequence[str] | None
) -> tuple[argparse.Namespace, Setting, list[str]]:
    """Read a command line: the options, the setting that they give, and options of the fits."""
    parser = argparse.ArgumentParser(f"python -m experiments.{program}", allow_abbrev=False)
    parser.add_argument("sweep", help=f"one of {', '.join(sweep_names())}, or a table")
    add_run_options(parser)
    held_out = "training subject that a search validates on; the last one if not given"
    parser.add_argument("--val-subject", help=held_out)
    parser.add_argument("--cell", help="name of the cell to execute, which W&B gives to the agent")
    options, given = parser.parse_known_args(args)
    if given and not any("." in each for each in given):
        parser.error(f"unknown: {' '.join(given)}")
    return options, setting_of(parser, options), given


def main(args: Sequence[str] | None = None) -> None:
    """Run from the command line, as the Makefile does."""
    args = sys.argv[1:] if args is None else args
    options, setting, given = parse("sweep", args)
    with ready(options, jobs=1) as environment:
        sweep = load_sweep(options.sweep)
        if not sweep.row and (given or options.val_subject):
            raise UserError(
                f"{sweep.name} is a grid, whose runs are those of its tables: options of a fit "
                "and --val-subject are for searches."
            )
        if sweep.row:
            check_metric(sweep, setting)
        need_key()
        setting, _ = launched(setting, options, environment)
        # agents get the same options; `python` is that of the agent's environment
        command = ["python", "-m", "experiments.cli.agents.run", *args]
        if sweep.row:
            subject = held_out_subject(sweep.row, setting, options.val_subject)
            config = search_config(sweep, subject, command)
        else:
            cells, left_out = cells_of(sweep.tables, setting, options.seeds)
            for name, why in left_out.items():
                print(f"Without {name}: {why}")
            print(f"{len(cells)} runs, those that tables share counted once")
            config = grid_config(sweep, cells, command)
        register(config, options.results / "sweeps" / f"{sweep.name}.yaml")


if __name__ == "__main__":
    main()
