"""SyntheticImages: drawn pictures of the motion of any source."""

from dataclasses import replace

import numpy as np
import torch

from datamodules.cameras import normalize_screen, project
from datamodules.sequences import PoseSequences
from datamodules.skeletons import H36M17
from datamodules.sources.source import Source
from datamodules.sources.synthetic.drawing.drawn import DrawnImages
from datamodules.sources.synthetic.source import SyntheticMocap
from poseproof.errors import DataError, UserError

_NEAR = 0.02  # of the image's width, by which 2D may differ from the 3D's projection


class SyntheticImages(Source):
    """Draws the motion of another source as people, seen by its cameras.

    Limbs, torso and head are capsules around the joints, projected by the real cameras, shaded and
    textured; nearer parts hide farther ones. Build, clothing, skin and hair are drawn at random for
    every subject; light and background for every sequence. Pictures are not stored: the crop of a
    frame is drawn on request, at the requested size, and is always the same.

    The pictures are not photographs: figures on them do not compare with published ones.

    Args:
        source: source of the motion; generated motion when it is None. Its 2D must be the
            projection of its 3D, of Human3.6M's 17 joints.
        stride: distance between the kept frames of each sequence.
        seed: seed of everything random in the pictures.
        background: whether to draw a scene behind the people; it is black otherwise.

    Raises:
        UserError: the stride is not positive.
    """

    def __init__(
        self,
        source: Source | None = None,
        stride: int = 50,
        seed: int = 0,
        background: bool = True,
    ) -> None:
        if stride < 1:
            raise UserError(f"A stride of {stride} is not possible: give a stride of 1 or more.")
        self.source = source or SyntheticMocap()
        self.stride = stride
        self.seed = seed
        self.background = background

    def read(self) -> PoseSequences:
        """Read the motion, and prepare to draw it.

        Raises:
            DataError: the motion has other joints, unknown positions of its people, or 2D that is
                not the projection of its 3D.
        """
        sequences = self.source.load().every(self.stride)
        _check(sequences)
        return replace(
            sequences,
            images=DrawnImages(sequences, self.seed, self.background),
            title=f"drawn images of every {self.stride}th frame of {sequences.title}",
        )

    def __hash__(self) -> int:
        # the base class hashes representations, and that of a source contains its address
        return hash((self.source, self.stride, self.seed, self.background))


def _check(sequences: PoseSequences) -> None:
    if sequences.skeleton.name != H36M17.name or sequences.roots is None:
        raise DataError(
            f"{sequences.title} cannot be drawn: the 17 joints of Human3.6M and the positions of "
            "people are needed; use PoseNpz, CMUMocap, Human36M or SyntheticMocap."
        )
    for s in sequences.segments:
        frames = slice(s.start, s.stop)
        joints = torch.from_numpy(sequences.joints[frames] + sequences.roots[frames, None]).double()
        screen = normalize_screen(project(joints, s.camera), s.camera).numpy()
        if np.median(np.abs(screen - sequences.keypoints[frames, :, :2])) > _NEAR:
            raise DataError(
                f"{sequences.title}, subject {s.subject}, action {s.take!r}, camera {s.camera.id}: "
                "the 2D keypoints are not the projection of the 3D poses, so that a picture could "
                "not show both; use ground-truth 2D."
            )
