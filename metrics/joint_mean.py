"""JointMean: a mean over joints that is exact over any number of ranks."""

from typing import Any

import torch
from torch import Tensor

from metrics.exact import ExactMetric


class JointMean(ExactMetric):
    """Averages a figure that every joint of every pose has, such as the error of a 2D estimate.

    The state is a float64 sum and weight a joint, added up over ranks once, when `compute` is
    called: any split of the poses over ranks and batches gives the same figure.

    Args:
        num_joints: J.
        each: one mean a joint, (J,), NaN where a joint has no weight; of all joints otherwise.
        kwargs: of torchmetrics' Metric.
    """

    is_differentiable = True
    full_state_update = False
    total: Tensor
    weight: Tensor

    def __init__(self, num_joints: int, each: bool = False, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self.each = each
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
        if self.each:
            return self.total / self.weight
        return self.total.sum() / self.weight.sum()
