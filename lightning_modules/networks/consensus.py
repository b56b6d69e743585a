"""Consensus: the poses of overlapping joint groups merged into one (DPCN, Sec. 5)."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

Norm = Literal["l21", "l1", "l2"]
# poses solved at once on a CPU, whose caches hold no more; a GPU takes all that it is given
POSES_AT_ONCE = 256
_CHECKED_EVERY = 4
# of the largest of a pose's coordinates about the groups' centres: what is nearer agrees
_ROUNDING = 1e-6


class Consensus(nn.Module):
    """Finds the pose X, and each group's translation, that the groups' poses agree with best.

    Minimises sum_j |X|g_j - F_j - 1 t_j| over X and t, with the l2,1 norm (Eq. 8: every joint of a
    group counts by its distance), the l1 norm (Eq. 7), or the squares of both.

    Eq. 9 is solved by ADMM with its dual variable, without which the updates of Eq. 11 end in a
    Huber loss instead (research B3). With A = [E, I x 1] and P = A A^+, scaled dual U, k = 1 / mu:
    A G = P(F + N - U), then N = shrink(A G - F + U, k) and U = A G - F + U - N, where A G is
    over-relaxed. Here one variable S = A G - F + U holds all: U is its part within the ball of k, N
    the rest. F - P F is all of F that the iterations see, so that single precision suffices. k is
    half the median residual of the least squares, pose by pose, and the unit that S is held in.

    Args:
        groups: (n_t, n_g) joints of each group.
        num_joints: n.
        norm: "l21", "l1", or "l2" for least squares.
        tolerance: a pose is done when no row of S moves further in a step than this part of the
            median residual.
        max_iterations: after which poses are given as they stand.
        relaxation: of A G.

    Raises:
        ValueError: an unknown norm, a joint in no group, or groups that do not hang together, so
            that their translations against each other are open.
    """

    groups: Tensor
    merge: Tensor
    means: Tensor

    def __init__(
        self,
        groups: Tensor,
        num_joints: int,
        norm: Norm = "l21",
        tolerance: float = 1e-5,
        max_iterations: int = 2000,
        relaxation: float = 1.8,
    ) -> None:
        super().__init__()
        if norm not in get_args(Norm):
            raise ValueError(f"There is no norm {norm!r}: choose {', '.join(get_args(Norm))}.")
        check_connected(groups, num_joints)
        self.norm = norm
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self.relaxation = relaxation
        count, size = groups.shape
        members = torch.zeros(count, num_joints, dtype=torch.float64).scatter_(1, groups, 1)
        # the normal equations of X once t_j = mean(F_j - X|g_j) is put in
        laplacian = members.sum(0).diag() - members.mT @ members / size
        select = nn.functional.one_hot(groups.flatten(), num_joints).double()
        centre = torch.eye(size, dtype=torch.float64) - 1 / size
        centred = (select.mT.unflatten(1, (count, size)) @ centre).flatten(1)
        self.register_buffer("groups", groups, persistent=False)
        # (n, n_t n_g): the least squares' X, of mean 0
        self.register_buffer(
            "merge", (torch.linalg.pinv(laplacian) @ centred).float(), persistent=False
        )
        # (n_t, n): the mean of a pose over each group
        self.register_buffer("means", (members / size).float(), persistent=False)

    @torch.no_grad()
    def forward(self, poses: Tensor) -> Tensor:
        """Merge the groups' poses (B, n_t, n_g, 3) into (B, n, 3), the first joint at the origin.

        Nothing flows back through it: training minimises `disagreement`.
        """
        chunk = POSES_AT_ONCE if poses.device.type == "cpu" else max(1, len(poses))
        merged = torch.cat([self._merged(part) for part in poses.split(chunk)])
        return merged - merged[:, :1]

    def disagreement(self, poses: Tensor) -> Tensor:
        """What of (B, n_t, n_g, 3) the least-squares pose does not explain, F - P F: same shape.

        The mean of its squares is L_aggre (Eq. 12) with the consensus as X: a closed form, and
        differentiable.
        """
        rows = poses.permute(3, 1, 2, 0).flatten(1, 2)
        unexplained = rows - self._fit(rows, self._least_squares(rows))
        return unexplained.unflatten(1, self.groups.shape).permute(3, 1, 2, 0)

    def _merged(self, poses: Tensor) -> Tensor:
        rows = poses.permute(3, 1, 2, 0).flatten(1, 2).contiguous()
        pose = self._least_squares(rows)
        if self.norm != "l2":
            rest = rows - self._fit(rows, pose)
            # the rest of a single group, or of groups that agree, is rounding
            apart = _squares(rest).amax(0) > _ROUNDING**2 * _squares(rows).amax(0)
            rest[:, :, apart] = self._solve(rest[:, :, apart].contiguous())
            pose = pose + self.merge.to(rows) @ rest
        return pose.permute(2, 1, 0)

    def _least_squares(self, rows: Tensor) -> Tensor:
        """(3, m, B) to (3, n, B); the second step brings what the matrix's rounding left out."""
        merge = self.merge.to(rows)
        pose = merge @ rows
        return pose + merge @ (rows - self._fit(rows, pose))

    def _fit(self, rows: Tensor, pose: Tensor) -> Tensor:
        """P rows: the pose at every group's joints, and the group's translation; (3, m, B)."""
        shifts = rows.unflatten(1, self.groups.shape).mean(2) - self.means.to(rows) @ pose
        fit = pose.index_select(1, self.groups.flatten()).unflatten(1, self.groups.shape)
        return fit.add_(shifts[:, :, None]).flatten(1, 2)

    def _solve(self, rest: Tensor) -> Tensor:
        """N - U at the optimum, for what the least squares leave (3, m, B)."""
        lengths = _squares(rest).sqrt_()
        # most rows may agree to the last bit, which says nothing of how far the others are
        unit = torch.maximum(lengths.median(0).values / 2, lengths.amax(0) / 100)
        unit = unit.clamp_min(torch.finfo(rest.dtype).tiny)
        solved, half = torch.empty_like(rest), self.relaxation / 2
        places, shift = torch.arange(rest.shape[2], device=rest.device), -2 * half * rest / unit
        s, step, merge = torch.zeros_like(rest), 0, self.merge.to(rest)
        pulled = torch.empty_like(s)
        while len(places):
            step += 1
            factor = self._factor(s)
            torch.mul(s, factor, out=pulled)
            checked = step % _CHECKED_EVERY == 0 or step >= self.max_iterations
            before = s.clone() if checked else s
            torch.addcmul(shift, s, factor.mul_(-half).add_(1 - half), out=s)
            s.add_(self._fit(pulled, merge @ pulled), alpha=2 * half)
            if not checked:
                continue
            moved = _squares(before.sub_(s)).amax(0)
            going = (moved > (2 * self.tolerance) ** 2) & (step < self.max_iterations)
            if not going.all():
                done = s[:, :, ~going]
                solved[:, :, places[~going]] = done * self._factor(done)
                places = places[going]
                s, shift = s[:, :, going].contiguous(), shift[:, :, going].contiguous()
                pulled = torch.empty_like(s)
        return solved.mul_(unit)

    def _factor(self, s: Tensor) -> Tensor:
        """What takes S = N + U to N - U: of each row, or of each coordinate."""
        squares = _squares(s) if self.norm == "l21" else s.square()
        return squares.clamp_min_(1).rsqrt_().mul_(-2).add_(1)


def check_connected(groups: Tensor, num_joints: int) -> None:
    """Check that a pose can be put together from the groups.

    Raises:
        ValueError: a joint is in no group, or groups share no joint with the others.
    """
    missing = sorted(set(range(num_joints)) - set(groups.flatten().tolist()))
    if missing:
        raise ValueError(f"Joints {missing} are in no joint group: draw more or larger groups.")
    sets = [set(group) for group in groups.tolist()]
    reached, rest = sets[0], sets[1:]
    while near := [group for group in rest if group & reached]:
        reached = reached.union(*near)
        rest = [group for group in rest if not group & reached]
    if rest:
        raise ValueError(
            f"No joint group links the joints {sorted(reached)} with the others, so that their "
            "places against each other are open: draw more or larger groups."
        )


def _squares(rows: Tensor) -> Tensor:
    """Squared lengths (m, B) of (3, m, B): several times as fast as `norm` over that dimension."""
    x, y, z = rows
    return (x * x).addcmul_(y, y).addcmul_(z, z)
