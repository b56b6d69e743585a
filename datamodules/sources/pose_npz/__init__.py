"""Any data set in the public Human3.6M layout: how its files are recognised and chosen."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from datamodules.sources.format import DataSet, Format, Reading
from datamodules.sources.pose_npz.source import PoseNpz

# names in the file names of formats that lack cameras and splits
_OTHERS = {"h36m", "humaneva15"}


def _find(folder: Path) -> Iterator[DataSet]:
    names = {path.stem.removeprefix("data_3d_") for path in folder.glob("data_3d_*.npz")}
    for path in folder.glob("data_2d_*_gt.npz"):
        names.add(path.stem.removeprefix("data_2d_").removesuffix("_gt"))
    for name in sorted(names - _OTHERS):
        files = [folder / f"data_3d_{name}.npz", folder / f"data_2d_{name}_gt.npz"]
        use = f"make reproduce DATA=npz NPZ={quote(str(folder))} NAME={quote(name)}"
        reading = Reading(files, PoseNpz(str(folder), name), use)
        yield DataSet(f"{FORMAT.title} {name}", folder, {"gt 2D": reading})


FORMAT = Format(
    title="PoseNpz",
    available="your own data in the public Human3.6M layout: see the documentation of PoseNpz",
    data="npz",
    options=("root", "name"),
    find=_find,
)
