"""The page of all tables: how far each is, and its claims with their verdicts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.config.setting import SMOKE, Setting
from experiments.config.tables import Table
from experiments.judge.claims import VERDICTS
from experiments.report.pages import TEMPLATES
from experiments.report.table import confidence, grids, headline
from experiments.runs.costs import Spent
from experiments.runs.files import write_text
from experiments.runs.plan import Planned

# what table names begin with -> the paper
PAPERS = {
    "srnet": "SRNet: Improving Generalization in 3D Human Pose Estimation with a "
    "Split-and-Recombine Approach (Zeng et al., ECCV 2020)",
    "rie": "Improving Robustness and Accuracy via Relative Information Encoding in 3D Human Pose "
    "Estimation (Shan et al., ACM MM 2021)",
    "dpcn": "Deep Pose Consensus Networks (Cha et al.)",
    "selfsup": "Self-supervised 3D Human Pose Estimation from a Single Image (Sosa and Hogg)",
}


@dataclass
class Progress:
    """How far a table is.

    Attributes:
        table: table that is reproduced.
        planned: runs and data of the table; None where it cannot be run.
        refused: reason why it cannot be run; empty where it can.
        broken: error in the suite itself that stopped the table; empty without one.
        failed: name of each row with a failed run -> the error.
        left: number of runs that have not ended.
        contents: contents of `table.json`; None until it is written.
    """

    table: Table
    planned: Planned | None = None
    refused: str = ""
    broken: str = ""
    failed: dict[str, str] = field(default_factory=dict)
    left: int = 0
    contents: dict[str, Any] | None = None

    @property
    def state(self) -> str:
        """State of the table in a word or two."""
        if self.refused:
            return "cannot be run"
        if self.broken or self.failed:
            return "incomplete"
        if self.contents:
            return "complete"
        return "under way"

    @property
    def claims(self) -> list[dict[str, Any]]:
        """Claims with their verdicts; empty until there are any."""
        return self.contents["claims"] if self.contents else []

    @property
    def counts(self) -> str:
        """Number of claims with each verdict."""
        counts = Counter(claim["verdict"] for claim in self.claims)
        return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])

    @property
    def troubles(self) -> list[str]:
        """A sentence for everything that could not be run, with the reason."""
        skipped = (self.contents or {}).get("skipped", {})
        sentences = [self.refused, self.broken]
        sentences += [f"A run of {row} has failed: {why}" for row, why in self.failed.items()]
        sentences += [f"{row}: {why}" for row, why in skipped.items() if row not in self.failed]
        return [sentence.rstrip(".") + "." for sentence in sentences if sentence]


def write_overview(
    results: Path, tables: Mapping[str, Progress], setting: Setting, seeds: Sequence[int]
) -> None:
    """Write `index.html` and `index.md`.

    Args:
        results: folder for both files, in which the tables' own folders are.
        tables: name of each table -> its progress.
        setting: data and preset.
        seeds: seeds of the runs.
    """
    papers: dict[str, list[Progress]] = {}
    for name, progress in tables.items():
        papers.setdefault(name.split("-")[0], []).append(progress)
    written = [each.contents for each in tables.values() if each.contents]
    values = {
        "title": "All tables",
        "setting": setting,
        "seeds": seeds,
        "headlines": list(dict.fromkeys(headline(contents) for contents in written)),
        "comparable": bool(written) and all(contents["comparable"] for contents in written),
        "smoke": setting.preset == SMOKE,
        "papers": {PAPERS.get(key, key): its for key, its in papers.items()},
        "states": Counter(each.state for each in tables.values()),
        "left": sum(each.left for each in tables.values()),
        "verdicts": Counter(claim["verdict"] for each in tables.values() for claim in each.claims),
        "cost": _cost(tables),
        "every_verdict": VERDICTS,
        "confidence": confidence,
        "grids": grids,
    }
    for name in ("index.html", "index.md"):
        template = TEMPLATES.get_template(f"everything.{name.split('.')[1]}.jinja")
        write_text(results / name, template.render(values))


def _cost(tables: Mapping[str, Progress]) -> dict[str, float]:
    """Time that the runs have taken, with runs that tables share counted once."""
    planned = [each.planned for each in tables.values() if each.planned]
    runs = {run.folder: run for each in planned for run in each.runs}
    spent = [Spent.of(run) for run in runs.values()]
    seconds = sum(each.training + each.rest for each in spent)
    return {"runs": len(runs), "hours": seconds / 3600, "epochs": sum(s.epochs for s in spent)}
