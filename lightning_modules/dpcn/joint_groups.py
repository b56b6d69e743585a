"""Joint groups, drawn so that joints which move together come together (DPCN, Sec. 4.1)."""

from typing import Literal, get_args

import torch
from torch import Tensor

Scaling = Literal["mean", "sum", "millimetres", "unit"]


def similarity(joints: Tensor, scaling: Scaling = "mean") -> Tensor:
    """How far apart every two joints are over a sequence (Eq. 1): squared distances.

    The paper gives no unit and prints a sum over frames, with which its lambda of 10 leaves two to
    five distinct groups (research B1). Their mean in metres is the reading under which it means
    something.

    Args:
        joints: (F, J, 3) metres; a translation of each frame makes no difference.
        scaling: "mean" over the frames, in square metres; "sum" over them, as printed;
            "millimetres", the mean in their square; "unit", the mean of poses that are scaled to
            norm 1 about their centre.

    Returns:
        (J, J) float64.

    Raises:
        ValueError: an unknown scaling.
    """
    if scaling not in get_args(Scaling):
        raise ValueError(
            f"There is no similarity {scaling!r}: choose {', '.join(get_args(Scaling))}."
        )
    joints = joints.double()
    if scaling == "unit":
        joints = joints - joints.mean(1, keepdim=True)
        joints = joints / joints.norm(dim=(1, 2), keepdim=True)
    squares = torch.cdist(joints, joints, compute_mode="donot_use_mm_for_euclid_dist").square()
    if scaling == "sum":
        return squares.sum(0)
    return squares.mean(0) * (1e6 if scaling == "millimetres" else 1)


def check_sizes(num_joints: int, size: int, least: int) -> None:
    """Check that groups of `size` joints can be drawn, until every joint is in `least` of them.

    Raises:
        ValueError: groups larger than the skeleton or of a single joint, or none asked for.
    """
    if not 2 <= size <= num_joints:
        raise ValueError(
            f"Joint groups of {size} cannot be drawn from {num_joints} joints: choose n_g from 2 "
            f"to {num_joints}."
        )
    if least < 1:
        raise ValueError(f"Every joint has to be in some group: choose m_g from 1 on, not {least}.")


def sample_groups(
    apart: Tensor, size: int, lam: float = 10.0, least: int = 10, seed: int = 0
) -> Tensor:
    """Draw groups of joints until every joint is in enough of them (Eq. 2).

    A group's first joint is drawn evenly, each further one by its weight
    exp(-lambda / (2 n_g) x its summed similarity to those that the group has).

    Args:
        apart: (J, J) of `similarity`.
        size: n_g, joints a group.
        lam: lambda; 0 draws all joints evenly ("Random Selection" of Table 5).
        least: m_g, groups that every joint has to be in.
        seed: of the draw.

    Returns:
        (n_t, n_g) int64, each group's joints ascending. Groups may be equal: their lifters differ.

    Raises:
        ValueError: groups larger than the skeleton or of a single joint, or none asked for.
    """
    num_joints = len(apart)
    check_sizes(num_joints, size, least)
    generator = torch.Generator().manual_seed(seed)
    groups: list[Tensor] = []
    counts = torch.zeros(num_joints, dtype=torch.int64)
    while counts.min() < least:
        taken = torch.randint(num_joints, (1,), generator=generator)
        while len(taken) < size:
            weights = -lam / (2 * size) * apart[:, taken].sum(1)
            weights[taken] = -torch.inf
            chosen = torch.multinomial(weights.softmax(0), 1, generator=generator)
            taken = torch.cat([taken, chosen])
        groups.append(taken.sort().values)
        counts[taken] += 1
    return torch.stack(groups)
