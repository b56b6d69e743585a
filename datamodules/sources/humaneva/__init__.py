"""HumanEva-I: how its public files are recognised and chosen."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from datamodules.sources.format import VIDEOPOSE3D, DataSet, Format, readings_by_keypoints
from datamodules.sources.humaneva.source import HumanEva


def _find(folder: Path) -> Iterator[DataSet]:
    data = f"DATA=humaneva HUMANEVA={quote(str(folder))}"
    if readings := readings_by_keypoints(folder, "humaneva15", data, HumanEva):
        yield DataSet(FORMAT.title, folder, readings)


FORMAT = Format(
    title="HumanEva",
    available=f"licence at humaneva.is.tue.mpg.de; files {VIDEOPOSE3D}",
    data="humaneva",
    options=("root",),
    find=_find,
)
