"""PoseDataModule: what all protocols share; a protocol only picks frames."""

import os
from collections.abc import Iterable, Iterator
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from datamodules.batch import Batch, DataNeeds
from datamodules.loading.index_batches import (
    IndexBatches,
    ReferencedBatches,
    index_loader,
    split_references,
)
from datamodules.loading.pictures import ImageColumns, image_loader, split_images
from datamodules.loading.windows import PoseWindows
from datamodules.rarity import rarity_bins
from datamodules.sequences import PoseSequences
from datamodules.sources import default_source
from datamodules.sources.source import Source
from poseproof.errors import DataError

Frames = NDArray[np.int64]
# of test frames by some figure, lowest first
TENTHS = tuple(f"{low:02d}-{low + 10}" for low in range(0, 100, 10))


class PoseDataModule(LightningDataModule):
    """Loads a source and serves index batches, gathered into windows on the device.

    A protocol overrides `pick`, and `labels` with `test_groupings` where it adds columns to a
    batch. What the run's model needs of the data is in `needs`.

    Args:
        source: reader of the data; generated motion, SyntheticMocap, when none is given.
        batch_size: number of frames in a training step on each rank.
        eval_batch_size: number of frames in an evaluation step on each rank.
        flip: also train on every frame's mirror image.
        train_stride: train on every so many frames of each sequence; 1 is the papers'.
        workers: number of processes that read images, for a method that takes them.
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
        super().__init__()
        self.source = source or default_source()
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.flip = flip
        self.train_stride = train_stride
        self.workers = workers

    def pick(self) -> dict[str, Frames]:
        """The frames of the splits "train", "val" (possibly none) and "test"."""
        raise NotImplementedError

    def labels(self) -> dict[str, Frames]:
        """Columns that the protocol adds to the batch, (F,) int64 each."""
        return {}

    def test_groupings(self) -> dict[str, list[str]]:
        """Batch column -> the names behind its numbers, which all test frames have."""
        return {}

    def groupings(self) -> dict[str, list[str]]:
        """By what errors are reported: action, and what a protocol adds for test frames."""
        testing = self.stage in ("test", "predict")
        return {"action": self.sequences.actions} | (self.test_groupings() if testing else {})

    def load(self, stage: str, needs: DataNeeds) -> None:
        """Read the data and pick the frames; a source is read once.

        Args:
            stage: "fit", "validate", "test" or "predict", which need frames of their own kind.
            needs: what the model of the run needs of the data.

        Raises:
            DataError: wrong data, none of the images or 3D truth that the model needs, no frames
                for the stage, or batches of one frame to train on.
        """
        if stage == "fit" and self.batch_size < 2:
            raise DataError(
                "A batch of 1 has no variance to normalise by: set --data.init_args.batch_size to "
                "2 or more."
            )
        self.stage, self.needs = stage, needs
        self.sequences = self.source.load()
        check_truth(self.sequences, needs)
        self.frames = self.pick()
        if stage == "validate" and not len(self.frames["val"]):
            raise DataError(
                "No subject is held out for validation: name a training subject with "
                "--data.init_args.val_subject, in fit as in validate."
            )
        if stage != "validate":
            self.need("train" if stage == "fit" else "test", self.frames)

    def need(self, split: Literal["train", "test"], frames: dict[str, Frames]) -> None:
        """Check that a split has frames.

        Raises:
            DataError: it has none.
        """
        if not len(frames[split]):
            raise DataError(
                f"{self.sequences.title} has no frames to {split} on under this protocol: name "
                f"subjects for that with --data.init_args.{split}_subjects, or take other data."
            )

    def setup(self, stage: str) -> None:
        """Load, and lay the arrays out for the model's windows."""
        assert self.trainer is not None
        self.load(stage, cast(Any, self.trainer.lightning_module).needs)
        span, causal = self.needs.receptive_field, self.needs.causal
        self.windows = PoseWindows(self.sequences, span, self.labels(), causal)
        self.columns = ImageColumns(self.sequences) if self.needs.image_size else None

    def image_frames(self, frames: Frames, batch_size: int) -> Iterator[Batch]:
        """Batches of these frames in their order, plain, as in evaluation, on the CPU.

        Every rank gets all of them.

        Args:
            frames: (N,) numbers of frames.
            batch_size: number of frames in a batch.

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
        if self.needs.trains_on_references:
            batches: IndexBatches = ReferencedBatches(pairs, self.batch_size, seed, self.sequences)
        else:
            batches = IndexBatches(pairs, self.batch_size, shuffle=True, seed=seed)
        return self._loader(batches, self.needs.trains_on_images)

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
    ) -> Batch:
        """Gather the windows from the arrays on the device, and turn images as they are flipped.

        Raises:
            DataError: an image could not be read.
        """
        gathered = self._gathered(batch)
        assert self.trainer is not None
        if self.needs.trains_on_references and self.trainer.training:
            return split_references(gathered)
        return gathered

    def _gathered(self, batch: Tensor | dict[str, Tensor] | DataError) -> Batch:
        pairs, image = split_images(batch)
        windows = self.windows.to(pairs.device)(pairs)
        if image is None:
            return windows
        assert self.columns is not None
        return {**windows, **self.columns(pairs, image)}

    def _evaluation(self, split: str) -> DataLoader[Any]:
        pairs = _plain(self.frames[split])
        return self._loader(IndexBatches(pairs, self.eval_batch_size, shuffle=False), True)

    def _loader(self, batches: IndexBatches, takes_images: bool) -> DataLoader[Any]:
        if takes_images and self.needs.image_size:
            return self._image_loader(batches)
        return index_loader(batches)

    def _image_loader(self, batches: Iterable[Tensor]) -> DataLoader[Any]:
        assert self.sequences.images is not None
        return image_loader(batches, self.sequences.images, self.needs.image_size, self.workers)


def check_truth(sequences: PoseSequences, needs: DataNeeds) -> None:
    """Check that the data have what a model learns from.

    Raises:
        DataError: no images, or no 3D truth, where the model needs them.
    """
    if needs.image_size and sequences.images is None:
        raise DataError(
            f"{sequences.title} has no images: take data from SyntheticImages, Human36MImages or "
            "MPII, with --data.init_args.source."
        )
    if needs.trains_on_joints and not sequences.has_joints:
        raise DataError(
            f"{sequences.title} has 2D keypoints alone: no lifting to 3D is trained or tested on "
            "them. Take other data, or train a 2D estimator on these."
        )


def tenths(total: int, frames: Frames, values: np.ndarray) -> Frames:
    """Batch column (total,): the tenth of each of `frames` by its value, -1 for other frames."""
    column = np.full(total, -1)
    column[frames] = rarity_bins(values, len(TENTHS))
    return column


def _plain(frames: Frames) -> Tensor:
    """Index pairs (N, 2) of frames that are not flipped."""
    numbers = torch.from_numpy(frames)
    return torch.stack([numbers, torch.zeros_like(numbers)], dim=1)
