"""OwnKeypoints: a user's own 2D keypoints, to lift with a trained method."""

from pathlib import Path
from typing import Literal

import numpy as np
from pytorch_lightning.utilities import rank_zero_info

from datamodules.batch import DataNeeds
from datamodules.protocols.base import Frames, PoseDataModule
from datamodules.sources.keypoints.own_clip import read_own_clip
from poseproof.errors import UserError


class OwnKeypoints(PoseDataModule):
    """2D keypoints of a video, for `lightning predict` with a trained lifter.

    An npz file of arrays, COCO results, and the JSON of OpenPose, AlphaPose and MMPose are read;
    `docs/your_keypoints.md` describes them. Of several people one is chosen and followed; missing
    joints are interpolated in time; COCO's joints are converted to Human3.6M's 17. There is no 3D
    truth, so that nothing can be trained or tested on such data.

    Args:
        path: a file, or a folder of one file for each frame.
        image_size: width and height of the image in pixels; those of the file when it is None, or
            else an estimate from the keypoints.
        layout: joint layout of the keypoints; that of the file when it is None, or else COCO.
        min_score: least score of a joint; joints with a lower one count as missing.
        eval_batch_size: frames in each step on each rank.
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
        """Read the clip, once, and report everything that was chosen or guessed.

        Raises:
            DataError: anything is wrong with the clip.
            UserError: the command is not `predict`, or the model does not lift 17 joints.
        """
        if stage != "predict":
            raise UserError(
                "Your own keypoints have no 3D truth, so that nothing can be trained or tested on "
                "them: use `lightning predict`."
            )
        if needs.image_size:
            raise UserError("This model takes images, not keypoints: use a lifter, such as SRNet.")
        if needs.skeleton != "h36m17":
            raise UserError("Keypoints become Human3.6M's 17 joints: use a model that lifts those.")
        self.stage, self.needs = stage, needs
        if not hasattr(self, "clip"):
            clip = read_own_clip(Path(self.path), self.image_size, self.layout, self.min_score)
            self.clip, self.sequences = clip, clip.sequences()
            for note in clip.notes:
                rank_zero_info(note)
        self.frames = self.pick()

    def pick(self) -> dict[str, Frames]:
        """Predict all frames."""
        none, everything = np.empty(0, np.int64), np.arange(len(self.sequences))
        return {"train": none, "val": none, "test": everything}
