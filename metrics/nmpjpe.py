"""N-MPJPE: MPJPE after scaling."""

from torch import Tensor

from metrics.functional import nmpjpe
from metrics.pose_error import PoseError


class NMPJPE(PoseError):
    """MPJPE after each pose's best scale (Rhodin et al., CVPR 2018).

    A pose's error is 1/J sum_j |s x_j - y_j|, in mm, of its predicted joints x and true joints y,
    both (J, 3), with the s of `metrics.alignment.scale_align`: about the origin of the poses as
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
