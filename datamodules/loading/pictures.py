"""Pictures: square crops around people, read out of image files and gathered into batches."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.batch import Batch
from datamodules.reading.jpeg import read_jpeg
from datamodules.sequences import Float32, Images, PoseSequences
from poseproof.errors import DataError

UInt8 = NDArray[np.uint8]
# side of a crop, in sides of the smallest square that holds the keypoints
CROP_MARGIN = 1.25
_MOST_SAMPLES = 8  # along an axis, of the image for a pixel of a crop

# a crop is small, loaders have workers, and OpenCV's own threads do not survive a fork
cv2.setNumThreads(0)


class ImageFiles:
    """Crops of JPEG files.

    Args:
        root: folder that the paths start from.
        paths: path of every frame's image below `root`.
        widths: (F,) widths of the images, pixels; a file of another width is refused.
        heights: (F,) heights of the images, pixels, by which keypoints were normalised.
        crops: (F, 3) centre x, y and side, in the units of the keypoints.
        bytes: (F,) sizes of the files, by which a changed file is recognised.
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
            # Human3.6M's videos are two lines higher or lower than its calibration says
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


def cut(image: UInt8, x: float, y: float, side: float, size: int) -> UInt8:
    """A square of an image (H, W, 3), resized to (size, size, 3), black outside.

    Every pixel is the mean over its cell, so that nothing is skipped where a crop is made smaller.

    Args:
        image: the picture.
        x: the square's centre, pixels from the image's left edge.
        y: the square's centre, pixels from the image's upper edge.
        side: side of the square, pixels.
        size: side of the crop, pixels.
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


class _Crops(Dataset[Any]):
    """An index batch with the crops of its frames."""

    def __init__(self, images: Images, size: int) -> None:
        self.images = images
        self.size = size

    def __getitem__(self, pairs: Tensor) -> dict[str, Tensor] | DataError:
        try:
            crops = self.images.read(pairs[:, 0].numpy(), self.size)
        except DataError as error:
            # raised in a worker it would come out inside a traceback, and not as one sentence
            return error
        return {"pairs": pairs, "image": torch.from_numpy(crops)}


def image_loader(
    batches: Iterable[Tensor], images: Images, size: int, workers: int
) -> DataLoader[Any]:
    """A loader of dicts: `pairs` (B, 2) int64 and `image` (B, size, size, 3) uint8.

    What cannot be read comes as a DataError in a batch's place, for `split_images` to raise.

    Args:
        batches: index batches (B, 2) int64: frame number and whether it is flipped.
        images: reader of the crops.
        size: side of the crops, pixels.
        workers: number of processes that read; a batch is one worker's. 0 reads in this process.
    """
    return DataLoader(
        _Crops(images, size),
        batch_size=None,
        sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        generator=torch.Generator(),
    )


def split_images(batch: Tensor | Mapping[str, Tensor] | DataError) -> tuple[Tensor, Tensor | None]:
    """The pairs of a loader's batch, and its images where it has some.

    Raises:
        DataError: an image could not be read.
    """
    if isinstance(batch, DataError):
        raise batch
    if isinstance(batch, Tensor):
        return batch, None
    return batch["pairs"], batch["image"]


class ImageColumns:
    """Makes a batch's columns `image`, `crop` and `visible`, on the device.

    Args:
        sequences: with images.
    """

    def __init__(self, sequences: PoseSequences) -> None:
        assert sequences.images is not None
        joints = len(sequences.skeleton.joints)
        # none of the scores where there are none
        known = (sequences.keypoints[..., 2:] > 0).all(axis=-1)
        self._crops = torch.from_numpy(sequences.images.crops)
        self._visible = torch.from_numpy(known).float()
        self._orders = torch.tensor([list(range(joints)), sequences.skeleton.mirror])

    def __call__(self, pairs: Tensor, image: Tensor) -> Batch:
        """Gather the columns; those of flipped frames are mirrored.

        Args:
            pairs: (B, 2) int64, frame number, and 1 where flipped.
            image: (B, S, S, 3) uint8.

        Returns:
            image (B, 3, S, S) float32 in [0, 1], crop (B, 3) centre x, y and side in the units of
            the keypoints, and visible (B, J) float32, 1 where the 2D truth is known.
        """
        device = pairs.device
        self._visible, self._orders = self._visible.to(device), self._orders.to(device)
        frame, flipped = pairs.unbind(1)
        picture = image.permute(0, 3, 1, 2).float().div_(255)
        mirrored = flipped.bool()[:, None, None, None]
        return {
            "image": torch.where(mirrored, torch.flip(picture, (3,)), picture).contiguous(),
            "crop": self.crop(pairs),
            "visible": self._visible[frame].gather(1, self._orders[flipped]),
        }

    def crop(self, pairs: Tensor) -> Tensor:
        """The crops (B, 3) of frames (B, 2), their x negated where flipped."""
        self._crops = self._crops.to(pairs.device)
        frame, flipped = pairs.unbind(1)
        crop = self._crops[frame]
        crop[:, 0] *= 1 - 2 * flipped
        return crop
