"""Errors of 3D poses as torchmetrics, exact over any number of ranks."""

from metrics.mpjpe import MPJPE
from metrics.pa_mpjpe import PAMPJPE

__all__ = ["MPJPE", "PAMPJPE"]
