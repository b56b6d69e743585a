"""Consensus: the poses of overlapping joint groups merged into one (DPCN, Sec. 5)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from typing import Literal, get_args

import torch
from torch import Tensor, nn

Norm = Literal["l21", "l1", "l2"]
# poses solved at once on a CPU; a GPU takes all that it is given
POSES_AT_ONCE = 1024
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
    half the median residual of the least squares, pose by pose, and the unit that S is held in. On
    a CPU the iterations are those of `consensus_kernel` where numba is installed.

    Args:
        groups: (n_t, n_g) joints of each group.
        num_joints: n.
        norm: "l21", "l1", or "l2" for least squares.
        tolerance: a pose is done when no row of S moves further in a step than this part of the
            median residual.
        max_iterations: after which poses are given as they stand, to the next multiple of four.
        relaxation: of A G.

    Raises:
        ValueError: an unknown norm, a joint in no group, or groups that do not hang together, so
            that their translations against each other are open.
    """

    groups: Tensor
    inverse: Tensor
    merge: Tensor
    means: Tensor

    def __init__(
        self,
        groups: Tensor,
        num_joints: int,
        norm: Norm = "l21",
        tolerance: float = 5e-6,
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
        # (n, n); (n, n_t n_g): the least squares' X, of mean 0
        inverse = torch.linalg.pinv(laplacian)
        self.register_buffer("inverse", inverse.float(), persistent=False)
        self.register_buffer("merge", (inverse @ centred).float(), persistent=False)
        # (n_t, n): the mean of a pose over each group
        self.register_buffer("means", (members / size).float(), persistent=False)

    @torch.no_grad()
    def forward(self, poses: Tensor) -> Tensor:
        """Merge the groups' poses (B, n_t, n_g, 3) into (B, n, 3), the first joint at the origin.

        Nothing flows back through it: training minimises `disagreement`.
        """
        chunk = POSES_AT_ONCE if poses.device.type == "cpu" else max(1, len(poses))
        with _full_precision(poses):
            merged = torch.cat([self._merged(part) for part in _single(poses).split(chunk)])
        return merged - merged[:, :1]

    def disagreement(self, poses: Tensor) -> Tensor:
        """What of (B, n_t, n_g, 3) the least-squares pose does not explain, F - P F: same shape.

        The mean of its squares is L_aggre (Eq. 12) with the consensus as X: a closed form, and
        differentiable.
        """
        rows = _single(poses).permute(3, 1, 2, 0).flatten(1, 2)
        with _full_precision(poses):
            unexplained = rows - self._fit(rows, self._least_squares(rows))
        return unexplained.unflatten(1, self.groups.shape).permute(3, 1, 2, 0)

    def _merged(self, poses: Tensor) -> Tensor:
        rows = poses.permute(3, 1, 2, 0).flatten(1, 2).contiguous()
        pose = self._least_squares(rows)
        if self.norm != "l2":
            rest = rows - self._fit(rows, pose)
            # the rest of a single group, or of groups that agree, is rounding
            apart = _squares(rest).amax(0) > _ROUNDING**2 * _squares(rows).amax(0)
            pose[:, :, apart] += self._solve(rest[:, :, apart])
        return pose.permute(2, 1, 0)

    def _least_squares(self, rows: Tensor) -> Tensor:
        """(3, m, B) to (3, n, B); the second step brings what the matrix's rounding left out."""
        merge = self.merge.to(rows)
        pose = merge @ rows
        return pose + merge @ (rows - self._fit(rows, pose))

    def _fit(self, rows: Tensor, pose: Tensor, out: Tensor | None = None) -> Tensor:
        """P rows: the pose at every group's joints, and the group's translation; (3, m, B)."""
        shifts = rows.unflatten(1, self.groups.shape).mean(2) - self.means.to(rows) @ pose
        fit = torch.index_select(pose, 1, self.groups.flatten(), out=out)
        fit.unflatten(1, self.groups.shape).add_(shifts[:, :, None])
        return fit

    def _solve(self, rest: Tensor) -> Tensor:
        """What the best pose has beyond the least squares', from what they leave (3, m, B)."""
        lengths = _squares(rest).sqrt_()
        # most rows may agree to the last bit, which says nothing of how far the others are
        unit = torch.maximum(lengths.median(0).values / 2, lengths.amax(0) / 100)
        unit = unit.clamp_min(torch.finfo(rest.dtype).tiny)
        merge = compiled() if rest.device.type == "cpu" else None
        rest = rest / unit
        return (self._compiled(merge, rest) if merge else self._iterated(rest)).mul_(unit)

    def _compiled(self, merge: Callable[..., None], rest: Tensor) -> Tensor:
        """As `_iterated`, a part of the poses in every thread."""
        poses = rest.permute(2, 1, 0).contiguous()
        solved = rest.new_empty(len(poses), len(self.inverse), 3)
        groups, inverse = self.groups.flatten().numpy(), self.inverse.to(rest).numpy()
        kind = poses.numpy().dtype.type
        tolerance, relaxation = kind(2 * self.tolerance), kind(self.relaxation)

        def solve(part: Tensor, out: Tensor) -> None:
            merge(
                part.numpy(),
                groups,
                self.groups.shape[1],
                inverse,
                self.norm == "l21",
                tolerance,
                self.max_iterations,
                _CHECKED_EVERY,
                relaxation,
                out.numpy(),
            )

        threads = torch.get_num_threads()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(solve, poses.chunk(threads), solved.chunk(threads)))
        return solved.permute(2, 1, 0)

    def _iterated(self, rest: Tensor) -> Tensor:
        """What to add to the least squares' pose, (3, n, B), with `rest` in each pose's unit."""
        relaxation, merge = self.relaxation, self.merge.to(rest)
        # as if the least squares were right
        s = torch.addcmul(rest, rest, self._dual(rest)).neg_()
        shift = rest.mul_(-relaxation)
        solved = rest.new_empty(3, merge.shape[0], rest.shape[2])
        places, step = torch.arange(rest.shape[2], device=rest.device), 0
        # kept from step to step: fresh memory costs time
        dual = pulled = pose = fit = None
        while len(places):
            step += 1
            dual = self._dual(s, out=dual)
            pulled = torch.addcmul(s, s, dual, value=-2, out=pulled)
            pose = torch.matmul(merge, pulled, out=pose)
            fit = self._fit(pulled, pose, out=fit)
            weight = torch.add(1 - relaxation, dual, alpha=relaxation, out=dual)
            checked = step % _CHECKED_EVERY == 0
            before = s.clone() if checked else s
            torch.addcmul(shift, s, weight, out=s).add_(fit, alpha=relaxation)
            if not checked:
                continue
            moved = _squares(before.sub_(s)).amax(0)
            going = (moved > (2 * self.tolerance) ** 2) & (step < self.max_iterations)
            if not going.all():
                solved[:, :, places[~going]] = pose[:, :, ~going]
                places, s, shift = places[going], s[:, :, going], shift[:, :, going]
                dual = pulled = pose = fit = None
        return solved

    def _dual(self, s: Tensor, out: Tensor | None = None) -> Tensor:
        """How much of S is U: of each row, or of each coordinate."""
        squares = _squares(s, out) if self.norm == "l21" else torch.mul(s, s, out=out)
        return squares.clamp_min_(1).rsqrt_()


@cache
def compiled() -> Callable[..., None] | None:
    """The iterations as numba compiles them, where it is installed."""
    if find_spec("numba") is None:
        return None
    from lightning_modules.dpcn.consensus_kernel import merge

    return merge


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


def _single(poses: Tensor) -> Tensor:
    """In single precision or better."""
    return poses.to(torch.promote_types(poses.dtype, torch.float32))


def _full_precision(poses: Tensor) -> torch.autocast:
    """Outside of a training in mixed precision, whose products are millimetres off."""
    return torch.autocast(poses.device.type, enabled=False)


def _squares(rows: Tensor, out: Tensor | None = None) -> Tensor:
    """Squared lengths (m, B) of (3, m, B): several times as fast as `norm` over that dimension."""
    x, y, z = rows
    return torch.mul(x, x, out=out).addcmul_(y, y).addcmul_(z, z)
