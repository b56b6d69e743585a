"""`python -m benchmarks [--ref DIR]`: how many times ours the other way takes."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import data, networks


def main() -> None:
    """Measure everything and print a table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ref", type=Path, help="a clone of the released SRNet code")
    options = parser.parse_args()
    table = Table("this suite", "against", "times ours", "least to most")
    for part in (networks.measure(options.ref), data.measure(options.ref)):
        for ratio in track(part, description="measuring", transient=True):
            spread = f"{ratio.low:,.2f} to {ratio.high:,.2f}"
            table.add_row(ratio.what, ratio.against, f"{ratio.middle:,.2f}", spread)
    Console().print(table)


if __name__ == "__main__":
    main()
