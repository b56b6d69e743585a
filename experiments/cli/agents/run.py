"""What a W&B agent runs: one cell of a grid, or one fit of a search."""

import os
from collections.abc import Sequence
from pathlib import Path

from experiments.cli.agents.mirror import Mirror
from experiments.cli.cells import Cell
from experiments.cli.lightning import main as cli_main
from experiments.cli.reproduce import launched, ready, stoppable
from experiments.cli.sweep import parse, search_args
from experiments.config.setting import Setting
from experiments.config.sweeps import Sweep, load_sweep
from experiments.config.tables import CONFIGS
from experiments.runs.backends.local import one_by_one
from experiments.runs.backends.ranks import Launcher
from experiments.runs.wandb_log import start


def run_cell(cell: Cell, setting: Setting, results: Path, launcher: Launcher | None = None) -> None:
    """Execute a cell as `make reproduce` does, and tell W&B of it.

    The run's folder is the same, so that what is done is not done again. Stopped before its end, a
    cell goes back to the sweep, and whoever gets it next goes on under the same W&B run.

    Args:
        cell: which run.
        setting: data and preset, as where the sweep was registered.
        results: the folder that `runs` lies in.
        launcher: trains it, in processes of its own.

    Raises:
        UserError: the same data and code are not here.
    """
    run = cell.find(setting, results)
    config = run.composition.values()
    config |= {"table": cell.table, "row": cell.row, "preset": setting.preset, "run": cell.folder}
    to = start(cell.folder, f"{cell.table} {cell.row}, seed {cell.seed}", config)
    to.mark_preempting()
    mirror = Mirror(run, to)
    mirror.send_epochs()
    with stoppable():
        one_by_one([run], lambda _: mirror.send_epochs(), lambda _: None, launcher=launcher)
    mirror.finish(run.composition.model().skeleton, results / cell.table / "index.html")


def run_fit(sweep: Sweep, setting: Setting, results: Path, given: Sequence[str]) -> None:
    """One fit of a search: `lightning fit` with what the sweep chose, judged as it trains."""
    assert sweep.row is not None
    place = results / "searches" / sweep.name / os.environ.get("WANDB_RUN_ID", "alone")
    args = ["fit", *search_args(sweep.row, setting), f"--config={CONFIGS}/loggers/wandb.yaml"]
    cli_main([*args, f"--trainer.logger.init_args.save_dir={place}", *given])


def main(args: Sequence[str] | None = None) -> None:
    """Run from an agent's command line."""
    options, setting, given = parse("agents.run", args)
    with ready(options, jobs=1) as environment:
        sweep = load_sweep(options.sweep)
        if sweep.row:
            run_fit(sweep, setting, options.results, given)
        else:
            setting, launcher = launched(setting, options, environment)
            run_cell(Cell.named(options.cell or ""), setting, options.results, launcher)


if __name__ == "__main__":
    main()
