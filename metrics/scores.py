"""Scores of 3D poses by thresholds on their joints' errors, one value a pose, in float64."""

from collections.abc import Sequence

import torch
from torch import Tensor

from metrics.poses import distances

# mm, those of MPI-INF-3DHP's evaluator: no error is below 0, so that 30/31 is the best AUC
AUC_THRESHOLDS = tuple(float(threshold) for threshold in range(0, 151, 5))


def pck(
    preds: Tensor, target: Tensor, threshold: float = 150.0, joints: Sequence[int] | None = None
) -> Tensor:
    """Percentage of correct keypoints: joints whose error is strictly below a threshold (3D PCK).

    Nothing is aligned, and no root is subtracted. A pose of which a joint that counts is not
    finite, predicted or true, has NaN: it is no score.

    Args:
        preds: (B, J, 3) predicted joints.
        target: (B, J, 3) true joints, same unit and frame.
        threshold: in the unit of the input; 150 mm in MPI-INF-3DHP (Mehta et al., 3DV 2017).
        joints: those that count, all when not given.

    Returns:
        (B,) float64, 0 to 100.

    Raises:
        ValueError: the shapes differ, or are not (B, J, 3); no joints, or such as there are not.
    """
    return auc(preds, target, [threshold], joints)


def auc(
    preds: Tensor,
    target: Tensor,
    thresholds: Sequence[float] = AUC_THRESHOLDS,
    joints: Sequence[int] | None = None,
) -> Tensor:
    """Area under the curve of PCK over thresholds: the mean of `pck` at each of them.

    With those of MPI-INF-3DHP's evaluator, 0, 5, ..., 150 mm, a perfect pose has 100 * 30/31: no
    error is below 0.

    Args:
        preds: (B, J, 3) predicted joints.
        target: (B, J, 3) true joints, same unit and frame.
        thresholds: in the unit of the input.
        joints: those that count, all when not given.

    Returns:
        (B,) float64, 0 to 100.

    Raises:
        ValueError: as `pck`, and there are no thresholds.
    """
    limits = torch.tensor(ascending(thresholds), dtype=torch.float64, device=preds.device)
    errors = distances(preds, target)
    if joints is not None:
        errors = errors[:, _chosen(joints, errors.shape[1])]
    # an error is strictly below the thresholds behind the last one that it reaches
    passed = len(limits) - torch.bucketize(errors, limits, right=True)
    scores = 100 * passed.double().mean(dim=-1) / len(limits)
    return scores.where(errors.isfinite().all(dim=-1), torch.nan)


def ascending(thresholds: Sequence[float]) -> list[float]:
    """Thresholds in order.

    Raises:
        ValueError: there are none.
    """
    if not thresholds:
        raise ValueError("There are no thresholds: give one or more.")
    return sorted(thresholds)


def _chosen(joints: Sequence[int], count: int) -> list[int]:
    if not joints or len({*joints}) < len(joints) or not {*joints} <= {*range(count)}:
        raise ValueError(
            f"Joints {[*joints]} cannot count: name some of 0 to {count - 1}, each once."
        )
    return list(joints)
