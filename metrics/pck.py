"""PCK: percentage of correct keypoints."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from metrics.functional import pck
from metrics.pose_error import PoseError
from metrics.poses import relative

# Joints in the order of Human3.6M-17. MPI-INF-3DHP's evaluator counts the top of the head, neck,
# shoulders, elbows, wrists, hips, knees and ankles, which sources put in these places; pelvis,
# spine and head do not count. The released codes of the field count all.
OFFICIAL_14 = (10, 8, *range(11, 17), *range(1, 7))
ALL_17 = tuple(range(17))


class PCK(PoseError):
    """Percentage of joints within a threshold (3D PCK; Mehta et al., MPI-INF-3DHP, 3DV 2017).

    A pose's score is the percentage, 0 to 100, of its joints with |x_j - y_j| < threshold, of
    predicted joints x and true joints y, each relative to its own root where one is given. The
    official evaluator takes the pelvis, joint 0 of Human3.6M-17. A pose that is not finite in a
    joint that counts makes the score NaN.

    Args:
        threshold: mm.
        joints: those that count, all when not given: `OFFICIAL_14` of Human3.6M-17 are those of
            the official evaluator, `ALL_17` those of the released codes.
        root: the joint that predicted and true poses are each taken relative to, if any.
        kwargs: of PoseError.

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
