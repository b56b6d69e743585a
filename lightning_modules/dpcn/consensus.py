"""Consensus: the poses of overlapping joint groups merged into one (DPCN, Sec. 5)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from lightning_modules.dpcn.consensus_step import (
    disagrees,
    fit,
    least_squares,
    squared_lengths,
    start,
    step,
    threshold_unit,
)

Norm = Literal["l21", "l1", "l2"]
# poses solved at once on a CPU; a GPU takes all that it is given
POSES_AT_ONCE = 1024
# steps from one check of which poses are done to the next
CHECKED_EVERY = 4


class Consensus(nn.Module):
    """Finds the pose X, and each group's translation, that the groups' poses agree with best.

    Minimises sum_j |X|g_j - F_j - 1 t_j| over X and t, with the l2,1 norm (Eq. 8: every joint of a
    group counts by its distance), the l1 norm (Eq. 7), or the squares of both.

    Eq. 9 is solved by ADMM with its dual variable, without which the updates of Eq. 11 end in a
    Huber loss instead. With A = [E, I x 1] and P = A A^+, scaled dual U, k = 1 / mu:
    A G = P(F + N - U), then N = shrink(A G - F + U, k) and U = A G - F + U - N, where A G is
    over-relaxed. Here one variable S = A G - F + U holds all: U is S cut down to the ball of radius
    k, and N the rest. F - P F is all of F that the iterations see, so that single precision
    suffices. S is in units of k, which is `threshold_unit`. On a CPU the iterations are those of
    `consensus_kernel` where numba is installed.

    Args:
        groups: (n_t, n_g), joints of each group.
        num_joints: n, joints of a pose.
        norm: norm of the disagreement: "l21", "l1", or "l2" for least squares.
        tolerance: share of the median residual; a pose is done when no row of S moves further in a
            step.
        max_iterations: number of steps, rounded up to a multiple of four, after which a pose is
            taken as it stands.
        relaxation: factor of the over-relaxation of A G.

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
        self.by_row = norm == "l21"
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
        count = POSES_AT_ONCE if poses.device.type == "cpu" else max(1, len(poses))
        with _full_precision(poses):
            merged = torch.cat([self._merged(chunk) for chunk in _single(poses).split(count)])
        return merged - merged[:, :1]

    def disagreement(self, poses: Tensor) -> Tensor:
        """What of (B, n_t, n_g, 3) the least-squares pose does not explain, F - P F: same shape.

        The mean of its squares is L_aggre (Eq. 12) with the consensus as X: a closed form, and
        differentiable.
        """
        rows = _single(poses).permute(3, 1, 2, 0).flatten(1, 2)
        with _full_precision(poses):
            merge, means, groups = self.matrices(rows)
            pose = least_squares(rows, merge, means, groups)
            unexplained = rows - fit(rows, pose, means, groups)
        return unexplained.unflatten(1, groups.shape).permute(3, 1, 2, 0)

    def matrices(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`merge`, `means` and `groups` for `consensus_step`, in the precision of `rows`."""
        return self.merge.to(rows), self.means.to(rows), self.groups

    def _merged(self, poses: Tensor) -> Tensor:
        rows = poses.permute(3, 1, 2, 0).flatten(1, 2).contiguous()
        merge, means, groups = self.matrices(rows)
        pose = least_squares(rows, merge, means, groups)
        if self.norm != "l2":
            rest = rows - fit(rows, pose, means, groups)
            # the rest of a single group, or of groups that agree, is rounding
            open_poses = disagrees(rest, rows)
            pose[:, :, open_poses] += self._solve(rest[:, :, open_poses])
        return pose.permute(2, 1, 0)

    def _solve(self, rest: Tensor) -> Tensor:
        """What to add to the least squares' pose, (3, n, B), from what it leaves, (3, m, B)."""
        unit = threshold_unit(rest)
        kernel = compiled() if rest.device.type == "cpu" else None
        rest = rest / unit
        return (self._compiled(kernel, rest) if kernel else self._iterated(rest)).mul_(unit)

    def _compiled(self, kernel: Callable[..., None], rest: Tensor) -> Tensor:
        """As `_iterated`, by the compiled kernel: every thread takes a share of the poses."""
        poses = rest.permute(2, 1, 0).contiguous()
        solved = rest.new_empty(len(poses), len(self.inverse), 3)
        groups, inverse = self.groups.flatten().numpy(), self.inverse.to(rest).numpy()
        kind = poses.numpy().dtype.type
        tolerance, relaxation = kind(2 * self.tolerance), kind(self.relaxation)

        def solve(chunk: Tensor, out: Tensor) -> None:
            kernel(
                chunk.numpy(),
                groups,
                self.groups.shape[1],
                inverse,
                self.by_row,
                tolerance,
                self.max_iterations,
                CHECKED_EVERY,
                relaxation,
                out.numpy(),
            )

        threads = torch.get_num_threads()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(solve, poses.chunk(threads), solved.chunk(threads)))
        return solved.permute(2, 1, 0)

    def _iterated(self, rest: Tensor) -> Tensor:
        """What to add to the least squares' pose, (3, n, B), with `rest` in each pose's unit."""
        merge, means, groups = self.matrices(rest)
        s, constant = start(rest, self.by_row, self.relaxation)
        solved = rest.new_empty(3, merge.shape[0], rest.shape[2])
        places, count = torch.arange(rest.shape[2], device=rest.device), 0
        while len(places):
            before, count = s, count + 1
            s, pose = step(s, constant, merge, means, groups, self.by_row, self.relaxation)
            if count % CHECKED_EVERY:
                continue
            moved = squared_lengths(before - s).amax(0)
            going = (moved > (2 * self.tolerance) ** 2) & (count < self.max_iterations)
            if not going.all():
                solved[:, :, places[~going]] = pose[:, :, ~going]
                places, s, constant = places[going], s[:, :, going], constant[:, :, going]
        return solved


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
