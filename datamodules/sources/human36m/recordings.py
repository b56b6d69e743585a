"""The recordings of Human3.6M: its cameras, and the folder of images of each take."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from datamodules.cameras import Camera
from datamodules.sequences import Segment
from poseproof.errors import DataError

_CALIBRATION = Path(__file__).parent / "cameras.yaml"
# in the data set's own order, which starts at 2
_ACTIONS = (
    *("Directions", "Discussion", "Eating", "Greeting", "Phoning", "Posing", "Purchases"),
    *("Sitting", "SittingDown", "Smoking", "Photo", "Waiting", "Walking", "WalkDog"),
    "WalkTogether",
)
# the numbers in the names of the first and the second take, where they are not 1 and none (0)
# fmt: off
_TAKES = {
    "S1": {"Eating": (2, 0), "Sitting": (1, 2), "SittingDown": (2, 0)},
    "S5": {
        "Directions": (1, 2), "Discussion": (2, 3), "Greeting": (1, 2), "SittingDown": (0, 1),
        "Photo": (0, 2), "Waiting": (1, 2),
    },
    "S6": {
        "Eating": (1, 2), "Posing": (2, 0), "Sitting": (1, 2), "Photo": (0, 1), "Waiting": (3, 0),
    },
    "S7": {
        "Phoning": (2, 0), "SittingDown": (0, 1), "Photo": (0, 1), "Waiting": (1, 2),
        "Walking": (1, 2),
    },
    "S8": {"SittingDown": (0, 1), "WalkTogether": (1, 2)},
    "S9": {"Discussion": (1, 2), "SittingDown": (0, 1)},
    "S11": {
        "Discussion": (1, 2), "Greeting": (2, 0), "Phoning": (3, 2), "SittingDown": (0, 1),
        "Smoking": (2, 0),
    },
}
# fmt: on


@cache
def human36m_cameras() -> dict[str, tuple[Camera, ...]]:
    """Subject -> the four cameras of Human3.6M, in the order of the public 2D files."""
    calibration = yaml.safe_load(_CALIBRATION.read_text())

    def lens(values: dict[str, Any]) -> dict[str, Any]:
        return {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}

    return {
        subject: tuple(
            Camera(
                **lens(intrinsics),
                orientation=tuple(pose["orientation"]),
                translation=tuple(np.divide(pose["translation"], 1000).tolist()),
            )
            for intrinsics, pose in zip(calibration["intrinsics"], poses, strict=True)
        )
        for subject, poses in calibration["extrinsics"].items()
    }


def folder_of(segment: Segment) -> str:
    """Name the folder of a sequence's images, in the layout of H36M-Toolbox.

    Args:
        segment: sequence of Human3.6M.

    Raises:
        DataError: the data set has no take of that name.
    """
    subject, action = segment.subject, segment.action
    numbers = _TAKES[subject].get(action, (1, 0))
    names = [f"{action} {number}" if number else action for number in numbers]
    if action not in _ACTIONS or segment.take not in names:
        raise DataError(
            f"Human3.6M has no images of subject {subject}, action {segment.take!r}: its takes are "
            f"{' and '.join(names)}; use the names of the public file."
        )
    cameras = [camera.id for camera in human36m_cameras()[subject]]
    return (
        f"s_{int(subject[1:]):02d}_act_{_ACTIONS.index(action) + 2:02d}"
        f"_subact_{names.index(segment.take) + 1:02d}"
        f"_ca_{cameras.index(segment.camera.id) + 1:02d}"
    )
