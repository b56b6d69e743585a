"""`python -m benchmarks [--ref DIR]`: the time of other implementations, divided by ours."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import data, dpcn, networks, rie
from benchmarks.official import recognised
from experiments.runs.process import keep_freed_memory


def main() -> None:
    """Measure everything and print a table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ref", type=Path, help="a clone of SRNet, Pose3D-RIE or VideoPose3D")
    parser.add_argument(
        "--fresh-memory", action="store_true", help="let both sides hand freed memory back"
    )
    options = parser.parse_args()
    if not options.fresh_memory:
        keep_freed_memory()
    refs: dict[str, Path] = {}
    if options.ref:
        refs[recognised(options.ref)] = options.ref
        print(f"{options.ref}: the released code of {next(iter(refs))}")
    table = Table("this suite", "against", "times ours", "least to most")
    parts = (
        networks.measure(refs.get("SRNet")),
        rie.measure(refs.get("RIE")),
        dpcn.measure(),
        data.measure(options.ref),
    )
    for part in parts:
        for ratio in track(part, description="measuring", transient=True):
            spread = f"{ratio.low:,.2f} to {ratio.high:,.2f}"
            table.add_row(ratio.what, ratio.against, f"{ratio.middle:,.2f}", spread)
    Console().print(table)


if __name__ == "__main__":
    main()
