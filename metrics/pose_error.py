"""PoseError: a mean over poses that is exact over any number of ranks."""

from abc import abstractmethod
from typing import Any, Literal

import torch
from torch import Tensor

from metrics.exact import ExactMetric

Average = Literal["frame", "action", "none"]


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
        kwargs: of torchmetrics' Metric.
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
        if self.average == "frame":
            return self.total.sum() / self.count.sum()
        means = self.total / self.count
        return means if self.average == "none" else means[self.count > 0].mean()
