"""PoseNpz: any 17-joint data set in the public Human3.6M layout, with its own cameras."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.cameras import Camera
from datamodules.reading.checks import entry, is_name, is_number, one_line
from datamodules.reading.safe_npz import load_npz
from datamodules.sequences import PoseSequences
from datamodules.skeletons import H36M17
from datamodules.sources.layout import check_joint_order, read_views
from datamodules.sources.source import Source
from datamodules.views import assemble
from poseproof.errors import DataError


class PoseNpz(Source):
    """Reads `data_3d_{name}.npz` and `data_2d_{name}_gt.npz`.

    The 3D file has `positions_3d`: subject -> action -> (frames, 17, 3), world frame, metres, in
    Human3.6M order. The 2D file has `positions_2d`: subject -> action -> one (frames, 17, 2) in
    pixels for each camera; `cameras`: subject -> dicts with `id`, `res_w`, `res_h`, `center`,
    `focal_length`, `radial_distortion`, `tangential_distortion`, `orientation` (w, x, y, z) and
    `translation` (metres); and `metadata` with `splits` and, optionally, `fps` (50 otherwise).

    Args:
        root: folder of the two files.
        name: name of the data set in the file names.
    """

    def __init__(self, root: str, name: str) -> None:
        self.root = root
        self.name = name

    def read(self) -> PoseSequences:
        """Read and check the files.

        Raises:
            DataError: anything is wrong with them.
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
            "one list each: add it."
        )
    if not is_number(metadata["fps"]) or not 0 < metadata["fps"] < 1e6:
        raise DataError(
            f"{name} has a metadata['fps'] that is not a number of frames per second: correct it."
        )
    return metadata


_WIDEST = 100_000  # pixels


def described_cameras(contents: Mapping[str, Any], name: str) -> dict[str, Sequence[Camera]]:
    """Read the cameras that a 2D file describes.

    Args:
        contents: contents of the file.
        name: name of the file, for messages.

    Returns:
        Subject -> cameras.

    Raises:
        DataError: there are no cameras, or one is not described in full.
    """
    cameras = contents.get("cameras")
    if not isinstance(cameras, dict):
        raise DataError(f"{name} has no 'cameras': add one list of calibrations for each subject.")
    try:
        return {subject: [_camera(each) for each in rig] for subject, rig in cameras.items()}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise DataError(
            f"{name}: a camera is not described in full ({type(error).__name__}: "
            f"{one_line(error)}); see the keys in the documentation of PoseNpz."
        ) from error


def _camera(calibration: Mapping[str, Any]) -> Camera:
    def numbers(key: str, count: int) -> Any:  # noqa: ANN401
        values = tuple(calibration[key])
        if len(values) != count:
            raise ValueError(f"{key} has {len(values)} numbers, not {count}")
        if not all(is_number(value) and abs(value) < 1e6 for value in values):
            raise ValueError(f"{key} is not finite numbers below a million")
        return tuple(map(float, values))

    if not is_name(calibration["id"]) and not isinstance(calibration["id"], int | np.integer):
        raise ValueError("id is not a name")
    size = calibration["res_w"], calibration["res_h"]
    if not all(is_number(pixels) and 1 <= pixels <= _WIDEST for pixels in size):
        raise ValueError("res_w and res_h are not the pixels of an image")
    camera = Camera(
        id=str(calibration["id"]),
        width=int(size[0]),
        height=int(size[1]),
        center=numbers("center", 2),
        focal=numbers("focal_length", 2),
        radial=numbers("radial_distortion", 3),
        tangential=numbers("tangential_distortion", 2),
        orientation=numbers("orientation", 4),
        translation=numbers("translation", 3),
    )
    # another length would scale the poses; 32-bit numbers are within a tenth of this
    if abs(np.linalg.norm(camera.orientation) - 1) > 1e-6:
        raise ValueError("orientation is not a unit quaternion, to six digits")
    return camera
