"""The size of the image that keypoints are in: checked, or estimated."""

import numpy as np
from numpy.typing import NDArray

from poseproof.errors import DataError

# sizes of videos, width and height, small to large; each may stand upright
_COMMON = ((320, 240), (640, 360), (640, 480), (854, 480), (1280, 720), (1920, 1080))
_LARGE = ((2560, 1440), (3840, 2160), (7680, 4320))
_SMALLEST, _LARGEST = 16, 32_768


def estimated_size(points: NDArray[np.float64]) -> tuple[int, int]:
    """The smallest common size of a video that holds all points (N, 2) in pixels.

    Raises:
        DataError: none does, or the points are no pixels.
    """
    _check_pixels(points)
    either = [size for pair in (*_COMMON, *_LARGE) for size in (pair, pair[::-1])]
    reach = points.max(axis=0)
    for width, height in sorted(either, key=lambda size: size[0] * size[1]):
        if reach[0] <= width and reach[1] <= height:
            return width, height
    raise DataError(
        f"The keypoints reach to {reach[0]:.0f}, {reach[1]:.0f}, where no video does: give the "
        "size of the image with --data.init_args.image_size '[width, height]'."
    )


def check_size(size: tuple[int, int], points: NDArray[np.float64]) -> None:
    """Check that points (N, 2) are pixels of an image of that size.

    Raises:
        DataError: they are not, or it is no size of an image.
    """
    if not all(_SMALLEST <= side <= _LARGEST for side in size):
        raise DataError(
            f"An image of {size[0]} x {size[1]} pixels is not one: give width and height, "
            f"{_SMALLEST} to {_LARGEST}."
        )
    _check_pixels(points)
    outside = ((points < -np.array(size)) | (points > 2 * np.array(size))).any(axis=1).mean()
    if outside > 0.01:
        raise DataError(
            f"{outside:.0%} of the keypoints lie far outside the {size[0]} x {size[1]} image: give "
            "pixels of that image, or the right size."
        )


def _check_pixels(points: NDArray[np.float64]) -> None:
    if np.ptp(points, axis=0).max() < 4:
        raise DataError(
            "All keypoints lie within 4 pixels: they look normalised, but pixels of the image are "
            "needed."
        )
