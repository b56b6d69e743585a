"""What every source checks of what it reads, one sentence each, before any training starts."""

from typing import TYPE_CHECKING

import numpy as np

from poseproof.errors import DataError

if TYPE_CHECKING:
    from datamodules.views import View

# a person from root to furthest joint, metres: a crouched toddler to a very tall adult's reach
SMALLEST, LARGEST = 0.15, 3.0
# a keypoint may leave the image a little (an estimator's box, a joint behind the frame)
MARGIN = 1.0


def check_view(view: "View", num_joints: int) -> None:
    """Check one sequence.

    Raises:
        DataError: a wrong shape or joint count, different lengths of 2D and 3D, values that are not
            finite, units that cannot be metres or pixels, no frames, or none to be tested on.
            Joints of frames that may not be tested on are not looked at.
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
            f"{where}: {len(keypoints)} frames of 2D keypoints stand against {len(joints)} of 3D "
            "poses: the files do not belong together, or one is cut short."
        )
    if len(joints) == 0:
        raise DataError(f"{where}: the sequence has no frames; remove it from the files.")
    if view.has_truth.shape != (len(joints),):
        raise DataError(
            f"{where}: {view.has_truth.size} marks of valid frames stand against {len(joints)} "
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
