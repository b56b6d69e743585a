"""Picks: which frames of a source a protocol trains and tests on."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule

from datamodules.loading.windowed import Windowed, check_truth
from datamodules.sources.source import Source
from datamodules.sources.synthetic.source import SyntheticMocap
from poseproof.errors import DataError

Frames = NDArray[np.int64]


class Picks(LightningDataModule):
    """Loads a source and picks frames.

    Args:
        source: what reads the data; generated motion when none is given.
        batch_size: frames a training step on each rank.
    """

    def __init__(self, source: Source | None, batch_size: int) -> None:
        super().__init__()
        self.source = source or SyntheticMocap()
        self.batch_size = batch_size

    def pick(self) -> dict[str, Frames]:
        """The frames of "train", "val" (possibly none) and "test", all that the data have."""
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

    def load(self, stage: str, method: Windowed) -> None:
        """Read the data and pick the frames; a source is read once.

        Args:
            stage: "fit", "validate", "test" or "predict", which need frames of their own kind.
            method: the model of the run, which says what its windows are.

        Raises:
            DataError: wrong data, none of the images or 3D truth that the model needs, no frames
                for the stage, or batches of one frame to train on.
        """
        if stage == "fit" and self.batch_size < 2:
            raise DataError(
                "A batch of 1 has no variance to normalise by: set --data.init_args.batch_size to "
                "2 or more."
            )
        self.stage, self.method = stage, method
        self.sequences = self.source.load()
        check_truth(self.sequences, method)
        self.frames = self.pick()
        if stage == "validate" and not len(self.frames["val"]):
            raise DataError(
                "No subject is held out for validation: name a training subject with "
                "--data.init_args.val_subject, in fit as in validate."
            )
        if stage != "validate":
            self.need("train" if stage == "fit" else "test", self.frames)

    def need(self, part: Literal["train", "test"], frames: dict[str, Frames]) -> None:
        """Check that a part has frames.

        Raises:
            DataError: it has none.
        """
        if not len(frames[part]):
            raise DataError(
                f"{self.sequences.title} has no frames to {part} on under this protocol: name "
                f"subjects for that with --data.init_args.{part}_subjects, or take other data."
            )
