"""Errors and scores of 3D poses as torchmetrics."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from metrics.aggregate import ExactMetric, PoseError
from metrics.functional import (
    AUC_THRESHOLDS,
    ascending,
    auc,
    checked,
    mpjpe,
    nmpjpe,
    pa_mpjpe,
    pck,
    relative,
)

# Joints in the order of Human3.6M-17. MPI-INF-3DHP's evaluator counts the top of the head, neck,
# shoulders, elbows, wrists, hips, knees and ankles, which sources put in these places; pelvis,
# spine and head do not count. The released codes of the field count all.
OFFICIAL_14 = (10, 8, *range(11, 17), *range(1, 7))
ALL_17 = tuple(range(17))


class MPJPE(PoseError):
    """Mean distance of predicted from true joints (Ionescu et al., Human3.6M, TPAMI 2014).

    A pose's error is 1/J sum_j |x_j - y_j|, in mm, of its predicted joints x and true joints y,
    both (J, 3), as they are given: where a root counts as zero, subtract it first.

    Example:
        >>> import torch
        >>> metric = MPJPE()
        >>> metric.update(torch.zeros(2, 17, 3), torch.tensor([3.0, 0, 0]).expand(2, 17, 3))
        >>> metric.compute()
        tensor(3., dtype=torch.float64)
    """

    def errors(self, preds: Tensor, target: Tensor) -> Tensor:
        """See `metrics.functional.mpjpe`."""
        return mpjpe(preds, target)


class PAMPJPE(PoseError):
    """MPJPE after each pose's best similarity without reflection (SRNet, ECCV 2020, Sec. 4.1).

    A pose's error is 1/J sum_j |s R x_j + t - y_j|, in mm, of its predicted joints x and true
    joints y, both (J, 3), with the s, R and t of `metrics.functional.procrustes_align`.

    Example:
        >>> import torch
        >>> pose = torch.eye(3)[None]
        >>> metric = PAMPJPE()
        >>> metric.update(2 * pose + 5, pose)
        >>> bool(metric.compute() < 1e-9)
        True
    """

    def errors(self, preds: Tensor, target: Tensor) -> Tensor:
        """See `metrics.functional.pa_mpjpe`."""
        return pa_mpjpe(preds, target)


class NMPJPE(PoseError):
    """MPJPE after each pose's best scale (Rhodin et al., CVPR 2018).

    A pose's error is 1/J sum_j |s x_j - y_j|, in mm, of its predicted joints x and true joints y,
    both (J, 3), with the s of `metrics.functional.scale_align`: about the origin of the poses as
    they are given, which is the root where they are relative to it.

    Example:
        >>> import torch
        >>> pose = torch.eye(3)[None]
        >>> metric = NMPJPE()
        >>> metric.update(2 * pose, pose)
        >>> metric.compute()
        tensor(0., dtype=torch.float64)
    """

    def errors(self, preds: Tensor, target: Tensor) -> Tensor:
        """See `metrics.functional.nmpjpe`."""
        return nmpjpe(preds, target)


class PCK(PoseError):
    """Percentage of joints within a threshold (3D PCK; Mehta et al., MPI-INF-3DHP, 3DV 2017).

    A pose's score is the percentage, 0 to 100, of its joints with |x_j - y_j| < threshold, of
    predicted joints x and true joints y, each relative to its own root where one is given. The
    official evaluator takes the pelvis, joint 0 of Human3.6M-17. A pose that is not finite in a
    joint that counts makes the score NaN.

    Args:
        threshold: limit of the joints' errors, mm.
        joints: joints that count, all when not given: `OFFICIAL_14` of Human3.6M-17 are those of
            the official evaluator, `ALL_17` those of the released codes.
        root: joint that predicted and true poses are each taken relative to, if any.
        kwargs: arguments of PoseError.

    Example:
        >>> import torch
        >>> target = torch.zeros(1, 2, 3)
        >>> preds = torch.tensor([[[149.0, 0, 0], [150.0, 0, 0]]])
        >>> metric = PCK()
        >>> metric.update(preds, target)
        >>> metric.compute()
        tensor(50., dtype=torch.float64)
    """

    is_differentiable = False
    higher_is_better = True

    def __init__(
        self,
        threshold: float = 150.0,
        joints: Sequence[int] | None = None,
        root: int | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.threshold = threshold
        self.joints = joints
        self.root = root

    def errors(self, preds: Tensor, target: Tensor) -> Tensor:
        """See `metrics.functional.pck`."""
        preds, target = relative(preds, self.root), relative(target, self.root)
        return pck(preds, target, self.threshold, self.joints)


class AUC(PoseError):
    """Mean of PCK over thresholds (Mehta et al., MPI-INF-3DHP, 3DV 2017).

    A pose's score is the mean, 0 to 100, of its PCK at each threshold; see `metrics.PCK`. With the
    thresholds of the official evaluator, 0, 5, ..., 150 mm, the best is 100 * 30/31: no error is
    below 0.

    Args:
        thresholds: limits of the joints' errors, mm.
        joints: joints that count, all when not given.
        root: joint that predicted and true poses are each taken relative to, if any.
        kwargs: arguments of PoseError.

    Raises:
        ValueError: there are no thresholds.

    Example:
        >>> import torch
        >>> pose = torch.zeros(1, 17, 3)
        >>> metric = AUC(thresholds=[0, 50, 100, 150])
        >>> metric.update(pose, pose)
        >>> metric.compute()
        tensor(75., dtype=torch.float64)
    """

    is_differentiable = False
    higher_is_better = True

    def __init__(
        self,
        thresholds: Sequence[float] = AUC_THRESHOLDS,
        joints: Sequence[int] | None = None,
        root: int | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.thresholds = ascending(thresholds)
        self.joints = joints
        self.root = root

    def errors(self, preds: Tensor, target: Tensor) -> Tensor:
        """See `metrics.functional.auc`."""
        preds, target = relative(preds, self.root), relative(target, self.root)
        return auc(preds, target, self.thresholds, self.joints)


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
        kwargs: arguments of torchmetrics' Metric.

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
