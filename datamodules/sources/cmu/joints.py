"""The 17 joints of Human3.6M in a motion of the CMU database, at 50 Hz."""

from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline

from datamodules.sequences import Float32
from datamodules.sources.cmu.amc import joint_positions, read_amc
from datamodules.sources.cmu.asf import AsfSkeleton
from poseproof.errors import DataError

RECORDED_FPS, FPS = 120.0, 50.0
# the far end of an ASF bone is the joint; the hip is midway between the first two
_JOINTS = (
    *("rhipjoint", "rfemur", "rtibia", "lhipjoint", "lfemur", "ltibia"),
    *("lowerback", "thorax", "upperneck", "head"),
    *("lclavicle", "lhumerus", "lwrist", "rclavicle", "rhumerus", "rwrist"),
)


def world_joints(skeleton: AsfSkeleton, amc: Path) -> Float32:
    """The 17 joints of a clip at 50 Hz: (F, 17, 3) metres, z up, centred over the origin.

    Raises:
        DataError: the file is not of the format, or the skeleton lacks a bone.
    """
    placed = joint_positions(skeleton, read_amc(amc, skeleton))
    if missing := sorted(set(_JOINTS) - set(placed)):
        raise DataError(f"The skeleton of {amc} lacks the bones {', '.join(missing)}.")
    limbs = np.stack([placed[bone] for bone in _JOINTS], axis=1)
    joints = np.concatenate([limbs[:, [0, 3]].mean(1, keepdims=True), limbs], axis=1)
    joints = np.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], axis=-1)
    times = np.arange(0, len(joints) - 0.999, RECORDED_FPS / FPS)
    joints = CubicSpline(np.arange(len(joints)), joints)(times)
    path = joints[:, 0, :2]
    joints[..., :2] -= (path.min(0) + path.max(0)) / 2
    return joints.astype(np.float32)
