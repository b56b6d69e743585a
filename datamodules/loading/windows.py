"""Windows: frame numbers to receptive-field windows, gathered where the arrays live."""

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.batch import Batch
from datamodules.sequences import PoseSequences, Segment


def reach(receptive_field: int, causal: bool) -> tuple[int, int]:
    """How many frames a window holds before its own frame, and how many after it.

    Raises:
        ValueError: the receptive field is not a positive odd number.
    """
    if receptive_field < 1 or receptive_field % 2 == 0:
        raise ValueError(f"A window spans an odd number of frames, not {receptive_field}.")
    after = 0 if causal else receptive_field // 2
    return receptive_field - 1 - after, after


def padded(segment: Segment, before: int, after: int) -> NDArray[np.int64]:
    """A sequence's frame numbers, its first and last repeated: (before + length + after,)."""
    numbers = np.arange(segment.start - before, segment.stop + after)
    return numbers.clip(segment.start, segment.stop - 1)


class PoseWindows:
    """Holds the arrays on a device and gathers batches from them.

    A window is centred on its frame, or ends at it when causal; past the ends of a sequence its
    first or last frame is repeated, and it never reaches into another sequence. The 2D sequences
    are stored padded, plain and mirrored, so that a window is one block of memory.

    Args:
        sequences: the data.
        receptive_field: T, the odd number of frames that a window spans.
        labels: more (F,) int64 columns to put into the batch, by name.
        causal: windows hold no frame after their own.

    Raises:
        ValueError: the receptive field is not a positive odd number.
    """

    def __init__(
        self,
        sequences: PoseSequences,
        receptive_field: int = 1,
        labels: Mapping[str, NDArray[np.int64]] | None = None,
        causal: bool = False,
    ) -> None:
        before, after = reach(receptive_field, causal)
        segments, mirror = sequences.segments, sequences.skeleton.mirror
        numbers = {action: number for number, action in enumerate(sequences.actions)}
        per_frame = np.repeat(np.arange(len(segments)), [s.stop - s.start for s in segments])
        self.receptive_field = receptive_field
        self.labels = ["action", "sequence", *(labels or {})]
        self._arrays = {
            "keypoints": _plain_and_mirrored(sequences, before, after),
            # joints on end, so that one gather picks a pose and mirrors it
            "joints": torch.from_numpy(sequences.joints).reshape(-1, 3),
            "orders": torch.tensor([list(range(len(mirror))), mirror]),
            "signs": torch.tensor([[1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]]),
            "action": torch.tensor([numbers[s.action] for s in segments])[per_frame],
            "sequence": torch.from_numpy(per_frame),
            **{name: torch.from_numpy(column) for name, column in (labels or {}).items()},
        }

    def to(self, device: torch.device) -> "PoseWindows":
        """Move the arrays, once."""
        if self._arrays["joints"].device != device:
            self._arrays = {name: array.to(device) for name, array in self._arrays.items()}
        return self

    def __call__(self, pairs: Tensor) -> Batch:
        """Gather a batch.

        A flipped pose has x negated and left and right joints exchanged, in 2D and in 3D.

        Args:
            pairs: (B, 2) int64 on the arrays' device: frame number, and 1 where flipped.

        Returns:
            keypoints (B, T, J, 2) in [-1, 1] by image width, joints (B, J, 3) in metres relative to
            the root in the camera frame, and (B,) int64: index (the frame), flipped, action,
            sequence and the labels.
        """
        arrays = self._arrays
        frame, flipped = pairs.unbind(1)
        columns = {name: arrays[name][frame] for name in self.labels}
        order, sign = arrays["orders"][flipped], arrays["signs"][flipped, None]
        rows = (frame[:, None] * order.shape[1] + order).flatten()
        targets = arrays["joints"].index_select(0, rows).view(*order.shape, 3)
        keypoints = self._gather(frame, flipped, columns["sequence"])
        poses = {"keypoints": keypoints, "joints": targets.mul_(sign)}
        # the labels' names are the protocol's
        return cast(Batch, {**poses, "index": frame, "flipped": flipped, **columns})

    def _gather(self, frame: Tensor, flipped: Tensor, sequence: Tensor) -> Tensor:
        """Windows (B, T, J, 2): rows of a view in which every window overlaps the next one."""
        keypoints, span = self._arrays["keypoints"], self.receptive_field
        _, frames, joints, _ = keypoints.shape
        pose = joints * 2
        windows = keypoints.as_strided((2 * frames - span + 1, span * pose), (pose, 1))
        # a sequence's first window starts behind the padding of the sequences before it
        starts = flipped * frames + frame + sequence * (span - 1)
        return windows.index_select(0, starts).view(len(frame), span, joints, 2)


def _plain_and_mirrored(sequences: PoseSequences, before: int, after: int) -> Tensor:
    """All padded sequences on end, as they are and mirrored: (2, P, J, 2)."""
    frames = np.concatenate([padded(s, before, after) for s in sequences.segments])
    both = np.empty((2, len(frames), len(sequences.skeleton.joints), 2), np.float32)
    np.take(sequences.keypoints[..., :2], frames, axis=0, out=both[0], mode="clip")
    np.take(both[0], sequences.skeleton.mirror, axis=1, out=both[1], mode="clip")
    both[1, ..., 0] *= -1
    return torch.from_numpy(both)
