"""Views: sequences as a source hands them over, and how they join into flat arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.cameras import Camera, normalize_screen, project, world_to_camera
from datamodules.reading.checks import check_view
from datamodules.sequences import Float32, PoseSequences, Segment
from datamodules.skeletons import Skeleton
from poseproof.errors import DataError


@dataclass(frozen=True)
class View:
    """What a source hands over for one sequence, before it joins the flat arrays.

    Attributes:
        keypoints: (F, J, 2) pixels, or (F, J, 3) with a score.
        joints: (F, J, 3) metres, camera frame, with their place in the scene.
        valid: (F,) mask of the frames whose 3D truth is sound, where the data mark them. The joints
            of the others may be anything; their keypoints appear in windows and must be finite.
    """

    subject: str
    action: str
    take: str
    camera: Camera
    fps: float
    keypoints: Float32
    joints: Float32
    valid: NDArray[np.bool_] | None = None

    @property
    def has_truth(self) -> NDArray[np.bool_]:
        """(F,) the frames whose joints can be relied on."""
        return np.ones(len(self.joints), bool) if self.valid is None else self.valid


def view_world(
    world: Float32, camera: Camera, *, subject: str, action: str, take: str, fps: float
) -> View:
    """Film world joints (F, J, 3), in metres, with a virtual camera."""
    joints = world_to_camera(torch.from_numpy(world).double(), camera)
    return View(
        subject=subject,
        action=action,
        take=take,
        camera=camera,
        fps=fps,
        keypoints=project(joints, camera).float().numpy(),
        joints=joints.float().numpy(),
    )


def assemble(
    views: Sequence[View],
    skeleton: Skeleton,
    splits: Mapping[str, tuple[str, ...]],
    title: str,
    scenes: Mapping[str, str] | None = None,
) -> PoseSequences:
    """Check the views and join them into flat arrays.

    Joints that are not finite, in frames that may not be tested on, become 0.

    Raises:
        DataError: nothing to join, a wrong joint count, values that are not finite, 2D and 3D of
            different lengths, a unit that cannot be metres or pixels, or an empty sequence.
    """
    if not views:
        raise DataError(f"{title} holds no sequences: check the folder and the file names.")
    for view in views:
        check_view(view, len(skeleton.joints))
    placed = [_finite(view) for view in views]
    stops = np.cumsum([len(view.joints) for view in views]).tolist()
    return PoseSequences(
        keypoints=np.concatenate([_normalized(view) for view in views]),
        joints=np.concatenate([joints - joints[:, :1] for joints in placed]),
        segments=tuple(
            Segment(stop - len(v.joints), stop, v.subject, v.action, v.take, v.camera, v.fps)
            for v, stop in zip(views, stops, strict=True)
        ),
        skeleton=skeleton,
        splits=splits,
        title=title,
        scenes=scenes or {},
        valid=(
            np.concatenate([view.has_truth for view in views])
            if any(view.valid is not None for view in views)
            else None
        ),
        roots=np.concatenate([joints[:, 0] for joints in placed]),
    )


def _finite(view: View) -> Float32:
    if view.valid is None:
        return view.joints
    return np.where(np.isfinite(view.joints), view.joints, np.float32(0))


def _normalized(view: View) -> Float32:
    points = torch.from_numpy(view.keypoints[..., :2]).double()
    screen = normalize_screen(points, view.camera).float().numpy()
    return np.concatenate([screen, view.keypoints[..., 2:]], axis=-1)
