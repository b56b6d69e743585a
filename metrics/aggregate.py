"""Sums and means of figures that are exact over any number of ranks, in any precision."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import Module
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat
from torchmetrics.utilities.distributed import gather_all_tensors

Average = Literal["frame", "action", "none"]


class ExactMetric(Metric):
    """A metric of tensor states, each to be added up over ranks ("sum") or put on end ("cat")."""

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> Module:
        """Follow the model's device, never its precision: a bfloat16 sum loses digits."""
        return super()._apply(lambda t: t.to(fn(t.new_empty(0)).device), exclude_state)

    def _sync_dist(
        self,
        dist_sync_fn: Callable[..., list[Tensor]] = gather_all_tensors,
        process_group: Any | None = None,  # noqa: ANN401
    ) -> None:
        """Take states as long as they are: torchmetrics stacks them, which unequal ones refuse."""
        for name, reduction in self._reductions.items():
            parts = dist_sync_fn(getattr(self, name), group=process_group or self.process_group)
            on_end = reduction is dim_zero_cat
            setattr(self, name, torch.cat(parts) if on_end else torch.stack(parts).sum(0))


class GroupSums(ExactMetric):
    """Adds up a figure of single poses, such as an error, in groups, such as actions.

    The state is a float64 sum and a count a group, added up over ranks once, when `compute` is
    called: any split of the poses over ranks and batches gives the same sums.

    Args:
        num_groups: number of groups.
        kwargs: arguments of torchmetrics' Metric.
    """

    is_differentiable = True
    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self, num_groups: int = 1, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        zeros = torch.zeros(num_groups, dtype=torch.float64)
        self.add_state("total", default=zeros, dist_reduce_fx="sum")
        self.add_state("count", default=zeros.clone(), dist_reduce_fx="sum")

    def update(self, figures: Tensor, group: Tensor) -> None:
        """Add figures (B,) of poses in groups (B,) int64, below `num_groups`."""
        self.total.index_add_(0, group, figures)
        self.count.index_add_(0, group, torch.ones_like(figures))

    def compute(self) -> Tensor:
        """The groups' sums and counts, (2, num_groups)."""
        return torch.stack([self.total, self.count])


def averaged(total: Tensor, count: Tensor, average: Average) -> Tensor:
    """The mean of figures that were added up in groups.

    Args:
        total: (G,) sums.
        count: (G,) numbers of figures.
        average: "frame": every figure counts alike; NaN when there are none. "action": the
            unweighted mean of the groups' means, over those that have a figure. "none": the
            groups' means, (G,), NaN where a group has no figure.
    """
    if average == "frame":
        return total.sum() / count.sum()
    means = total / count
    return means if average == "none" else means[count > 0].mean()


class PoseError(ExactMetric):
    """Averages a figure of single poses, an error or a score, over frames or over actions.

    The state is a float64 sum and a count an action, added up over ranks once, when `compute` is
    called: any split of the poses over ranks and batches gives the same figure. Poses that are not
    finite make it NaN or infinite, never better. The three averages have one state, which a
    `MetricCollection` shares when they are one of its `compute_groups`.

    Args:
        num_actions: how many actions (or other groups of poses) there are.
        average: "frame": every pose counts alike. "action": the unweighted mean of the actions'
            means, over those that have a pose, which is the average of the field's tables.
            "none": (num_actions,), NaN where an action has no pose.
        kwargs: arguments of torchmetrics' Metric.
    """

    is_differentiable = True
    higher_is_better = False
    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(
        self,
        num_actions: int = 1,
        average: Average = "frame",
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.average = average
        zeros = torch.zeros(num_actions, dtype=torch.float64)
        self.add_state("total", default=zeros, dist_reduce_fx="sum")
        self.add_state("count", default=zeros.clone(), dist_reduce_fx="sum")

    @abstractmethod
    def errors(self, preds: Tensor, target: Tensor) -> Tensor:
        """The figure of each pose: (B, J, 3) twice to (B,) float64."""

    def update(self, preds: Tensor, target: Tensor, action: Tensor | None = None) -> None:
        """Add poses.

        Args:
            preds: (B, J, 3) predicted joints, mm.
            target: (B, J, 3) true joints, mm.
            action: (B,) int64, each pose's action, below `num_actions`.

        Raises:
            ValueError: the poses' shapes differ or are not (B, J, 3), or there are several actions
                and `action` is missing.
        """
        errors = self.errors(preds, target)
        if action is None:
            if len(self.total) > 1:
                raise ValueError(f"Poses of {len(self.total)} actions need `action`, (B,) int64.")
            action = torch.zeros(len(errors), dtype=torch.int64, device=errors.device)
        self.total.index_add_(0, action, errors)
        self.count.index_add_(0, action, torch.ones_like(errors))

    def compute(self) -> Tensor:
        """The mean, in the unit of `errors`; NaN when there are no poses."""
        return averaged(self.total, self.count, self.average)


class JointMean(ExactMetric):
    """Averages a figure that every joint of every pose has, such as the error of a 2D estimate.

    The state is a float64 sum and weight a joint, added up over ranks once, when `compute` is
    called: any split of the poses over ranks and batches gives the same figure.

    Args:
        num_joints: J.
        labels: names of the joints: one mean a joint, (J,), NaN where a joint has no weight; one
            mean of all joints where there are none.
        kwargs: arguments of torchmetrics' Metric.
    """

    is_differentiable = True
    full_state_update = False
    total: Tensor
    weight: Tensor

    def __init__(
        self,
        num_joints: int,
        labels: Sequence[str] = (),
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.labels = tuple(labels)
        zeros = torch.zeros(num_joints, dtype=torch.float64)
        self.add_state("total", default=zeros, dist_reduce_fx="sum")
        self.add_state("weight", default=zeros.clone(), dist_reduce_fx="sum")

    def update(self, figures: Tensor, visible: Tensor) -> None:
        """Add the figures (B, J) of joints; `visible` (B, J) is 0 for those that do not count."""
        weights = visible.double()
        # what does not count may be anything
        self.total += torch.where(weights > 0, figures.double() * weights, 0).sum(0)
        self.weight += weights.sum(0)

    def compute(self) -> Tensor:
        """The mean, in the figures' unit; NaN when nothing counts."""
        if self.labels:
            return self.total / self.weight
        return self.total.sum() / self.weight.sum()


class Spread(ExactMetric):
    """Standard deviation of figures, such as what a network says of every pose.

    The state is float64 sums, added up over ranks once, when `compute` is called.

    Args:
        kwargs: arguments of torchmetrics' Metric.

    Example:
        >>> import torch
        >>> metric = Spread()
        >>> metric.update(torch.tensor([1.0, 3.0]))
        >>> metric.compute()
        tensor(1., dtype=torch.float64)
    """

    is_differentiable = True
    full_state_update = False
    sums: Tensor

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self.add_state("sums", torch.zeros(3, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, figures: Tensor) -> None:
        """Add figures of any shape."""
        flat = figures.double().flatten()
        self.sums = self.sums + torch.stack(
            [torch.ones_like(flat).sum(), flat.sum(), flat.square().sum()]
        )

    def compute(self) -> Tensor:
        """The deviation from the mean, in the figures' unit; NaN when there are none."""
        count, total, squares = self.sums
        return (squares / count - (total / count).square()).clamp_min(0).sqrt()
