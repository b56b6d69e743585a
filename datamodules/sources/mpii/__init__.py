"""MPII Human Pose: how its files are recognised and chosen."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from datamodules.sources.format import CONFIGS, OPTIONS, DataSet, Format, Reading
from datamodules.sources.mpii.source import MPII


def _find(folder: Path) -> Iterator[DataSet]:
    files = [folder / "annot" / f"{name}.json" for name in ("train", "valid")]
    if any(map(Path.is_file, files)):
        use = f"lightning fit --config {CONFIGS}/mpii.yaml … {OPTIONS}.root {quote(str(folder))}"
        yield DataSet(FORMAT.title, folder, {"2D truth": Reading(files, MPII(str(folder)), use)})


FORMAT = Format(
    title="MPII",
    available="images at human-pose.mpi-inf.mpg.de; annot/train.json and annot/valid.json from "
    "github.com/leoxiaobin/deep-high-resolution-net.pytorch",
    find=_find,
    folders=("images", "annot"),
)
