"""Images: square crops around people, out of image files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datamodules.loading.cut import UInt8, cut
from datamodules.reading.jpeg import read_jpeg
from datamodules.sequences import Float32
from poseproof.errors import DataError

# side of a crop, in sides of the smallest square that holds the keypoints
CROP_MARGIN = 1.25


class ImageFiles:
    """Crops of JPEG files.

    Args:
        root: folder that the paths start from.
        paths: of every frame's image.
        widths: (F,) of the images, pixels; a file of another width is refused.
        heights: (F,) of the images, pixels, by which keypoints were normalised.
        crops: (F, 3) as in `Images`.
        bytes: (F,) the files' sizes, by which changed files are told.
    """

    def __init__(
        self,
        root: Path,
        paths: Sequence[str],
        widths: NDArray[np.int64],
        heights: NDArray[np.int64],
        crops: Float32,
        bytes: NDArray[np.int64],
    ) -> None:
        self.root = root
        self.paths = paths
        self.widths = widths
        self.heights = heights
        self.crops = crops
        self.bytes = bytes

    def read(self, frames: NDArray[np.int64], size: int) -> UInt8:
        """The crops of frames (B,), resized: (B, size, size, 3) RGB, black outside the image.

        Raises:
            DataError: a file is missing, damaged, cut short or of another size.
        """
        crops = np.empty((len(frames), size, size, 3), np.uint8)
        for row, frame in enumerate(frames.tolist()):
            crops[row] = self._crop(frame, size)
        return crops

    def fingerprint(self) -> str:
        """The files' names and sizes, and the crops."""
        return repr((self.paths, self.bytes.tolist(), self.crops.tobytes()))

    def _crop(self, frame: int, size: int) -> UInt8:
        image = read_jpeg(self.root / self.paths[frame])
        width, height = int(self.widths[frame]), int(self.heights[frame])
        if image.shape[1] != width or abs(image.shape[0] - height) > 2:
            # Human3.6M's videos are two lines higher or lower than some of its cameras are said to
            raise DataError(
                f"{self.root / self.paths[frame]} is {image.shape[1]} x {image.shape[0]} pixels, "
                f"but {width} x {height} are needed: extract the images at their own size."
            )
        x, y, side = (self.crops[frame].astype(float) * width / 2).tolist()
        return cut(image, x + width / 2, y + height / 2, side, size)[..., ::-1]


def crops_around(keypoints: Float32) -> Float32:
    """The square crops (F, 3) around keypoints (F, J, 2 or more), in their units."""
    low, high = keypoints[..., :2].min(axis=1), keypoints[..., :2].max(axis=1)
    side = CROP_MARGIN * (high - low).max(axis=1, keepdims=True)
    return np.concatenate([(low + high) / 2, side], axis=1).astype(np.float32)
