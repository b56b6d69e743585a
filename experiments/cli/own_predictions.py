"""Predictions: what `lightning predict` leaves of a user's own keypoints."""

import json
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch.distributed as dist
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities import rank_zero_info

from datamodules.own_keypoints import OwnKeypoints
from datamodules.sequences import PoseSequences
from datamodules.sources.keypoints.own_clip import OwnClip
from experiments.report.viewer import Scene, viewer_page
from experiments.runs.files import write_whole

_ABOUT = (
    "Metres in the camera's frame (x right, y down, z away from it), relative to the hip. Where a "
    "person stands and how large they are, a single camera does not tell: their size is that of "
    "the people whom the model was trained on."
)


class OwnPredictions(Callback):
    """Writes `predictions.npz`, `predictions.json` and `predictions.html` of a clip, all or none.

    The npz file holds `joints` (F, 17, 3) float32, metres, camera frame, relative to the hip;
    `frames` (F,), their numbers in the clip; `keypoints` (F, 17, 2), the pixels that were lifted;
    `joint_names`; and `image_size`. The JSON holds the same and more in words.

    Args:
        folder: where to; beside the run's log when not given.
    """

    def __init__(self, folder: str | None = None) -> None:
        self.folder = folder
        self.parts: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401
        *args: Any,  # noqa: ANN401
    ) -> None:
        """Keep a batch."""
        self.parts.append((outputs["index"].cpu().numpy(), outputs["joints"].float().cpu().numpy()))

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the files."""
        ranks = [self.parts]
        if dist.is_available() and dist.is_initialized():
            ranks = [[] for _ in range(dist.get_world_size())]
            dist.all_gather_object(ranks, self.parts)
        folder = Path(self.folder or trainer.log_dir or trainer.default_root_dir)
        data = trainer.datamodule  # type: ignore[attr-defined]
        if trainer.is_global_zero and isinstance(data, OwnKeypoints):
            index, joints = (
                np.concatenate(columns)
                for columns in zip(*(part for rank in ranks for part in rank), strict=True)
            )
            joints = joints[index.argsort()]
            write_predictions(folder, data.clip, data.sequences, joints - joints[:, :1])
            rank_zero_info(f"Written: {folder}/predictions.npz, .json and .html")


def write_predictions(
    folder: Path, clip: OwnClip, sequences: PoseSequences, joints: NDArray[np.float32]
) -> None:
    """Write the three files of a clip, all or none.

    Args:
        folder: where to.
        clip: what was lifted.
        sequences: the same, normalised.
        joints: (F, 17, 3) metres, camera frame, relative to the hip.
    """
    skeleton = sequences.skeleton
    columns: dict[str, Any] = {
        "frames": clip.frames,
        "joints": joints,
        "keypoints": clip.keypoints.astype(np.float32),
        "image_size": np.array(clip.image_size),
        "joint_names": np.array(skeleton.joints),
    }
    packed = BytesIO()
    np.savez_compressed(packed, **columns)
    words = {
        "clip": clip.title,
        "about": _ABOUT,
        "notes": clip.notes,
        "fps": clip.fps,
        "image_size": clip.image_size,
        "joint_names": skeleton.joints,
        "parents": skeleton.parents,
        "frames": clip.frames.tolist(),
        # whole micrometres, and thousandths of a pixel
        "joints": joints.astype(float).round(6).tolist(),
        "keypoints": clip.keypoints.round(3).tolist(),
    }
    fps = sequences.segments[0].fps
    scene = Scene(clip.title, skeleton, sequences.keypoints, joints, fps=fps)
    contents = {
        "predictions.npz": packed.getvalue(),
        "predictions.json": (json.dumps(words) + "\n").encode(),
        "predictions.html": viewer_page(
            [scene], clip.title, " ".join((*clip.notes, _ABOUT))
        ).encode(),
    }
    with ExitStack() as whole:
        drafts = {name: whole.enter_context(write_whole(folder / name)) for name in contents}
        for name, draft in drafts.items():
            draft.write_bytes(contents[name])
