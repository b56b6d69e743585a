"""MPJVE: mean per joint velocity error."""

from typing import Any

import torch
from torch import Tensor

from metrics.exact import ExactMetric
from metrics.poses import checked


class MPJVE(ExactMetric):
    """Mean error of the joints' velocities (Pavllo et al., VideoPose3D, CVPR 2019).

    The error of a pair of poses that follow each other in time is
    1/J sum_j |(x'_j - x_j) - (y'_j - y_j)|, in mm per frame, of predicted joints x and true joints
    y. The figure is the mean over all pairs of frames that follow each other in one sequence.

    Every pair counts once, however frames are dealt to batches and ranks, in any order. What a
    batch leaves open waits for the end: x - y at the borders of its runs of frames, a float64 pose
    each. Batches of whole runs have few; frames of which no two are neighbours are all borders.
    Poses that are not finite make the figure NaN, never better.

    Args:
        kwargs: of torchmetrics' Metric.

    Example:
        >>> import torch
        >>> still, moving = torch.zeros(4, 17, 3), torch.zeros(4, 17, 3)
        >>> moving[..., 0] = torch.tensor([0.0, 2, 4, 6])[:, None]
        >>> metric = MPJVE()
        >>> metric.update(still, moving)
        >>> metric.compute()
        tensor(2., dtype=torch.float64)
    """

    is_differentiable = True
    higher_is_better = False
    full_state_update = False
    total: Tensor
    count: Tensor
    places: Tensor
    errors: Tensor

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        zero = torch.zeros((), dtype=torch.float64)
        self.add_state("total", default=zero, dist_reduce_fx="sum")
        self.add_state("count", default=zero.clone(), dist_reduce_fx="sum")
        # flat, so that those of a rank without poses have as many dimensions
        self.add_state("places", torch.empty(0, dtype=torch.int64), dist_reduce_fx="cat")
        self.add_state("errors", torch.empty(0, dtype=torch.float64), dist_reduce_fx="cat")

    def update(
        self,
        preds: Tensor,
        target: Tensor,
        index: Tensor | None = None,
        sequence: Tensor | None = None,
    ) -> None:
        """Add poses, each frame once.

        Without `index` and `sequence` they are a sequence of their own, in order of time, which
        no other call goes on with.

        Args:
            preds: (B, J, 3) predicted joints, mm.
            target: (B, J, 3) true joints, mm.
            index: (B,) int64, each pose's frame number.
            sequence: (B,) int64, the sequence that it counts in.

        Raises:
            ValueError: the poses' shapes differ or are not (B, J, 3), or only one of `index` and
                `sequence` is given.
        """
        preds, target = checked(preds, target)
        errors = preds - target
        if index is None and sequence is None:
            self._add(errors[1:] - errors[:-1])
            return
        if index is None or sequence is None:
            raise ValueError("Frames have a place by `index` and `sequence`: give both or neither.")
        order, followed = _in_time(index, sequence)
        errors = errors[order]
        self._add((errors[1:] - errors[:-1])[followed[:-1]])
        borders = ~(followed & followed.roll(1))
        places = torch.stack([index[order], sequence[order], followed.long()], dim=1)
        self.places = torch.cat([self.places, places[borders].flatten()])
        self.errors = torch.cat([self.errors, errors[borders].flatten()])

    def compute(self) -> Tensor:
        """The mean error, mm per frame; NaN when no frame follows another."""
        total, count = self.total, self.count
        if len(self.places):
            index, sequence, counted = self.places.view(-1, 3).unbind(1)
            errors = self.errors.view(len(index), -1, 3)
            order, followed = _in_time(index, sequence)
            (first,) = (followed & (counted[order] == 0)).nonzero(as_tuple=True)
            joined = _norms(errors[order[first + 1]] - errors[order[first]])
            total, count = total + joined.sum(), count + len(joined)
        return total / count

    def _add(self, velocities: Tensor) -> None:
        self.total = self.total + _norms(velocities).sum()
        self.count = self.count + len(velocities)


def _in_time(index: Tensor, sequence: Tensor) -> tuple[Tensor, Tensor]:
    """The order of frames by sequence and time, and which of them, so ordered, the next follows."""
    order = index.argsort()
    order = order[sequence[order].argsort(stable=True)]
    followed = torch.zeros_like(order, dtype=torch.bool)
    followed[:-1] = (index[order].diff() == 1) & (sequence[order].diff() == 0)
    return order, followed


def _norms(velocities: Tensor) -> Tensor:
    """(N, J, 3) to (N,)."""
    return velocities.norm(dim=-1).mean(dim=-1)
