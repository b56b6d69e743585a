"""The cameras that a file of PoseNpz describes, with the keys that its docstring names."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datamodules.cameras import Camera
from datamodules.reading.labels import is_name, is_number
from datamodules.reading.safe_npz import one_line
from poseproof.errors import DataError

_WIDEST = 100_000  # pixels


def described_cameras(contents: Mapping[str, Any], name: str) -> dict[str, Sequence[Camera]]:
    """Subject -> cameras.

    Raises:
        DataError: there are none, or one is not described in full.
    """
    cameras = contents.get("cameras")
    if not isinstance(cameras, dict):
        raise DataError(f"{name} has no 'cameras', one list of calibrations a subject.")
    try:
        return {subject: [_camera(each) for each in held] for subject, held in cameras.items()}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise DataError(
            f"{name}: a camera is not described in full ({type(error).__name__}: "
            f"{one_line(error)}); see the keys in the documentation of PoseNpz."
        ) from error


def _camera(held: Mapping[str, Any]) -> Camera:
    def numbers(key: str, count: int) -> Any:  # noqa: ANN401
        values = tuple(held[key])
        if len(values) != count:
            raise ValueError(f"{key} has {len(values)} numbers, not {count}")
        if not all(is_number(value) and abs(value) < 1e6 for value in values):
            raise ValueError(f"{key} is not finite numbers below a million")
        return tuple(map(float, values))

    if not is_name(held["id"]) and not isinstance(held["id"], int | np.integer):
        raise ValueError("id is no name")
    size = held["res_w"], held["res_h"]
    if not all(is_number(pixels) and 1 <= pixels <= _WIDEST for pixels in size):
        raise ValueError("res_w and res_h are not the pixels of an image")
    camera = Camera(
        id=str(held["id"]),
        width=int(size[0]),
        height=int(size[1]),
        center=numbers("center", 2),
        focal=numbers("focal_length", 2),
        radial=numbers("radial_distortion", 3),
        tangential=numbers("tangential_distortion", 2),
        orientation=numbers("orientation", 4),
        translation=numbers("translation", 3),
    )
    # another length would scale the poses; 32-bit numbers are a tenth of this off
    if abs(np.linalg.norm(camera.orientation) - 1) > 1e-6:
        raise ValueError("orientation is no unit quaternion, which is 1 long to six digits")
    return camera
