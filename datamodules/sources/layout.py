"""The layout of the public Human3.6M files: subject -> action -> arrays, 3D beside 2D."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from datamodules.cameras import Camera, world_to_camera
from datamodules.errors import DataError
from datamodules.sequences import Float32
from datamodules.views import View


def read_views(
    poses: Mapping[str, Mapping[str, Float32]],
    keypoints: Mapping[str, Mapping[str, Sequence[Float32]]],
    cameras: Mapping[str, Sequence[Camera]],
    fps: float,
    name: str,
) -> list[View]:
    """Pair every take's world poses with its 2D in each camera.

    2D that runs on past the motion is cut to it, as detections of the public Human3.6M videos do.

    Args:
        poses: subject -> take -> (F, J, 3) metres, world frame.
        keypoints: subject -> take -> one (F, J, 2 or 3) in pixels a camera.
        cameras: subject -> its cameras in the order of the 2D.
        fps: frames a second.
        name: of the 2D file, for messages.

    Raises:
        DataError: a subject, take or camera without 2D, or something that is no numeric array.
    """
    views = []
    for subject, takes in poses.items():
        if subject not in keypoints:
            raise DataError(f"{name} lacks subject {subject}, which the 3D poses have.")
        if subject not in cameras:
            raise DataError(f"There are no cameras for subject {subject}.")
        for take, world in takes.items():
            where = f"subject {subject}, action {take!r}"
            seen = keypoints[subject].get(take)
            if seen is None:
                raise DataError(f"{name} lacks {where}, which the 3D poses have.")
            if not isinstance(seen, list | tuple | np.ndarray) or getattr(seen, "ndim", 1) == 0:
                raise DataError(
                    f"{name}, {where}: a list of one array a camera is needed, not "
                    f"{type(seen).__name__}."
                )
            if len(seen) != len(cameras[subject]):
                raise DataError(
                    f"{name}, {where}: 2D of {len(seen)} cameras, but subject {subject} has "
                    f"{len(cameras[subject])}: a camera is missing."
                )
            world = as_array(world, f"The 3D poses of {where}", coordinates=(3,))
            for pixels, camera in zip(seen, cameras[subject], strict=True):
                flat = as_array(pixels, f"{name}, {where}, camera {camera.id}")
                in_camera = world_to_camera(torch.from_numpy(world).double(), camera)
                views.append(
                    View(
                        subject=subject,
                        # the take's number follows the action's name after a space
                        action=take.split(" ")[0],
                        take=take,
                        camera=camera,
                        fps=fps,
                        keypoints=flat[: len(world)],
                        joints=in_camera.float().numpy(),
                    )
                )
    return views


def check_joint_order(contents: Mapping[str, Any], name: str) -> None:
    """Refuse 2D in another joint order than Human3.6M's: COCO has as many joints.

    Raises:
        DataError: the file's metadata name another layout.
    """
    metadata = contents.get("metadata")
    layout = metadata.get("layout_name", "h36m") if isinstance(metadata, dict) else "h36m"
    if layout != "h36m":
        raise DataError(
            f"{name} holds keypoints in the {layout!r} joint order, but Human3.6M's 17 joints are "
            "needed: use detections in that order, such as cpn_ft_h36m_dbb."
        )


def entry(contents: Mapping[str, Any], key: str, name: str) -> dict[str, Any]:
    """A dict of dicts in a file's contents.

    Raises:
        DataError: there is no such key, or it holds something else.
    """
    held = contents.get(key)
    if not isinstance(held, dict) or not all(isinstance(inner, dict) for inner in held.values()):
        raise DataError(
            f"{name} has no {key!r} of the form subject -> action -> array: it is not in the "
            f"public Human3.6M layout (it holds {', '.join(map(repr, contents)) or 'nothing'})."
        )
    return held


def as_array(values: Any, where: str, coordinates: Sequence[int] = (2, 3)) -> Float32:  # noqa: ANN401
    """A float32 array of three axes whose last one holds so many coordinates.

    Raises:
        DataError: it is something else.
    """
    array = np.asarray(values) if isinstance(values, np.ndarray) else np.empty(0, object)
    if array.dtype.kind not in "fiu" or array.ndim != 3 or array.shape[-1] not in coordinates:
        raise DataError(
            f"{where}: an array of numbers of shape (frames, joints, "
            f"{' or '.join(map(str, coordinates))}) is needed, not "
            f"{type(values).__name__} {getattr(values, 'shape', '')}."
        )
    return np.ascontiguousarray(array, dtype=np.float32)
