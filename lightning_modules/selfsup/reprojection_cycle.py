"""The cycle that lifting learns from without 3D: lift, turn, project, lift again (ElePose)."""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, radians

import torch
from roma import rotvec_to_rotmat
from torch import Tensor

# from the camera to the root, in units of the mean distance of root and head
DISTANCE = 10.0
_NEAREST = 1.0
_ELEVATION = radians(20)

# from 2D poses (B, J, 2) to depths (B, J) from the root's plane, and elevations (B,) in radians
Lifter = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Cycle:
    """The stages of a batch of 2D poses in the cycle.

    Attributes:
        places: (B, J, 2), the 2D poses, relative to the root.
        joints: (B, J, 3), the lifted poses, relative to the root.
        turned: (B, J, 3), the same in another camera's frame.
        seen: (B, J, 2), their projections in that camera.
        lifted: (B, J, 3), the projections lifted again.
        back: (B, J, 3), these turned back to the first camera's frame.
    """

    places: Tensor
    joints: Tensor
    turned: Tensor
    seen: Tensor
    lifted: Tensor
    back: Tensor


def lift(lifter: Lifter, places: Tensor) -> tuple[Tensor, Tensor]:
    """Lift 2D poses (B, J, 2), the root at 0, to (B, J, 3) relative to the root, and elevations.

    A joint lies on its ray through the camera, of focal length 1, at the root's distance plus the
    depth that the network estimates, and no nearer than a tenth of the root's distance.

    Args:
        lifter: network from 2D poses to depths (B, J) and elevations (B,) in radians.
        places: (B, J, 2), 2D poses.

    Returns:
        Joints (B, J, 3) and elevations (B,) in radians.
    """
    depths, elevation = lifter(places)
    depths = depths - depths[:, :1]
    depths = (DISTANCE + depths).clamp_min(_NEAREST)
    joints = torch.cat([places * depths[..., None], depths[..., None] - DISTANCE], dim=-1)
    return joints, elevation


def project(joints: Tensor) -> Tensor:
    """Project joints (B, J, 3), relative to a root on the optical axis, to 2D poses (B, J, 2)."""
    return joints[..., :2] / (joints[..., 2:] + DISTANCE).clamp_min(_NEAREST)


def cycle(lifter: Lifter, places: Tensor, learned_elevation: bool) -> Cycle:
    """Lift, turn to a camera drawn at random, project, lift again and turn back.

    The camera's azimuth is uniform. Its elevation is drawn from a normal distribution with the mean
    and deviation of the batch's estimated elevations, so that the new views are as usual as the
    given ones; or, where elevations are not learned, within 20 degrees of the horizontal, which is
    then taken as the first camera's elevation.

    Args:
        lifter: network from 2D poses to depths (B, J) and elevations (B,) in radians.
        places: (B, J, 2), 2D poses.
        learned_elevation: whether cameras are drawn by the estimated elevations.
    """
    joints, elevation = lift(lifter, places)
    azimuth = (2 * torch.rand_like(elevation) - 1) * pi
    if learned_elevation:
        deviation = elevation.std(correction=0)
        drawn = -elevation.mean() + deviation * torch.randn_like(elevation)
        level = turned_about(0, elevation)
    else:
        drawn = (2 * torch.rand_like(elevation) - 1) * _ELEVATION
        level = torch.eye(3).to(places).expand(len(places), 3, 3)
    turn = turned_about(0, drawn) @ turned_about(1, azimuth) @ level
    turned = joints @ turn.mT
    seen = project(turned)
    lifted, _ = lift(lifter, seen)
    return Cycle(places, joints, turned, seen, lifted, lifted @ turn)


def turned_about(axis: int, angles: Tensor) -> Tensor:
    """Rotations (B, 3, 3) about x (0) or y (1) by angles (B,) in radians, for column vectors."""
    vectors = angles.new_zeros(len(angles), 3)
    vectors[:, axis] = 1
    return rotvec_to_rotmat(vectors * angles[:, None])


def cycle_losses(stages: Cycle) -> dict[str, Tensor]:
    """The cycle's losses, with ElePose's norms, each a mean over the batch.

    `reprojection` (L_2D): L1 distance between the 2D poses before and after the cycle. `turned`
    (L_3D): distance between the turned poses and those lifted again. `pairs` (L_def): distance of
    the difference between two poses of the batch from the same difference after the cycle, as the
    difference between two people does not depend on the camera.
    """
    changes = stages.joints - stages.back
    pairs = changes[0 : len(changes) // 2 * 2 : 2] - changes[1::2]
    return {
        "reprojection": (stages.places - project(stages.back)).abs().sum((1, 2)).mean(),
        "turned": (stages.turned - stages.lifted).flatten(1).norm(dim=1).mean(),
        "pairs": pairs.flatten(1).norm(dim=1).mean(),
    }


def bone_loss(joints: Tensor, bones: Tensor, ratios: Tensor) -> Tensor:
    """Squared distance of bones' relative lengths from their usual ones (L_bone of ElePose).

    Args:
        joints: (B, J, 3), poses.
        bones: (K, 2) int64, the joints at both ends of every bone.
        ratios: (K,), usual length of each bone, divided by the mean over bones.
    """
    return (ratios - bone_ratios(joints, bones)).square().sum(1).mean()


def bone_ratios(joints: Tensor, bones: Tensor) -> Tensor:
    """Lengths of bones (B, K), divided by their mean over a body."""
    lengths = (joints[:, bones[:, 0]] - joints[:, bones[:, 1]]).norm(dim=-1)
    return lengths / lengths.mean(dim=1, keepdim=True)
