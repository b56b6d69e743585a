"""The cycle that lifting learns from without 3D: lift, turn, project, lift again (ElePose)."""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, radians

import torch
from roma import rotvec_to_rotmat
from torch import Tensor

# between the camera and the root, in units of the mean distance of root and head
DISTANCE = 10.0
_NEAREST = 1.0
_ELEVATION = radians(20)

# (B, J, 2) places to depths (B, J), from the root's plane, and elevation (B,) in radians
Lifter = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Cycle:
    """What a batch of 2D poses became on its way.

    Attributes:
        places: (B, J, 2) the 2D poses, relative to the root.
        joints: (B, J, 3) lifted, relative to the root.
        turned: (B, J, 3) the same, seen by another camera.
        seen: (B, J, 2) projected there.
        lifted: (B, J, 3) lifted again from there.
        back: (B, J, 3) turned back to the first camera.
    """

    places: Tensor
    joints: Tensor
    turned: Tensor
    seen: Tensor
    lifted: Tensor
    back: Tensor


def lift(lifter: Lifter, places: Tensor) -> tuple[Tensor, Tensor]:
    """Lift 2D poses (B, J, 2), the root at 0, to (B, J, 3) relative to the root, and elevations.

    A joint stands on its ray through the camera, focal length 1, at the root's distance and the
    depth that the network says. What comes nearer than a tenth of that distance is kept there.
    """
    depths, elevation = lifter(places)
    depths = depths - depths[:, :1]
    depths = (DISTANCE + depths).clamp_min(_NEAREST)
    joints = torch.cat([places * depths[..., None], depths[..., None] - DISTANCE], dim=-1)
    return joints, elevation


def project(joints: Tensor) -> Tensor:
    """Joints (B, J, 3) relative to the root, which is straight ahead, to places (B, J, 2)."""
    return joints[..., :2] / (joints[..., 2:] + DISTANCE).clamp_min(_NEAREST)


def cycle(lifter: Lifter, places: Tensor, learned_elevation: bool) -> Cycle:
    """Go the whole way, to a camera drawn at random.

    Its azimuth is uniform; its elevation is drawn from a normal distribution, whose mean and
    deviation are those of the batch's own elevations, as the network says them, so that people are
    seen from where they are usually seen from; or, not learned, within 20 degrees of the level
    camera's, as which the first camera is taken then.
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


def cycle_losses(held: Cycle) -> dict[str, Tensor]:
    """What does not come back as it was, with ElePose's norms, each a mean over the batch.

    `reprojection` (L_2D): L1 distance of the 2D poses from those that come back. `turned` (L_3D):
    distance of the poses lifted again from those that were turned. `pairs` (L_def): distance of the
    difference between two poses of the batch from that of the two that come back: what two people
    differ by does not depend on the camera.
    """
    apart = held.joints - held.back
    pairs = apart[0 : len(apart) // 2 * 2 : 2] - apart[1::2]
    return {
        "reprojection": (held.places - project(held.back)).abs().sum((1, 2)).mean(),
        "turned": (held.turned - held.lifted).flatten(1).norm(dim=1).mean(),
        "pairs": pairs.flatten(1).norm(dim=1).mean(),
    }


def bone_loss(joints: Tensor, bones: Tensor, ratios: Tensor) -> Tensor:
    """How far bones are from their usual share of a body (L_bone of ElePose).

    Args:
        joints: (B, J, 3).
        bones: (K, 2) int64, joints at both ends.
        ratios: (K,) mean length of each bone by the mean over bones.
    """
    return (ratios - bone_ratios(joints, bones)).square().sum(1).mean()


def bone_ratios(joints: Tensor, bones: Tensor) -> Tensor:
    """Lengths of bones (B, K), by their mean over a body."""
    lengths = (joints[:, bones[:, 0]] - joints[:, bones[:, 1]]).norm(dim=-1)
    return lengths / lengths.mean(dim=1, keepdim=True)
