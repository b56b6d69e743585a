"""GlobalShiftProtocol: the Subject Protocol, every test window moved across the image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from datamodules.batch import Batch
from datamodules.loading.windows import reach
from datamodules.protocols.base import Frames
from datamodules.protocols.subject import SubjectProtocol
from datamodules.sequences import PoseSequences
from datamodules.sources.source import Source
from poseproof.errors import DataError


class GlobalShiftProtocol(SubjectProtocol):
    """The Subject Protocol, every test window moved across the image (RIE, Fig. 6, Eq. 7).

    Only frames whose whole window stays inside the image, x and y in (-1, 1), under every shift
    up to the bound are tested: all shifts are tested on the same frames. A test batch also holds
    the windows as they were, `unshifted` (B, T, J, 2). The paper draws offsets below 0.2, of a
    magnitude below 0.283, though its Fig. 6 goes to 0.375.

    Args:
        source: reader of the data; generated motion, SyntheticMocap, when none is given.
        shift: (dx, dy), in units of half the image width.
        bound: how far a shift may go in x and in y.
        central: train on those frames alone whose root stands in the central share of all training
            frames' roots, across the image and up and down; 1 takes all.
        kwargs: arguments of SubjectProtocol.

    Raises:
        DataError: the shift goes beyond the bound, or no share is left to train on.
    """

    def __init__(
        self,
        source: Source | None = None,
        shift: tuple[float, float] = (0.1, 0.1),
        bound: float = 0.2,
        central: float = 1.0,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(source, **kwargs)
        if not all(abs(offset) <= bound for offset in shift):
            raise DataError(f"The shift {tuple(shift)} goes beyond the bound {bound}: raise it.")
        if not 0 < central <= 1:
            raise DataError(f"A share of {central} cannot be trained on: take one in (0, 1].")
        self.shift = shift
        self.bound = bound
        self.central = central

    def pick(self) -> dict[str, Frames]:
        """As in the Subject Protocol, cut to what is central, and to what can be shifted.

        Raises:
            DataError: no test frame can, or there are none.
        """
        frames = super().pick()
        self.need("test", frames)
        reaches = farthest(self.sequences, self.needs.receptive_field, self.needs.causal)
        kept = frames["test"][reaches[frames["test"]] + self.bound < 1]
        if not len(kept):
            raise DataError(
                f"No test window of {self.sequences.title} stays inside the image when it is "
                f"shifted by up to {self.bound}: lower the bound."
            )
        if self.central < 1:
            frames["train"] = self._central(frames["train"])
        return frames | {"test": kept}

    def _central(self, frames: Frames) -> Frames:
        roots = self.sequences.keypoints[frames, 0, :2]
        low, high = np.quantile(roots, [0.5 - self.central / 2, 0.5 + self.central / 2], axis=0)
        return frames[((low <= roots) & (roots <= high)).all(axis=1)]

    def on_after_batch_transfer(
        self,
        batch: Any,  # noqa: ANN401
        dataloader_idx: int,
    ) -> Batch:
        """Gather the windows, and shift those of a test."""
        gathered = super().on_after_batch_transfer(batch, dataloader_idx)
        assert self.trainer is not None
        if not self.trainer.testing:
            return gathered
        keypoints = gathered["keypoints"]
        gathered["keypoints"] = keypoints + keypoints.new_tensor(self.shift)
        gathered["unshifted"] = keypoints
        return gathered


def farthest(
    sequences: PoseSequences, receptive_field: int, causal: bool = False
) -> NDArray[np.float32]:
    """Largest absolute 2D coordinate in the window of every frame, (F,).

    Windows are those of PoseWindows: repeated frames add nothing to a maximum.
    """
    _, after = reach(receptive_field, causal)
    largest = np.abs(sequences.keypoints[..., :2]).max(axis=(1, 2))
    # an origin of 0 centres the filter, T // 2 ends it at its frame
    origin = receptive_field // 2 - after
    for segment in sequences.segments:
        inside = slice(segment.start, segment.stop)
        largest[inside] = maximum_filter1d(
            largest[inside], receptive_field, mode="nearest", origin=origin
        )
    return largest
