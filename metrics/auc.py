"""AUC: area under the curve of PCK over thresholds."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from metrics.functional import AUC_THRESHOLDS, auc
from metrics.pose_error import PoseError
from metrics.poses import relative
from metrics.scores import ascending


class AUC(PoseError):
    """Mean of PCK over thresholds (Mehta et al., MPI-INF-3DHP, 3DV 2017).

    A pose's score is the mean, 0 to 100, of its PCK at each threshold; see `metrics.PCK`. With the
    thresholds of the official evaluator, 0, 5, ..., 150 mm, the best is 100 * 30/31: no error is
    below 0.

    Args:
        thresholds: mm.
        joints: as in PCK.
        root: as in PCK.
        kwargs: of PoseError.

    Raises:
        ValueError: there are no thresholds.

    Example:
        >>> import torch
        >>> pose = torch.zeros(1, 17, 3)
        >>> metric = AUC(thresholds=[0, 50, 100, 150])
        >>> metric.update(pose, pose)
        >>> metric.compute()
        tensor(75., dtype=torch.float64)
    """

    is_differentiable = False
    higher_is_better = True

    def __init__(
        self,
        thresholds: Sequence[float] = AUC_THRESHOLDS,
        joints: Sequence[int] | None = None,
        root: int | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.thresholds = ascending(thresholds)
        self.joints = joints
        self.root = root

    def errors(self, preds: Tensor, target: Tensor) -> Tensor:
        """See `metrics.functional.auc`."""
        preds, target = relative(preds, self.root), relative(target, self.root)
        return auc(preds, target, self.thresholds, self.joints)
