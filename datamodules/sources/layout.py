"""The layout of the public Human3.6M files: subject -> action -> arrays, in 3D and in 2D."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from datamodules.cameras import Camera, world_to_camera
from datamodules.reading.checks import as_array, is_name
from datamodules.sequences import Float32
from datamodules.views import View
from poseproof.errors import DataError


def read_views(
    poses: Mapping[str, Mapping[str, Float32]],
    keypoints: Mapping[str, Mapping[str, Sequence[Float32]]],
    cameras: Mapping[str, Sequence[Camera]],
    fps: float,
    name: str,
) -> list[View]:
    """Pair the world poses of every take with their 2D in each camera.

    2D that is longer than the motion is cut to its length: detections of the public Human3.6M
    videos are longer.

    Args:
        poses: subject -> take -> (F, J, 3) metres, world frame.
        keypoints: subject -> take -> one (F, J, 2 or 3) in pixels for each camera.
        cameras: subject -> cameras in the order of the 2D.
        fps: frames per second.
        name: name of the 2D file, for messages.

    Raises:
        DataError: a subject, take or camera has no 2D, there are no cameras for a subject, an array
            is not numeric, or only some of the 2D has scores.
    """
    views = []
    for subject, takes in poses.items():
        if subject not in keypoints:
            raise DataError(f"{name} lacks subject {subject}, which the 3D poses have.")
        if subject not in cameras:
            raise DataError(f"There are no cameras for subject {subject}: add them, or remove it.")
        for take, world in takes.items():
            where = f"subject {subject}, action {take!r}"
            seen = keypoints[subject].get(take)
            if seen is None:
                raise DataError(f"{name} lacks {where}, which the 3D poses have.")
            if not isinstance(seen, list | tuple | np.ndarray) or getattr(seen, "ndim", 1) == 0:
                raise DataError(
                    f"{name}, {where}: a list of one array for each camera is needed, not "
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
    if len({view.keypoints.shape[-1] for view in views}) > 1:
        raise DataError(f"{name} has scores for some of the 2D keypoints only: give all or none.")
    return views


def check_joint_order(contents: Mapping[str, Any], name: str) -> None:
    """Check that 2D keypoints are in the joint order of Human3.6M: COCO has as many joints.

    Args:
        contents: contents of the 2D file.
        name: name of the file, for messages.

    Raises:
        DataError: the file's metadata name another layout.
    """
    metadata = contents.get("metadata")
    layout = metadata.get("layout_name", "h36m") if isinstance(metadata, dict) else "h36m"
    if not is_name(layout) or layout != "h36m":
        other = repr(layout) if is_name(layout) else "unnamed"
        raise DataError(
            f"{name} holds keypoints in the {other} joint order, but Human3.6M's 17 joints are "
            "needed: use detections in that order, such as cpn_ft_h36m_dbb."
        )
