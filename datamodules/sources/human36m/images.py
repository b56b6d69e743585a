"""Human36MImages: Human3.6M with the images of its videos."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from datamodules.loading.pictures import ImageFiles, crops_around
from datamodules.sequences import Float32, PoseSequences
from datamodules.sources.human36m.recordings import folder_of
from datamodules.sources.human36m.source import Human36M
from datamodules.sources.source import Source
from poseproof.errors import DataError, UserError

# side of a crop, in widths of the image
_SMALLEST, _LARGEST = 0.01, 10


class Human36MImages(Source):
    """Human36M with the images that H36M-Toolbox extracts from the videos.

    The layout is that of `video_to_images.py` (github.com/CHUNYUWANG/H36M-Toolbox):
    `s_01_act_02_subact_01_ca_01/s_01_act_02_subact_01_ca_01_000001.jpg`, images of every frame at
    50 fps and full size, numbered from 1. Only the images of the kept frames are needed. Which
    take is which `subact` differs between subjects, as in the data set's own table.

    Args:
        root: folder of Human36M's files.
        images: folder that contains the folders of images.
        keypoints: 2D keypoints to use, as for Human36M.
        stride: distance between the kept frames of each sequence.

    Raises:
        UserError: the stride is not positive.
    """

    def __init__(self, root: str, images: str, keypoints: str = "gt", stride: int = 50) -> None:
        if stride < 1:
            raise UserError(f"A stride of {stride} is not possible: give a stride of 1 or more.")
        self.root = root
        self.images = images
        self.keypoints = keypoints
        self.stride = stride

    def read(self) -> PoseSequences:
        """Read and check the poses, that every image exists, and the first image of each sequence.

        Raises:
            DataError: anything is wrong with them.
        """
        sequences = Human36M(self.root, self.keypoints).load().every(self.stride)
        folder = Path(self.images)
        paths = [
            f"{name}/{name}_{1 + self.stride * number:06d}.jpg"
            for segment in sequences.segments
            for name in [folder_of(segment)]
            for number in range(segment.stop - segment.start)
        ]
        cameras = [segment.camera for segment in sequences.segments]
        images = ImageFiles(
            root=folder,
            paths=paths,
            widths=sequences.per_frame([camera.width for camera in cameras]),
            heights=sequences.per_frame([camera.height for camera in cameras]),
            crops=self._crops(sequences),
            bytes=np.array([_bytes(folder / path) for path in paths]),
        )
        images.read(np.array([segment.start for segment in sequences.segments]), size=8)
        return replace(
            sequences,
            images=images,
            title=f"{sequences.title} with images of every {self.stride}th frame",
        )

    def _crops(self, sequences: PoseSequences) -> Float32:
        crops = crops_around(sequences.keypoints)
        widths = crops[:, 2] / 2
        wrong = np.flatnonzero((widths < _SMALLEST) | (widths > _LARGEST))
        if len(wrong):
            number = int(wrong[0])
            segment = next(s for s in sequences.segments if number < s.stop)
            raise DataError(
                f"subject {segment.subject}, action {segment.take!r}, camera {segment.camera.id}, "
                f"frame {(number - segment.start) * self.stride}: its 2D keypoints need a crop "
                f"of {widths[number]:.3g} image widths, which fits no person: repair them."
            )
        return crops


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise DataError(
            f"{path} is not there: extract the videos with H36M-Toolbox, or name the folder of its "
            "images."
        ) from error
