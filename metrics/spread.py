"""Spread: a standard deviation that is exact over any number of ranks."""

from typing import Any

import torch
from torch import Tensor

from metrics.exact import ExactMetric


class Spread(ExactMetric):
    """Standard deviation of figures, such as what a network says of every pose.

    The state is float64 sums, added up over ranks once, when `compute` is called.

    Args:
        kwargs: of torchmetrics' Metric.

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
        held = figures.double().flatten()
        self.sums = self.sums + torch.stack(
            [torch.ones_like(held).sum(), held.sum(), held.square().sum()]
        )

    def compute(self) -> Tensor:
        """The deviation from the mean, in the figures' unit; NaN when there are none."""
        count, total, squares = self.sums
        return (squares / count - (total / count).square()).clamp_min(0).sqrt()
