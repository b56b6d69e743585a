"""Human3.6M: how its public files are recognised and chosen."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from datamodules.sources.format import (
    CONFIGS,
    OPTIONS,
    VIDEOPOSE3D,
    DataSet,
    Format,
    Reading,
    readings_by_keypoints,
)
from datamodules.sources.human36m.images import Human36MImages
from datamodules.sources.human36m.source import Human36M


def _find(folder: Path) -> Iterator[DataSet]:
    data = f"DATA=h36m H36M={quote(str(folder))}"
    readings = readings_by_keypoints(folder, "h36m", data, Human36M) | _images(folder)
    if readings:
        yield DataSet(FORMAT.title, folder, readings)


def _images(folder: Path) -> dict[str, Reading]:
    """The images of the poses, in the folder's own `images`."""
    images = folder / "images"
    if next(images.glob("s_*_act_*_subact_*_ca_*"), None) is None:
        return {}
    files = [folder / "data_3d_h36m.npz", folder / "data_2d_h36m_gt.npz"]
    use = (
        f"lightning fit --config {CONFIGS}/h36m_images.yaml … {OPTIONS}.root {quote(str(folder))} "
        f"{OPTIONS}.images {quote(str(images))}"
    )
    return {"images": Reading(files, Human36MImages(str(folder), str(images)), use)}


FORMAT = Format(
    title="Human3.6M",
    available=f"licence at vision.imar.ro/human3.6m; files {VIDEOPOSE3D}",
    data="h36m",
    options=("root",),
    find=_find,
    folders=("images",),
)
