"""A jointed body: from joint angles to the 17 joints of Human3.6M, in the world."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Angles = NDArray[np.float64]
ANKLE_HEIGHT = 0.08


def pose_body(
    angles: Mapping[str, Angles], heading: Angles, path: Angles, segments: Mapping[str, float]
) -> NDArray[np.float32]:
    """Place a body over a path, its lowest joint an ankle's height above the floor.

    Body axes: x forward, y to the left, z up. A limb's three angles turn it about its own long
    axis, then flex, then abduct; knees bend backwards and elbows forwards.

    Args:
        angles: channel -> (F,) degrees; limbs as `left_…` and `right_…`.
        heading: (F,) direction of forward in the world, radians from x.
        path: (F, 2) the root's place on the floor, metres.
        segments: name -> length, metres.

    Returns:
        (F, 17, 3) metres, world frame, z up.
    """
    turn = Rotation.from_euler("z", heading[:, None])
    lower = turn * _turned(angles, ("trunk_turn", "trunk_bend", "trunk_lean"), 0.4)
    upper = turn * _turned(angles, ("trunk_turn", "trunk_bend", "trunk_lean"), 1.0)
    skull = upper * Rotation.from_euler(
        "zy", np.stack([angles["neck_turn"], angles["neck_bend"]], 1), degrees=True
    )
    joints = np.zeros((len(heading), 17, 3))

    def attach(child: int, parent: int, rotation: Rotation, offset: tuple[float, ...]) -> None:
        joints[:, child] = joints[:, parent] + rotation.apply(offset)

    attach(7, 0, lower, (0, 0, segments["lower_trunk"]))
    attach(8, 7, upper, (0, 0, segments["upper_trunk"]))
    attach(9, 8, skull, (0.03, 0, segments["neck"]))
    attach(10, 9, skull, (-0.01, 0, segments["head"]))
    for side, y, hip, shoulder in (("left", 1, 4, 11), ("right", -1, 1, 14)):
        thigh = turn * _limb(angles, f"{side}_hip", y)
        shank = thigh * _hinge(angles[f"{side}_knee_flexion"])
        attach(hip, 0, turn, (0, y * segments["hip"], 0))
        attach(hip + 1, hip, thigh, (0, 0, -segments["thigh"]))
        attach(hip + 2, hip + 1, shank, (0, 0, -segments["shank"]))
        upper_arm = upper * _limb(angles, f"{side}_shoulder", y)
        bent = _hinge(-angles[f"{side}_elbow_flexion"])
        attach(shoulder, 8, upper, (0, y * segments["shoulder"], -0.02))
        attach(shoulder + 1, shoulder, upper_arm, (0, 0, -segments["upper_arm"]))
        attach(shoulder + 2, shoulder + 1, upper_arm * bent, (0, 0, -segments["forearm"]))
    # a smooth minimum: the supporting joint changes without a jerk
    lowest = -np.log(np.exp(-50 * joints[..., 2]).sum(1)) / 50
    joints[..., 2] += (ANKLE_HEIGHT - lowest)[:, None]
    joints[..., :2] += path[:, None]
    return joints.astype(np.float32)


def _turned(angles: Mapping[str, Angles], names: tuple[str, ...], part: float) -> Rotation:
    return Rotation.from_euler(
        "ZYX", np.stack([part * angles[name] for name in names], 1), degrees=True
    )


def _hinge(angle: Angles) -> Rotation:
    return Rotation.from_euler("y", angle[:, None], degrees=True)


def _limb(angles: Mapping[str, Angles], joint: str, side: int) -> Rotation:
    abduction, flexion, rotation = (
        angles[f"{joint}_{name}"] for name in ("abduction", "flexion", "rotation")
    )
    return Rotation.from_euler(
        "XYZ", np.stack([side * abduction, -flexion, side * rotation], 1), degrees=True
    )
