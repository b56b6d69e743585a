"""ExactMetric: a metric whose states stay exact on any number of ranks and in any precision."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat
from torchmetrics.utilities.distributed import gather_all_tensors


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
