"""Conversion of COCO's 17 joints to Human3.6M's, and interpolation of missing ones."""

import numpy as np
from numpy.typing import NDArray

from datamodules.skeletons import H36M17
from datamodules.sources.keypoints.clip import seen
from poseproof.errors import DataError

COCO = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle"),
)
JOINTS = {"coco": COCO, "h36m": H36M17.joints}
# index in Human3.6M's order -> index in COCO's, of the joints that both have; feet are ankles
_BOTH = {
    place: COCO.index(name)
    for place, name in enumerate(joint.replace("foot", "ankle") for joint in H36M17.joints)
    if name in COCO
}


def filled(
    keypoints: NDArray[np.float64], layout: str, min_score: float
) -> tuple[NDArray[np.float64], float]:
    """Interpolate joints that are missing, or below a score, in time.

    Before a joint is first seen and after it is last seen, it stays at that position.

    Args:
        keypoints: (F, 17, 3) x and y in pixels and a score.
        layout: "coco" or "h36m".
        min_score: least score of a joint that counts as seen.

    Returns:
        (F, 17, 2) pixels, and the share of positions that was interpolated, 0 to 1.

    Raises:
        DataError: a joint is never seen.
    """
    there = seen(keypoints, min_score)
    points = keypoints[..., :2].copy()
    times = np.arange(len(points))
    for joint, name in enumerate(JOINTS[layout]):
        at = times[there[:, joint]]
        if not len(at):
            raise DataError(
                f"The {name.replace('_', ' ')} is never seen with a score of {min_score:g} or more "
                f"in {len(points)} frames: lifting needs every joint, so set "
                "--data.init_args.min_score lower or take a clip in which it is seen."
            )
        for axis in (0, 1):
            points[:, joint, axis] = np.interp(times, at, points[at, joint, axis])
    return points, 1 - float(there.mean())


def from_coco(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert COCO's joints (F, 17, 2) to Human3.6M's (F, 17, 2).

    Limbs are kept. With S the middle of the shoulders, N the nose and E the middle of the eyes:
    hip, the middle of the hips; thorax, S + (N - S) / 3; spine, the middle of hip and thorax; neck,
    S + 3 (N - S) / 4, as Human3.6M's is between neck and nose; head, the mean of eyes and ears
    + (E - N), as Human3.6M's is at the top. The fractions are those of the demos of GAST-Net and
    MHFormer, and so is the head, which is correct there for upright people only.
    """
    joints = np.empty_like(points)
    for place, own in _BOTH.items():
        joints[:, place] = points[:, own]

    def middle(*names: str) -> NDArray[np.float64]:
        return points[:, [COCO.index(name) for name in names]].mean(axis=1)

    nose, eyes = middle("nose"), middle("left_eye", "right_eye")
    shoulders = middle("left_shoulder", "right_shoulder")
    hip, thorax = middle("left_hip", "right_hip"), shoulders + (nose - shoulders) / 3
    made = {
        "hip": hip,
        "spine": (hip + thorax) / 2,
        "thorax": thorax,
        "neck": shoulders + 3 * (nose - shoulders) / 4,
        "head": middle("left_eye", "right_eye", "left_ear", "right_ear") + eyes - nose,
    }
    for name, points_made in made.items():
        joints[:, H36M17.joints.index(name)] = points_made
    return joints


def looks_like_h36m(points: NDArray[np.float64]) -> bool:
    """Whether the first five of the joints (F, 17, 2) are a hip and a leg rather than a face.

    A face is small compared with the body; hips, knee and foot are not.
    """
    first, whole = (np.ptp(each, axis=1).max(axis=1) for each in (points[:, :5], points))
    return bool(np.median(first) > np.median(whole) / 3)
