"""HumanEva's 15 joints out of the 17 keypoints of COCO."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from datamodules.sequences import Float32
from datamodules.sources.layout import as_array
from poseproof.errors import DataError

# the keypoints that each joint is midway between: hips for the pelvis, shoulders for the thorax,
# ears for the head
_MIDWAY = (
    *((11, 12), (5, 6), (5,), (7,), (9,), (6,), (8,), (10,)),
    *((11,), (13,), (15,), (12,), (14,), (16,), (3, 4)),
)


def from_coco(takes: Mapping[str, Any], name: str) -> dict[str, list[Float32]]:
    """Bring a subject's detections to the 15 joints.

    Args:
        takes: take -> one (F, 17, C) a camera; the C columns are averaged, a score too.
        name: of the file, for messages.

    Returns:
        Take -> one (F, 15, C) a camera.

    Raises:
        DataError: something else than a list of such arrays.
    """
    joined: dict[str, list[Float32]] = {}
    for take, seen in takes.items():
        if not isinstance(seen, list | tuple | np.ndarray) or getattr(seen, "ndim", 1) == 0:
            raise DataError(f"{name}, action {take!r}: a list of one array a camera is needed.")
        for pixels in seen:
            flat = as_array(pixels, f"{name}, action {take!r}")
            if flat.shape[1] != 17:
                raise DataError(
                    f"{name}, action {take!r}: {flat.shape[1]} keypoints, but COCO has 17."
                )
            middles = [flat[:, list(between)].mean(axis=1) for between in _MIDWAY]
            joined.setdefault(take, []).append(np.stack(middles, axis=1))
    return joined
