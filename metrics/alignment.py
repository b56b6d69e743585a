"""Alignments of poses to their targets, in least squares, in float64."""

import torch
from torch import Tensor

from metrics.poses import checked


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
