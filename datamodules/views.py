"""Views: the sequences of a source, checked and joined into flat arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.cameras import Camera, normalize_screen, project, world_to_camera
from datamodules.sequences import Float32, PoseSequences, Segment
from datamodules.skeletons import Skeleton
from poseproof.errors import DataError


@dataclass(frozen=True)
class View:
    """One sequence of a source, before it joins the flat arrays.

    Attributes:
        subject: name of the person.
        action: name of the action.
        take: name of the take, unique among those of the subject.
        camera: camera that saw it.
        fps: frames per second.
        keypoints: (F, J, 2) pixels, or (F, J, 3) with a score.
        joints: (F, J, 3) metres, camera frame, not relative to the root.
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
        """(F,) mask of the frames whose 3D truth is sound."""
        return np.ones(len(self.joints), bool) if self.valid is None else self.valid


def view_world(
    world: Float32, camera: Camera, *, subject: str, action: str, take: str, fps: float
) -> View:
    """Film a sequence of world poses with a virtual camera.

    Args:
        world: (F, J, 3) joints in metres, world frame with z up.
        camera: camera that films them.
        subject: name of the person.
        action: name of the action.
        take: name of the take, unique among those of the subject.
        fps: frames per second.
    """
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

    Joints that are not finite, in frames that are not valid, become 0.

    Args:
        views: sequences to join, in this order.
        skeleton: joint layout of all of them.
        splits: "train" and "test" -> subjects of that split.
        title: description of the data for the first line of a report.
        scenes: subject -> kind of scene that the subject was filmed in, where known.

    Raises:
        DataError: there are no views, or `check_view` refuses one.
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


# a person from root to furthest joint, metres: a crouched toddler to a very tall adult's reach
SMALLEST, LARGEST = 0.15, 3.0
# a keypoint may leave the image a little (an estimator's box, a joint behind the frame)
MARGIN = 1.0


def check_view(view: View, num_joints: int) -> None:
    """Check one sequence; the joints of frames that are not valid may be anything.

    Args:
        view: sequence to check.
        num_joints: joints that its skeleton has.

    Raises:
        DataError: the sequence has a wrong shape or joint count, different lengths of 2D and 3D,
            values that are not finite, units that cannot be metres or pixels, no frames, or no
            valid frames.
    """
    where = f"subject {view.subject}, action {view.take!r}, camera {view.camera.id}"
    joints, keypoints = view.joints, view.keypoints
    if joints.ndim != 3 or joints.shape[1:] != (num_joints, 3):
        raise DataError(
            f"{where}: the 3D poses have shape {joints.shape}, but (frames, {num_joints}, 3) is "
            f"needed: convert them to the {num_joints} joints of the skeleton first."
        )
    if keypoints.ndim != 3 or keypoints.shape[1] != num_joints or keypoints.shape[2] not in (2, 3):
        raise DataError(
            f"{where}: the 2D keypoints have shape {keypoints.shape}, but (frames, {num_joints}, 2 "
            "or 3) is needed: they must have the same joints as the 3D poses."
        )
    if len(keypoints) != len(joints):
        raise DataError(
            f"{where}: there are {len(keypoints)} frames of 2D keypoints but {len(joints)} of 3D "
            "poses: the files do not belong together, or one is cut short."
        )
    if len(joints) == 0:
        raise DataError(f"{where}: the sequence has no frames; remove it from the files.")
    if view.has_truth.shape != (len(joints),):
        raise DataError(
            f"{where}: there are {view.has_truth.size} marks of valid frames but {len(joints)} "
            "frames: the files do not belong together, or one is cut short."
        )
    if not view.has_truth.any():
        raise DataError(f"{where}: no frame is marked as valid; remove the sequence.")
    wanted = (("3D poses", joints, view.has_truth), ("2D keypoints", keypoints, True))
    for name, values, needed in wanted:
        broken = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2)) & needed)
        if len(broken):
            frame = int(broken[0])
            raise DataError(
                f"{where}: the {name} are not finite from frame {frame} on: repair or remove the "
                "sequence."
            )
    _check_metres(joints[view.has_truth], where)
    _check_pixels(keypoints[..., :2], view.camera.width, view.camera.height, where)


def _check_metres(joints: np.ndarray, where: str) -> None:
    reach = float(np.median(np.linalg.norm(joints - joints[:, :1], axis=-1).max(axis=1)))
    if not SMALLEST <= reach <= LARGEST:
        hint = "check the unit"
        if reach > 100:
            hint = "divide by 1000, they look like millimetres"
        elif reach < SMALLEST / 10:
            hint += ", the file may be in metres where its format is in millimetres"
        raise DataError(
            f"{where}: a person reaches {reach:.3g} from root to furthest joint, but poses must be "
            f"in metres: {hint}."
        )


def _check_pixels(keypoints: np.ndarray, width: int, height: int, where: str) -> None:
    if np.ptp(keypoints, axis=(0, 1)).max() < 4:
        raise DataError(
            f"{where}: all 2D keypoints lie within 4 pixels: they look normalised, but pixels of "
            "the image are needed."
        )
    size = np.array([width, height])
    outside = ((keypoints < -MARGIN * size) | (keypoints > (1 + MARGIN) * size)).any(axis=-1)
    if outside.mean() > 0.01:
        raise DataError(
            f"{where}: {outside.mean():.0%} of the 2D keypoints lie far outside the {width} x "
            f"{height} image: give pixels of that image, or the right image size."
        )
