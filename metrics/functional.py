"""Errors and scores of 3D poses, one value a pose, in float64."""

from torch import Tensor

from metrics.alignment import procrustes_align, scale_align
from metrics.poses import distances
from metrics.scores import AUC_THRESHOLDS, auc, pck

__all__ = [
    "AUC_THRESHOLDS",
    "auc",
    "mpjpe",
    "nmpjpe",
    "pa_mpjpe",
    "pck",
    "procrustes_align",
    "scale_align",
]


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
