"""MPJPE: mean per joint position error."""

from torch import Tensor

from metrics.functional import mpjpe
from metrics.pose_error import PoseError


class MPJPE(PoseError):
    """Mean distance of predicted from true joints, mm (Ionescu et al., TPAMI 2014).

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
