"""Errors of 3D poses, one value a pose, in float64."""

import torch
from torch import Tensor


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
    preds, target = _checked(preds, target)
    return (preds - target).norm(dim=-1).mean(dim=-1)


def pa_mpjpe(preds: Tensor, target: Tensor) -> Tensor:
    """MPJPE after the similarity that brings each prediction closest to its target (PA-MPJPE).

    Args:
        preds: (B, J, 3) predicted joints.
        target: (B, J, 3) true joints, same unit.

    Returns:
        (B,) float64, in the unit of the input.

    Raises:
        ValueError: the shapes differ, or are not (B, J, 3).
    """
    return mpjpe(procrustes_align(preds, target), target)


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
    preds, target = _checked(preds, target)
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


def _checked(preds: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if preds.shape != target.shape or preds.ndim != 3 or preds.shape[-1] != 3:
        raise ValueError(
            f"Poses must have one shape (B, J, 3), but predictions have {tuple(preds.shape)} and "
            f"targets {tuple(target.shape)}."
        )
    return preds.double(), target.double()
