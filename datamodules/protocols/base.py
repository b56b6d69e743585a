"""PoseDataModule: what all protocols share; a protocol only picks frames."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from datamodules.loading.image_batches import ImageColumns, image_loader, split_images
from datamodules.loading.index_batches import IndexBatches, index_loader
from datamodules.loading.references import ReferencedBatches, split_references
from datamodules.loading.windowed import Windowed
from datamodules.loading.windows import PoseWindows
from datamodules.protocols.picks import Frames, Picks
from datamodules.sources.source import Source
from poseproof.errors import DataError


class PoseDataModule(Picks):
    """Loads a source and serves index batches, gathered into windows on the device.

    A protocol overrides `pick`, and `labels` with `test_groupings` where it adds columns to a
    batch.

    Args:
        source: what reads the data; generated motion when none is given.
        batch_size: frames a training step on each rank.
        eval_batch_size: frames an evaluation step on each rank.
        flip: also train on every frame's mirror image.
        train_stride: train on every so many frames of each sequence; 1 is the papers'.
        workers: processes that read images, for a method that takes them.
    """

    def __init__(
        self,
        source: Source | None = None,
        batch_size: int = 1024,
        eval_batch_size: int = 4096,
        flip: bool = True,
        train_stride: int = 1,
        workers: int = 0,
    ) -> None:
        super().__init__(source, batch_size)
        self.eval_batch_size = eval_batch_size
        self.flip = flip
        self.train_stride = train_stride
        self.workers = workers

    def setup(self, stage: str) -> None:
        """Load, and lay the arrays out for the model's windows."""
        assert self.trainer is not None
        self.load(stage, cast(Windowed, self.trainer.lightning_module))
        self._lay_out()
        self.columns = ImageColumns(self.sequences) if self.method.image_size else None

    def replace_keypoints(self, keypoints: NDArray[np.float32]) -> None:
        """Put estimates (F, J, 2), in [-1, 1] by image width, in the place of the 2D keypoints.

        They stay until the next `setup`. A batch's `crop` and `visible` are those of the truth.

        Raises:
            ValueError: another shape than the keypoints have.
        """
        if keypoints.shape != (wanted := (*self.sequences.joints.shape[:2], 2)):
            raise ValueError(f"Keypoints of shape {wanted} are needed, not {keypoints.shape}.")
        estimates = np.ascontiguousarray(keypoints, np.float32)
        self.sequences = replace(self.sequences, keypoints=estimates)
        self._lay_out()

    def image_frames(self, frames: Frames, batch_size: int) -> Iterator[dict[str, Tensor]]:
        """Batches of these frames in their order, plain, as in evaluation, on the CPU.

        Every rank gets all of them.

        Args:
            frames: (N,) numbers of frames.
            batch_size: frames a batch.

        Raises:
            DataError: an image could not be read.
        """
        batches = _plain(frames).split(batch_size)
        for batch in self._image_loader(batches):
            yield self._gathered(batch)

    def train_dataloader(self) -> DataLoader[Any]:
        """Every `train_stride`-th frame, plain and flipped, in an order of the seed and epoch."""
        frames = torch.from_numpy(self.frames["train"])[:: self.train_stride]
        flips = torch.arange(2 if self.flip else 1)
        seed = int(os.environ.get("PL_GLOBAL_SEED", 0))
        pairs = torch.cartesian_prod(frames, flips)
        if self.method.trains_on_references:
            batches: IndexBatches = ReferencedBatches(pairs, self.batch_size, seed, self.sequences)
        else:
            batches = IndexBatches(pairs, self.batch_size, shuffle=True, seed=seed)
        return self._loader(batches, self.method.trains_on_images)

    def val_dataloader(self) -> DataLoader[Any] | list[DataLoader[Any]]:
        """All validation frames, once each."""
        return self._evaluation("val") if len(self.frames["val"]) else []

    def test_dataloader(self) -> DataLoader[Any]:
        """All test frames, once each."""
        return self._evaluation("test")

    def predict_dataloader(self) -> DataLoader[Any]:
        """The test frames."""
        return self._evaluation("test")

    def on_after_batch_transfer(
        self,
        batch: Any,  # noqa: ANN401
        dataloader_idx: int,
    ) -> dict[str, Tensor]:
        """Gather the windows from the arrays on the device, and turn images as they are flipped.

        Raises:
            DataError: an image could not be read.
        """
        gathered = self._gathered(batch)
        assert self.trainer is not None
        if self.method.trains_on_references and self.trainer.training:
            return split_references(gathered)
        return gathered

    def _gathered(self, batch: Tensor | dict[str, Tensor] | DataError) -> dict[str, Tensor]:
        pairs, image = split_images(batch)
        windows = self.windows.to(pairs.device)(pairs)
        if image is None:
            return windows
        assert self.columns is not None
        return windows | self.columns(pairs, image)

    def _lay_out(self) -> None:
        span, causal = self.method.receptive_field, self.method.causal
        self.windows = PoseWindows(self.sequences, span, self.labels(), causal)

    def _evaluation(self, split: str) -> DataLoader[Any]:
        pairs = _plain(self.frames[split])
        return self._loader(IndexBatches(pairs, self.eval_batch_size, shuffle=False), True)

    def _loader(self, batches: IndexBatches, takes_images: bool) -> DataLoader[Any]:
        if takes_images and self.method.image_size:
            return self._image_loader(batches)
        return index_loader(batches)

    def _image_loader(self, batches: Iterable[Tensor]) -> DataLoader[Any]:
        assert self.sequences.images is not None
        return image_loader(batches, self.sequences.images, self.method.image_size, self.workers)


def _plain(frames: Frames) -> Tensor:
    """Index pairs (N, 2) of frames that are not flipped."""
    numbers = torch.from_numpy(frames)
    return torch.stack([numbers, torch.zeros_like(numbers)], dim=1)
