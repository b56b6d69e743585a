"""MovementRangeProtocol: the Subject Protocol, its errors by how much a window moves."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from datamodules.loading.windows import padded, reach
from datamodules.protocols.base import TENTHS, Frames, tenths
from datamodules.protocols.subject import SubjectProtocol
from datamodules.sequences import PoseSequences


class MovementRangeProtocol(SubjectProtocol):
    """The Subject Protocol, its errors by tenths of the movement range (RIE, Fig. 7, Eq. 15).

    The test frames are sorted by the movement range of their windows and divided into ten equal
    subsets, smallest first. The paper calls the figure MSE, but Eq. 15 is a mean distance.
    """

    def pick(self) -> dict[str, Frames]:
        """As in the Subject Protocol.

        Raises:
            DataError: no frames to test on.
        """
        frames = super().pick()
        self.need("test", frames)
        span, causal = self.needs.receptive_field, self.needs.causal
        subjects = self.splits()["test"]
        ranges = movement_ranges(self.sequences, subjects, span, causal)
        tested = np.isin(self.sequences.frames_of(subjects), frames["test"])
        self.tenth_of_frame = tenths(len(self.sequences), frames["test"], ranges[tested])
        return frames

    def labels(self) -> dict[str, Frames]:
        """The tenth of the test frames that a frame is in, 0 the one that moves least."""
        return {"movement": self.tenth_of_frame}

    def test_groupings(self) -> dict[str, list[str]]:
        """Errors by movement."""
        return {"movement": list(TENTHS)}


@lru_cache(maxsize=4)
def movement_ranges(
    sequences: PoseSequences, subjects: tuple[str, ...], receptive_field: int, causal: bool = False
) -> NDArray[np.float64]:
    """Movement range of the window of each of the subjects' M frames (RIE, Eq. 15).

    The mean over the window's T frames and J joints of a 2D keypoint's distance to where it is in
    the window's own frame, in units of half the image width. Windows are those of PoseWindows.

    Returns:
        (M,) in the order of `sequences.frames_of(subjects)`.

    Raises:
        ValueError: the receptive field is not a positive odd number.
    """
    before, after = reach(receptive_field, causal)
    ranges = []
    for segment in sequences.segments:
        if segment.subject not in subjects:
            continue
        frames = padded(segment, before, after)
        # (J, frames) each: the frames that a lag sets apart lie on end
        x, y = sequences.keypoints[frames, :, :2].transpose(2, 1, 0).copy()
        count = segment.stop - segment.start
        total = np.zeros(count)
        for lag in range(1, max(before, after) + 1):
            # one distance serves two windows: that of its earlier frame and that of its later one
            dx, dy = x[:, lag:] - x[:, :-lag], y[:, lag:] - y[:, :-lag]
            distance = np.sqrt(dx * dx + dy * dy).mean(0, dtype=np.float64)
            if lag <= after:
                total += distance[before : before + count]
            total += distance[before - lag : before - lag + count]
        ranges.append(total / receptive_field)
    return np.concatenate(ranges)
