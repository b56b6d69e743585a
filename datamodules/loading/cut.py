"""Cutting a square out of an image."""

from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
_MOST_SAMPLES = 8  # along an axis, of the image for a pixel of a crop

# a crop is small, loaders have workers, and OpenCV's own threads do not survive a fork
cv2.setNumThreads(0)


def cut(image: UInt8, x: float, y: float, side: float, size: int) -> UInt8:
    """A square of an image (H, W, 3), resized to (size, size, 3), black outside.

    Every pixel is the mean over its cell, so that nothing is skipped where a crop is made smaller.

    Args:
        image: the picture.
        x: the square's centre, pixels from the image's left edge.
        y: the square's centre, pixels from the image's upper edge.
        side: of the square, pixels.
        size: of the crop, pixels.
    """
    samples = min(ceil(side / size), _MOST_SAMPLES)
    step = side / (size * samples)
    # OpenCV counts from the middle of the first pixel
    first = [x - side / 2 + (step - 1) / 2, y - side / 2 + (step - 1) / 2]
    matrix = np.array([[step, 0, first[0]], [0, step, first[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(image, matrix, (size * samples, size * samples), flags=flags)
    if samples > 1:
        fine = cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(fine, np.uint8)
