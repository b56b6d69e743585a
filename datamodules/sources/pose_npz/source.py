"""PoseNpz: any 17-joint data set in the public Human3.6M layout, with its own cameras."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.reading.labels import check_joint_order, is_name, is_number
from datamodules.reading.safe_npz import load_npz
from datamodules.sequences import PoseSequences
from datamodules.skeletons import H36M17
from datamodules.sources.layout import entry, read_views
from datamodules.sources.pose_npz.cameras import described_cameras
from datamodules.sources.source import Source
from datamodules.views import assemble
from poseproof.errors import DataError


class PoseNpz(Source):
    """Reads `data_3d_{name}.npz` and `data_2d_{name}_gt.npz`.

    The 3D file holds `positions_3d`: subject -> action -> (frames, 17, 3), world frame, metres, in
    Human3.6M order. The 2D file holds `positions_2d`: subject -> action -> one (frames, 17, 2) in
    pixels a camera; `cameras`: subject -> dicts with `id`, `res_w`, `res_h`, `center`,
    `focal_length`, `radial_distortion`, `tangential_distortion`, `orientation` (w, x, y, z) and
    `translation` (metres); and `metadata` with `splits` and, optionally, `fps` (50 otherwise).

    Args:
        root: folder of the two files.
        name: the data set's name, as in the file names.
    """

    def __init__(self, root: str, name: str) -> None:
        self.root = root
        self.name = name

    def read(self) -> PoseSequences:
        """Read and check the two files.

        Raises:
            DataError: anything wrong with them.
        """
        file_3d = Path(self.root) / f"data_3d_{self.name}.npz"
        file_2d = Path(self.root) / f"data_2d_{self.name}_gt.npz"
        flat = load_npz(file_2d)
        check_joint_order(flat, file_2d.name)
        metadata = _metadata(flat, file_2d.name)
        views = read_views(
            entry(load_npz(file_3d), "positions_3d", file_3d.name),
            entry(flat, "positions_2d", file_2d.name),
            described_cameras(flat, file_2d.name),
            float(metadata["fps"]),
            file_2d.name,
        )
        splits = {key: tuple(subjects) for key, subjects in metadata["splits"].items()}
        return assemble(views, H36M17, splits, f"{self.name} (PoseNpz)")


def _metadata(contents: Mapping[str, Any], name: str) -> dict[str, Any]:
    metadata = contents.get("metadata")
    metadata = {"fps": 50.0, **metadata} if isinstance(metadata, dict) else {}
    splits = metadata.get("splits")
    if (
        not isinstance(splits, dict)
        or not {"train", "test"} <= set(splits)
        or not all(map(is_name, splits))
        or not all(isinstance(s, list | tuple) or np.ndim(s) == 1 for s in splits.values())
        or not all(is_name(subject) for subjects in splits.values() for subject in subjects)
    ):
        raise DataError(
            f"{name} has no metadata['splits'] that names the subjects of 'train' and 'test', "
            "one list each."
        )
    if not is_number(metadata["fps"]) or not 0 < metadata["fps"] < 1e6:
        raise DataError(
            f"{name} has a metadata['fps'] that is no number of frames a second: give that."
        )
    return metadata
