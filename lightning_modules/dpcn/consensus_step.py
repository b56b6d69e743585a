"""The steps of the consensus (DPCN, Eq. 9 to 11), on tensors alone.

`Consensus` repeats them in PyTorch, `experiments.cli.graphs` in an exported graph, and
`consensus_kernel` is the same, compiled. Their tensors hold a batch of B poses in the last
dimension: the groups' poses as rows (3, m, B), m = n_t n_g, group by group, and a pose as
(3, n, B).
"""

import torch
from torch import Tensor

# share of the largest of a pose's coordinates about the groups' centres that is rounding
ROUNDING = 1e-6


def squared_lengths(rows: Tensor) -> Tensor:
    """Squared lengths (m, B) of rows (3, m, B): several times as fast as `norm`."""
    x, y, z = rows[0], rows[1], rows[2]
    return (x * x).addcmul_(y, y).addcmul_(z, z)


def fit(rows: Tensor, pose: Tensor, means: Tensor, groups: Tensor) -> Tensor:
    """The projection P F of Eq. 9: the pose at every group's joints, and the group's translation.

    Args:
        rows: (3, m, B), the groups' poses F.
        pose: (3, n, B), the least-squares pose of these rows.
        means: (n_t, n), the matrix that averages a pose over each group's joints.
        groups: (n_t, n_g), joints of each group.

    Returns:
        (3, m, B).
    """
    shape = [groups.shape[0], groups.shape[1]]
    shifts = rows.unflatten(1, shape).mean(2) - means @ pose
    fitted = pose.index_select(1, groups.flatten()).unflatten(1, shape)
    return fitted.add_(shifts.unsqueeze(2)).flatten(1, 2)


def least_squares(rows: Tensor, merge: Tensor, means: Tensor, groups: Tensor) -> Tensor:
    """The pose (3, n, B) that is nearest to rows (3, m, B), translations free, of mean 0.

    Its second product brings what the rounding of the matrix `merge` (n, m) left out.
    """
    pose = merge @ rows
    return pose + merge @ (rows - fit(rows, pose, means, groups))


def disagrees(rest: Tensor, rows: Tensor) -> Tensor:
    """Whether what the least squares leave of rows (3, m, B) is more than rounding: (B,)."""
    return squared_lengths(rest).amax(0) > ROUNDING**2 * squared_lengths(rows).amax(0)


def threshold_unit(rest: Tensor) -> Tensor:
    """The threshold k = 1 / mu of Eq. 11, pose by pose (B,), which is the unit of the iterations.

    It is half the median length of what the least squares leave, (3, m, B), and at least 1 % of the
    largest: most rows may agree to the last bit, which says nothing of how far the others are.
    """
    lengths = squared_lengths(rest).sqrt_()
    # as `median`, which ONNX does not know, and as fast
    lower_half = lengths.topk((lengths.shape[0] + 1) // 2, 0, largest=False, sorted=False).values
    median = lower_half.amax(0)
    unit = torch.maximum(median / 2, lengths.amax(0) / 100)
    return unit.clamp_min(torch.finfo(rest.dtype).tiny)


def dual_share(s: Tensor, by_row: bool) -> Tensor:
    """The factor that takes S to U, of each row (m, B) or of each coordinate (3, m, B)."""
    squares = squared_lengths(s) if by_row else s * s
    return squares.clamp_min_(1.0).rsqrt_()


def pulled(s: Tensor, share: Tensor) -> Tensor:
    """N - U (3, m, B), of which the next least squares are taken, by S and its `dual_share`."""
    return torch.addcmul(s, s, share, value=-2.0)


def start(rest: Tensor, by_row: bool, relaxation: float) -> tuple[Tensor, Tensor]:
    """S before the first step, as if the least squares were right, and the constant of all steps.

    Args:
        rest: (3, m, B), what the least squares leave, in each pose's unit.
        by_row: whether rows are shrunk (l2,1), not coordinates (l1).
        relaxation: factor of the over-relaxation of A G.

    Returns:
        S and the constant, both (3, m, B).
    """
    return torch.addcmul(rest, rest, dual_share(rest, by_row)).neg_(), rest * -relaxation


def step(
    s: Tensor,
    constant: Tensor,
    merge: Tensor,
    means: Tensor,
    groups: Tensor,
    by_row: bool,
    relaxation: float,
) -> tuple[Tensor, Tensor]:
    """One iteration of Eq. 11 with its dual variable, as TorchScript and `torch.export` take it.

    Args:
        s: (3, m, B), S = A G - F + U before the step.
        constant: (3, m, B), the second of `start`.
        merge: (n, m), the matrix of the least squares' pose.
        means: (n_t, n), the matrix that averages a pose over each group's joints.
        groups: (n_t, n_g), joints of each group.
        by_row: whether rows are shrunk (l2,1), not coordinates (l1).
        relaxation: factor of the over-relaxation of A G.

    Returns:
        S after the step, (3, m, B), and what is to be added to the least squares' pose as S stood
        before it, (3, n, B).
    """
    share = dual_share(s, by_row)
    rows = pulled(s, share)
    pose = merge @ rows
    kept = torch.add(share.new_full((), 1.0 - relaxation), share, alpha=relaxation)
    after = torch.addcmul(constant, s, kept)
    return after.add_(fit(rows, pose, means, groups), alpha=relaxation), pose
