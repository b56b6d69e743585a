"""Windows: frame numbers to receptive-field windows, gathered where the arrays live."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.sequences import PoseSequences


class PoseWindows:
    """Holds the arrays on a device and gathers batches from them.

    A window is centred on its frame; past the ends of a sequence its first or last frame is
    repeated, and it never reaches into another sequence.

    Args:
        sequences: the data.
        receptive_field: T, the odd number of frames that a window spans.
        labels: more (F,) int64 columns to put into the batch, by name.

    Raises:
        ValueError: the receptive field is not a positive odd number.
    """

    def __init__(
        self,
        sequences: PoseSequences,
        receptive_field: int = 1,
        labels: Mapping[str, NDArray[np.int64]] | None = None,
    ) -> None:
        if receptive_field < 1 or receptive_field % 2 == 0:
            raise ValueError(f"A window spans an odd number of frames, not {receptive_field}.")
        segments = sequences.segments
        joints = len(sequences.skeleton.joints)
        numbers = {action: number for number, action in enumerate(sequences.actions)}
        per_frame = np.repeat(np.arange(len(segments)), [s.stop - s.start for s in segments])
        self.labels = ["action", "sequence", *(labels or {})]
        self._arrays = {
            # joints on end, so that one gather picks a window and mirrors its joints
            "keypoints": torch.from_numpy(sequences.keypoints[..., :2]).reshape(-1, 2),
            "joints": torch.from_numpy(sequences.joints).reshape(-1, 3),
            "first": torch.tensor([s.start for s in segments])[per_frame],
            "last": torch.tensor([s.stop - 1 for s in segments])[per_frame],
            "offsets": torch.arange(receptive_field) - receptive_field // 2,
            "orders": torch.tensor([list(range(joints)), sequences.skeleton.mirror]),
            "signs": torch.tensor([1.0, -1.0]),
            "action": torch.tensor([numbers[s.action] for s in segments])[per_frame],
            "sequence": torch.from_numpy(per_frame),
            **{name: torch.from_numpy(column) for name, column in (labels or {}).items()},
        }

    def to(self, device: torch.device) -> "PoseWindows":
        """Move the arrays, once."""
        if self._arrays["joints"].device != device:
            self._arrays = {name: array.to(device) for name, array in self._arrays.items()}
        return self

    def __call__(self, pairs: Tensor) -> dict[str, Tensor]:
        """Gather a batch.

        A flipped pose has x negated and left and right joints exchanged, in 2D and in 3D.

        Args:
            pairs: (B, 2) int64 on the arrays' device: frame number, and 1 where flipped.

        Returns:
            keypoints (B, T, J, 2) in [-1, 1] by image width, joints (B, J, 3) in metres relative to
            the root in the camera frame, and (B,) int64: index (the frame), action, sequence and
            the labels.
        """
        arrays = self._arrays
        frame, flipped = pairs.unbind(1)
        first, last = arrays["first"][frame, None], arrays["last"][frame, None]
        window = (frame[:, None] + arrays["offsets"]).clamp(first, last)
        order, sign = arrays["orders"][flipped], arrays["signs"][flipped]
        joints = order.shape[1]
        keypoints = arrays["keypoints"][window[:, :, None] * joints + order[:, None]]
        targets = arrays["joints"][frame[:, None] * joints + order]
        keypoints[..., 0] *= sign[:, None, None]
        targets[..., 0] *= sign[:, None]
        columns = {name: arrays[name][frame] for name in self.labels}
        return {"keypoints": keypoints, "joints": targets, "index": frame, **columns}
