"""Errors and scores of 3D poses as torchmetrics, exact over any number of ranks."""

from metrics.aggregate import PoseError
from metrics.pose import (
    ALL_17,
    AUC,
    MPJPE,
    MPJVE,
    NMPJPE,
    OFFICIAL_14,
    PAMPJPE,
    PCK,
)

__all__ = [
    "ALL_17",
    "AUC",
    "MPJPE",
    "MPJVE",
    "NMPJPE",
    "OFFICIAL_14",
    "PAMPJPE",
    "PCK",
    "PoseError",
]
