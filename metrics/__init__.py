"""Errors and scores of 3D poses as torchmetrics, exact over any number of ranks."""

from metrics.auc import AUC
from metrics.mpjpe import MPJPE
from metrics.mpjve import MPJVE
from metrics.nmpjpe import NMPJPE
from metrics.pa_mpjpe import PAMPJPE
from metrics.pck import ALL_17, OFFICIAL_14, PCK

__all__ = ["ALL_17", "AUC", "MPJPE", "MPJVE", "NMPJPE", "OFFICIAL_14", "PAMPJPE", "PCK"]
