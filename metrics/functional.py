"""Errors, scores and alignments of 3D poses: one value or one pose each, in float64."""

from collections.abc import Sequence

import torch
from torch import Tensor

# mm, those of MPI-INF-3DHP's evaluator: no error is below 0, so that 30/31 is the best AUC
AUC_THRESHOLDS = tuple(float(threshold) for threshold in range(0, 151, 5))


def mpjpe(preds: Tensor, target: Tensor) -> Tensor:
    """Mean Euclidean distance over a pose's joints (MPJPE).

    All J joints count as they are given; nothing is aligned, and no root is subtracted.

    Args:
        preds: (B, J, 3) predicted joints.
        target: (B, J, 3) true joints, same unit and frame.

    Returns:
        (B,) float64, in the unit of the input.

    Raises:
        ValueError: the shapes differ, or are not (B, J, 3).
    """
    return distances(preds, target).mean(dim=-1)


def pa_mpjpe(preds: Tensor, target: Tensor) -> Tensor:
    """MPJPE after the similarity that brings each prediction closest to its target (PA-MPJPE).

    Args, returns and errors are those of `mpjpe`; the frames may differ.
    """
    return mpjpe(procrustes_align(preds, target), target)


def nmpjpe(preds: Tensor, target: Tensor) -> Tensor:
    """MPJPE after the scale about the origin that brings each prediction closest (N-MPJPE).

    The scale is that of least squares (Rhodin et al., CVPR 2018); see `scale_align`. The origin is
    that of the poses as given, and no root is subtracted: a predicted root that is not at the
    origin is scaled with the other joints, and counts.

    Args, returns and errors are those of `mpjpe`.
    """
    return mpjpe(scale_align(preds, target), target)


def procrustes_align(preds: Tensor, target: Tensor) -> Tensor:
    """Align each pose to its target by scale, rotation and translation, in least squares.

    Finds the scale s >= 0, rotation R and translation t that minimise the sum over joints of
    |s R x + t - y|^2. Reflections are forbidden: det R = +1 (Umeyama, PAMI 1991).

    Where all predicted joints coincide, all go to the target's centroid, as they do where all
    target joints coincide. Planar and collinear poses align as others do. A joint that is not
    finite, predicted or true, leaves NaN or infinity in its aligned pose.

    Args:
        preds: (B, J, 3) joints to align.
        target: (B, J, 3) joints to align to.

    Returns:
        (B, J, 3) float64, the aligned predictions.

    Raises:
        ValueError: the shapes differ, or are not (B, J, 3).
    """
    preds, target = checked(preds, target)
    mean, goal = preds.mean(1, keepdim=True), target.mean(1, keepdim=True)
    centred = preds - mean
    covariance = centred.mT @ (target - goal)
    finite = covariance.isfinite().all(-1).all(-1)
    # the SVD refuses what is not finite; its scale below does not
    left, stretch, right = torch.linalg.svd(covariance.where(finite[:, None, None], 0.0))
    handed = torch.ones_like(stretch)
    handed[:, 2] = (torch.linalg.det(left) * torch.linalg.det(right)).sign()
    rotation = (left * handed[:, None]) @ right
    spread = centred.square().sum((1, 2))
    scale = (stretch * handed).sum(1) / spread.where(spread != 0, 1.0)
    return scale[:, None, None] * (centred @ rotation) + goal


def scale_align(preds: Tensor, target: Tensor) -> Tensor:
    """Align each pose to its target by scale alone, about the origin, in least squares.

    Finds the scale s that minimises the sum over joints of |s x - y|^2. As in the field, s may be
    negative, for a pose that points away from its target. Nothing is moved first: poses relative
    to their root keep it at the origin. A pose of zeros stays as it is. A joint that is not
    finite, predicted or true, leaves NaN in its aligned pose.

    Args:
        preds: (B, J, 3) joints to align.
        target: (B, J, 3) joints to align to.

    Returns:
        (B, J, 3) float64, the aligned predictions.

    Raises:
        ValueError: the shapes differ, or are not (B, J, 3).
    """
    preds, target = checked(preds, target)
    spread = preds.square().sum((1, 2))
    scale = (preds * target).sum((1, 2)) / spread.where(spread != 0, 1.0)
    return scale[:, None, None] * preds


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
        joints: joints that count, all when not given.

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
        joints: joints that count, all when not given.

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


def checked(preds: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both poses in float64.

    Raises:
        ValueError: the shapes differ, or are not (B, J, 3).
    """
    if preds.shape != target.shape or preds.ndim != 3 or preds.shape[-1] != 3:
        raise ValueError(
            f"Poses must have one shape (B, J, 3), but predictions have {tuple(preds.shape)} and "
            f"targets {tuple(target.shape)}."
        )
    return preds.double(), target.double()


def distances(preds: Tensor, target: Tensor) -> Tensor:
    """Euclidean distance of each predicted joint from the true one, (B, J).

    Raises:
        ValueError: as `checked`.
    """
    preds, target = checked(preds, target)
    return (preds - target).norm(dim=-1)


def relative(poses: Tensor, root: int | None) -> Tensor:
    """Poses (B, J, 3) relative to one of their joints; as they are where there is none."""
    return poses if root is None else poses - poses[:, root : root + 1]
