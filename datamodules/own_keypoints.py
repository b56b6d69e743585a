"""OwnKeypoints: a user's own 2D keypoints, to be lifted."""

from pathlib import Path
from typing import Literal

import numpy as np
from pytorch_lightning.utilities import rank_zero_info

from datamodules.batch import DataNeeds
from datamodules.protocols.base import Frames, PoseDataModule
from datamodules.sources.keypoints.own_clip import read_own_clip
from poseproof.errors import DataError


class OwnKeypoints(PoseDataModule):
    """2D keypoints of a video, for `lightning predict` with a trained lifter.

    Read are an npz file of arrays, COCO results, and the JSON of OpenPose, AlphaPose and MMPose:
    `docs/your_keypoints.md` says what each must hold. Of several people one is taken and followed;
    what is missing of them is filled in time; COCO's joints become Human3.6M's 17. There is no
    truth, so that nothing is trained or judged on them.

    Args:
        path: the file, or the folder of one file a frame.
        image_size: width and height of the image in pixels; the file's when not given, or an
            estimate from where the keypoints are.
        layout: which 17 joints they are; the file's when not given, or COCO's.
        min_score: joints with a lower score count as missing.
        eval_batch_size: frames a step on each rank.
    """

    def __init__(
        self,
        path: str,
        image_size: tuple[int, int] | None = None,
        layout: Literal["coco", "h36m"] | None = None,
        min_score: float = 0.3,
        eval_batch_size: int = 1024,
    ) -> None:
        super().__init__(eval_batch_size=eval_batch_size)
        self.path = path
        self.image_size = image_size
        self.layout = layout
        self.min_score = min_score

    def load(self, stage: str, needs: DataNeeds) -> None:
        """Read the clip, once, and say what was chosen and guessed.

        Raises:
            DataError: anything wrong with it, another command than `predict`, or a model that does
                not lift 17 joints.
        """
        if stage != "predict":
            raise DataError(
                "Your own keypoints have no 3D truth, so that nothing is trained or judged on "
                "them: use `lightning predict`."
            )
        if needs.image_size:
            raise DataError("This model takes images, not keypoints: use a lifter, such as SRNet.")
        if needs.skeleton != "h36m17":
            raise DataError("Keypoints become Human3.6M's 17 joints: use a model that lifts those.")
        self.stage, self.needs = stage, needs
        if not hasattr(self, "clip"):
            clip = read_own_clip(Path(self.path), self.image_size, self.layout, self.min_score)
            self.clip, self.sequences = clip, clip.sequences()
            for note in clip.notes:
                rank_zero_info(note)
        self.frames = self.pick()

    def pick(self) -> dict[str, Frames]:
        """All frames are predicted."""
        none, everything = np.empty(0, np.int64), np.arange(len(self.sequences))
        return {"train": none, "val": none, "test": everything}
