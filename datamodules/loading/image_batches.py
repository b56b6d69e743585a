"""Image batches: workers read the crops of index batches, the rest is gathered on the device."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.sequences import Images, PoseSequences
from poseproof.errors import DataError


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
        batches: of (B, 2) int64, frame number and whether it is flipped.
        images: what reads the crops.
        size: of the crops, pixels.
        workers: processes that read; a batch is one worker's. 0 reads in this process.
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

    def __call__(self, pairs: Tensor, image: Tensor) -> dict[str, Tensor]:
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
