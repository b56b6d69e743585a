"""PoseNpz: any 17-joint data set in the public Human3.6M layout, with its own cameras."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.cameras import Camera
from datamodules.errors import DataError
from datamodules.safe_npz import load_npz
from datamodules.sequences import PoseSequences
from datamodules.skeletons import H36M17
from datamodules.sources.layout import check_joint_order, entry, read_views
from datamodules.sources.source import Source
from datamodules.views import assemble


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
            _cameras(flat, file_2d.name),
            metadata["fps"],
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
        or not all(isinstance(subjects, list | tuple | np.ndarray) for subjects in splits.values())
    ):
        raise DataError(
            f"{name} has no metadata['splits'] that names the subjects of 'train' and 'test', "
            "one list each."
        )
    if not isinstance(metadata["fps"], int | float | np.number) or not metadata["fps"] > 0:
        raise DataError(
            f"{name} has {metadata['fps']!r} for metadata['fps']: give the frames a second."
        )
    return metadata


def _cameras(contents: Mapping[str, Any], name: str) -> dict[str, Sequence[Camera]]:
    cameras = contents.get("cameras")
    if not isinstance(cameras, dict):
        raise DataError(f"{name} has no 'cameras', one list of calibrations a subject.")
    try:
        return {subject: [_camera(each) for each in held] for subject, held in cameras.items()}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise DataError(
            f"{name}: a camera is not described in full ({type(error).__name__}: {error}); see the "
            "keys in the documentation of PoseNpz."
        ) from error


def _camera(held: Mapping[str, Any]) -> Camera:
    def numbers(key: str, count: int) -> Any:  # noqa: ANN401
        values = tuple(float(value) for value in held[key])
        if len(values) != count:
            raise ValueError(f"{key} has {len(values)} numbers, not {count}")
        if not np.isfinite(values).all():
            raise ValueError(f"{key} is not finite")
        return values

    camera = Camera(
        id=str(held["id"]),
        width=int(held["res_w"]),
        height=int(held["res_h"]),
        center=numbers("center", 2),
        focal=numbers("focal_length", 2),
        radial=numbers("radial_distortion", 3),
        tangential=numbers("tangential_distortion", 2),
        orientation=numbers("orientation", 4),
        translation=numbers("translation", 3),
    )
    if camera.width < 1 or camera.height < 1:
        raise ValueError("res_w and res_h are not the pixels of an image")
    if abs(np.linalg.norm(camera.orientation) - 1) > 1e-3:
        raise ValueError("orientation is no unit quaternion")
    return camera
