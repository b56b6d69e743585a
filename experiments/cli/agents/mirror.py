"""Mirror: a W&B run that shows what the folder of a table's run holds."""

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

from datamodules.skeletons import Skeleton
from experiments.report.predictions import predictions
from experiments.report.viewer import viewer_page
from experiments.runs.run import Run

if TYPE_CHECKING:
    import wandb


class Mirror:
    """Sends what a run's folder holds to W&B, every epoch once.

    What an earlier process, or another agent, has left there is sent too.

    Args:
        run: run of a table.
        to: the W&B run.
    """

    def __init__(self, run: Run, to: "wandb.Run") -> None:
        self.run = run
        self.to = to
        self.sent = to.step

    def send_epochs(self) -> None:
        """Send the epochs of training that were not sent."""
        for step, row in enumerate(epochs(self.run.folder)):
            if step >= self.sent:
                self.to.log(row, step=step, commit=True)
                self.sent = step + 1

    def finish(self, skeleton: Skeleton, page: Path) -> None:
        """Send what is left, and end the W&B run.

        These are the last epochs, all figures of the tests, the table's columns among them by name,
        sample frames to turn, and the table's page.

        Args:
            skeleton: joint layout of the frames.
            page: the table's `index.html`, which may not be there.
        """
        import wandb

        self.send_epochs()
        run, pages = self.run, {}
        for test in run.tests:
            # without the measure key, which is another one for every run
            title = test.removesuffix(f" {test.rsplit(' ', 1)[-1]}")
            figures = run.metrics[test].items()
            self.to.summary.update({f"{title}/{name}": value for name, value in figures})
        test, rows = predictions([run], skeleton)
        for row, shown in rows.items():
            title = f"{row}, seed {run.seed}"
            pages["samples"] = viewer_page(shown.samples, title, f"Frames of the {test}.")
        for name, column in run.table.columns.items():
            if run.serves(column):
                self.to.summary[f"{run.table.name}/{name}"] = run.figures(column).get(column.metric)
        if page.exists():
            pages["table"] = page.read_text()
        self.to.log({name: wandb.Html(text, inject=False) for name, text in pages.items()})
        self.to.finish()


def epochs(folder: Path) -> list[dict[str, float]]:
    """The figures of every epoch of training in a run's CSV logs, stage after stage.

    An epoch that was logged twice, because the run was stopped and continued, counts once.
    """
    rows: dict[tuple[str, int], dict[str, float]] = {}
    for path in folder.rglob("metrics.csv"):
        place = path.relative_to(folder).parts[0]
        named = re.fullmatch(r"\d+-(.+)-\w+", place)
        stage = f"{named[1]}/" if named else ""
        lines = path.read_text().splitlines(keepends=True)
        # the last one may be half written
        for row in csv.DictReader(line for line in lines if line.endswith("\n")):
            seen = {k: float(v) for k, v in row.items() if k.startswith("train/") and v}
            if seen:
                epoch = int(row["epoch"])
                named_by_stage = {stage + name: value for name, value in seen.items()}
                rows[place, epoch] = {"epoch": epoch, **named_by_stage}
    return [rows[key] for key in sorted(rows)]
