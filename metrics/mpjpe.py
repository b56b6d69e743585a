"""MPJPE: mean per joint position error."""

from torch import Tensor

from metrics.functional import mpjpe
from metrics.pose_error import PoseError


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
