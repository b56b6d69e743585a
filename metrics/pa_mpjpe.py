"""PA-MPJPE: MPJPE after Procrustes alignment."""

from torch import Tensor

from metrics.functional import pa_mpjpe
from metrics.pose_error import PoseError


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
