"""SyntheticImages: drawn pictures of any source's motion, so that image methods run anywhere."""

from dataclasses import replace

import numpy as np
import torch

from datamodules.cameras import normalize_screen, project
from datamodules.sequences import PoseSequences
from datamodules.skeletons import H36M17
from datamodules.sources.source import Source
from datamodules.sources.synthetic.drawing.drawn import DrawnImages
from datamodules.sources.synthetic.source import SyntheticMocap
from poseproof.errors import DataError

_NEAR = 0.02  # of the image's width, by which 2D may differ from the 3D's projection


class SyntheticImages(Source):
    """Draws the motion of another source as people, seen by its cameras.

    Limbs, torso and head are capsules around the joints, projected by the real cameras, shaded and
    textured; what is nearer hides what is farther. Build, clothing, skin and hair are drawn by lot
    for every subject; light and background for every sequence. Pictures are not stored: a frame's
    crop is drawn when it is asked for, at the size that is asked for, and is always the same.

    The pictures are no photographs: figures on them do not compare with published ones.

    Args:
        source: what reads the motion; generated motion when none is given. Its 2D must be the
            projection of its 3D, of Human3.6M's 17 joints.
        stride: keep every so many frames of each sequence.
        seed: of everything random in the pictures.
        background: draw what is behind the people; black otherwise.

    Raises:
        ValueError: the stride is not positive.
    """

    def __init__(
        self,
        source: Source | None = None,
        stride: int = 50,
        seed: int = 0,
        background: bool = True,
    ) -> None:
        if stride < 1:
            raise ValueError(f"Every {stride}th frame cannot be kept: give a stride of 1 or more.")
        self.source = source or SyntheticMocap()
        self.stride = stride
        self.seed = seed
        self.background = background

    def read(self) -> PoseSequences:
        """Read the motion, and make ready to draw it.

        Raises:
            DataError: the motion has other joints, no places of its people, or 2D of its own.
        """
        sequences = self.source.load().every(self.stride)
        _check(sequences)
        return replace(
            sequences,
            images=DrawnImages(sequences, self.seed, self.background),
            title=f"drawn images of every {self.stride}th frame of {sequences.title}",
        )

    def __hash__(self) -> int:
        # the base class's takes a representation, which of a source names its address
        return hash((self.source, self.stride, self.seed, self.background))


def _check(sequences: PoseSequences) -> None:
    if sequences.skeleton.name != H36M17.name or sequences.roots is None:
        raise DataError(
            f"{sequences.title} cannot be drawn: the 17 joints of Human3.6M and where people stand "
            "are needed; take PoseNpz, CMUMocap, Human36M or SyntheticMocap."
        )
    for s in sequences.segments:
        held = slice(s.start, s.stop)
        joints = torch.from_numpy(sequences.joints[held] + sequences.roots[held, None]).double()
        screen = normalize_screen(project(joints, s.camera), s.camera).numpy()
        if np.median(np.abs(screen - sequences.keypoints[held, :, :2])) > _NEAR:
            raise DataError(
                f"{sequences.title}, subject {s.subject}, action {s.take!r}, camera {s.camera.id}: "
                "the 2D keypoints are not where the 3D poses are seen, so that a picture could not "
                "show both; take ground-truth 2D."
            )
