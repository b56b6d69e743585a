"""Human36MImages: Human3.6M with the images of its videos."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from datamodules.cameras import human36m_cameras
from datamodules.errors import DataError
from datamodules.images import ImageFiles, crops_around
from datamodules.sequences import PoseSequences, Segment
from datamodules.sources.human36m import Human36M
from datamodules.sources.source import Source

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


class Human36MImages(Source):
    """Human36M, and beside it the images that H36M-Toolbox extracts from the videos.

    The layout of its `video_to_images.py` (github.com/CHUNYUWANG/H36M-Toolbox):
    `s_01_act_02_subact_01_ca_01/s_01_act_02_subact_01_ca_01_000001.jpg`, images of every frame at
    50 fps and full size, counted from 1. Only those of the kept frames are needed. Which take is
    which `subact` differs from subject to subject, as in the data set's own table.

    Args:
        root: folder of Human36M's files.
        images: folder of the images' folders.
        keypoints: as for Human36M.
        stride: keep every so many frames of each sequence.

    Raises:
        ValueError: the stride is not positive.
    """

    def __init__(self, root: str, images: str, keypoints: str = "gt", stride: int = 50) -> None:
        if stride < 1:
            raise ValueError(f"Every {stride}th frame cannot be kept: give a stride of 1 or more.")
        self.root = root
        self.images = images
        self.keypoints = keypoints
        self.stride = stride

    def read(self) -> PoseSequences:
        """Read and check the poses, that every image is there, and each sequence's first image.

        Raises:
            DataError: anything wrong with them.
        """
        sequences = Human36M(self.root, self.keypoints).load().every(self.stride)
        folder = Path(self.images)
        paths = [
            f"{name}/{name}_{1 + self.stride * number:06d}.jpg"
            for segment in sequences.segments
            for name in [_folder_of(segment)]
            for number in range(segment.stop - segment.start)
        ]
        cameras = [segment.camera for segment in sequences.segments]
        images = ImageFiles(
            root=folder,
            paths=paths,
            widths=sequences.per_frame([camera.width for camera in cameras]),
            heights=sequences.per_frame([camera.height for camera in cameras]),
            crops=crops_around(sequences.keypoints),
            bytes=np.array([_bytes(folder / path) for path in paths]),
        )
        images.read(np.array([segment.start for segment in sequences.segments]), size=8)
        return replace(
            sequences,
            images=images,
            title=f"{sequences.title} with images of every {self.stride}th frame",
        )


def _folder_of(segment: Segment) -> str:
    """The name of a sequence's folder."""
    subject, action = segment.subject, segment.action
    numbers = _TAKES[subject].get(action, (1, 0))
    names = [f"{action} {number}" if number else action for number in numbers]
    if action not in _ACTIONS or segment.take not in names:
        raise DataError(
            f"Human3.6M has no images of subject {subject}, action {segment.take!r}: its takes are "
            f"{' and '.join(names)}; take the public file's own names."
        )
    cameras = [camera.id for camera in human36m_cameras()[subject]]
    return (
        f"s_{int(subject[1:]):02d}_act_{_ACTIONS.index(action) + 2:02d}"
        f"_subact_{names.index(segment.take) + 1:02d}"
        f"_ca_{cameras.index(segment.camera.id) + 1:02d}"
    )


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise DataError(
            f"{path} is not there: extract the videos with H36M-Toolbox, or name the folder of its "
            "images."
        ) from error
