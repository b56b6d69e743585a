"""Pairs of predicted and true poses, in float64."""

from torch import Tensor


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
