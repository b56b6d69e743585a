"""Joint groups, drawn so that joints which move together are often in one (DPCN, Sec. 4.1)."""

from typing import Literal, get_args

import torch
from torch import Tensor

Scaling = Literal["mean", "sum", "millimetres", "unit"]


def similarity(joints: Tensor, scaling: Scaling = "mean") -> Tensor:
    """Squared distance of every two joints over a sequence (Eq. 1), small where they are similar.

    The paper gives no unit and prints a sum over frames, with which its lambda of 10 leaves two to
    five distinct groups. With the mean over frames in square metres the groups differ.

    Args:
        joints: (F, J, 3), poses in metres; a translation of a frame makes no difference.
        scaling: scale of the distances: "mean" over the frames, in square metres; "sum" over the
            frames, as printed; "millimetres", the mean in square millimetres; "unit", the mean for
            poses that are scaled to norm 1 about their centre.

    Returns:
        (J, J) float64.

    Raises:
        ValueError: an unknown scaling.
    """
    if scaling not in get_args(Scaling):
        raise ValueError(f"scaling cannot be {scaling!r}: choose {', '.join(get_args(Scaling))}.")
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
        ValueError: groups larger than the skeleton or of a single joint, or `least` below 1.
    """
    if not 2 <= size <= num_joints:
        raise ValueError(
            f"Groups of {size} joints cannot be drawn from {num_joints} joints: choose group_size "
            f"from 2 to {num_joints}."
        )
    if least < 1:
        raise ValueError(
            f"Every joint has to be in a group: choose min_groups from 1 on, not {least}."
        )


def sample_groups(
    distances: Tensor, size: int, lam: float = 10.0, least: int = 10, seed: int = 0
) -> Tensor:
    """Draw groups of joints until every joint is in enough of them (Eq. 2).

    A group's first joint is drawn evenly, each further one by its weight
    exp(-lambda / (2 n_g) x the sum of its distances to the joints in the group so far).

    Args:
        distances: (J, J), the result of `similarity`.
        size: n_g, joints of a group.
        lam: lambda, weight of the distances; 0 draws all joints evenly ("Random Selection" of
            Table 5).
        least: m_g, number of groups that every joint is in at least.
        seed: seed of the draw.

    Returns:
        (n_t, n_g) int64, each group's joints ascending. Groups may be equal: their lifters differ.

    Raises:
        ValueError: groups larger than the skeleton or of a single joint, or `least` below 1.
    """
    num_joints = len(distances)
    check_sizes(num_joints, size, least)
    generator = torch.Generator().manual_seed(seed)
    groups: list[Tensor] = []
    counts = torch.zeros(num_joints, dtype=torch.int64)
    while counts.min() < least:
        members = torch.randint(num_joints, (1,), generator=generator)
        while len(members) < size:
            weights = -lam / (2 * size) * distances[:, members].sum(1)
            weights[members] = -torch.inf
            chosen = torch.multinomial(weights.softmax(0), 1, generator=generator)
            members = torch.cat([members, chosen])
        groups.append(members.sort().values)
        counts[members] += 1
    return torch.stack(groups)
