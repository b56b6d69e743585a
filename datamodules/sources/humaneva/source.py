"""HumanEva: HumanEva-I in the public files that VideoPose3D's scripts write."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from datamodules.cameras import Camera
from datamodules.reading.checks import as_array, entry, is_name
from datamodules.reading.safe_npz import load_npz
from datamodules.sequences import Float32, PoseSequences
from datamodules.skeletons import HUMANEVA15
from datamodules.sources.layout import read_views
from datamodules.sources.source import Source
from datamodules.views import assemble
from poseproof.errors import DataError

_CALIBRATION = Path(__file__).parent / "cameras.yaml"
_SPLITS = {
    "train": ("Train/S1", "Train/S2", "Train/S3"),
    "test": ("Validate/S1", "Validate/S2", "Validate/S3"),
}


class HumanEva(Source):
    """Reads `data_3d_humaneva15.npz` and `data_2d_humaneva15_{keypoints}.npz`.

    60 fps, the three colour cameras, 640 x 480 pixels. Subjects S1 to S3 of the Train sequences
    are trained on and those of the Validate sequences tested on, named `Train/S1` and so on. A
    take such as `Walking 1 chunk0` is a stretch of sound motion capture. An action belongs to one
    person, as in the tables of this data set: `Walking S1`, and likewise Jog, Box, Gestures and
    ThrowCatch. Extrinsics are VideoPose3D's (`cameras.yaml`); the distortion of the cameras is not
    known here, and NaN.

    COCO's 17 keypoints become the 15 joints: the pelvis is midway between the hips, the thorax
    midway between the shoulders. HumanEva's head is the top of the head, which no keypoint is near;
    midway between the ears replaces it, the point that turns least with the face.

    Args:
        root: folder of the files. HumanEva needs your own licence: humaneva.is.tue.mpg.de.
        keypoints: 2D keypoints to use: "gt" or detections, such as "detectron_pt_coco".
        actions: actions to read, such as Walking and Jog; all when it is None.
    """

    def __init__(
        self, root: str, keypoints: str = "gt", actions: Sequence[str] | None = None
    ) -> None:
        self.root = root
        self.keypoints = keypoints
        self.actions = actions

    def read(self) -> PoseSequences:
        """Read and check the files.

        Raises:
            DataError: anything is wrong with them.
        """
        file_3d = Path(self.root) / "data_3d_humaneva15.npz"
        file_2d = Path(self.root) / f"data_2d_humaneva15_{self.keypoints}.npz"
        poses = entry(load_npz(file_3d), "positions_3d", file_3d.name)
        contents_2d = load_npz(file_2d)
        flat = entry(contents_2d, "positions_2d", file_2d.name)
        wanted = _SPLITS["train"] + _SPLITS["test"]
        if missing := [subject for subject in wanted if subject not in poses]:
            raise DataError(
                f"{file_3d.name} lacks {', '.join(missing)}: all of {', '.join(wanted)} are needed."
            )
        if _is_coco(contents_2d, file_2d.name):
            flat = {subject: from_coco(flat.get(subject, {}), file_2d.name) for subject in wanted}
        used = {subject: poses[subject] for subject in wanted}
        views = [
            replace(view, action=f"{view.action} {view.subject.split('/')[1]}")
            for view in read_views(used, flat, humaneva_cameras(), 60.0, file_2d.name)
            if self.actions is None or view.action in self.actions
        ]
        return assemble(views, HUMANEVA15, _SPLITS, f"HumanEva-I ({self.keypoints} 2D)")


@cache
def humaneva_cameras() -> dict[str, tuple[Camera, ...]]:
    """Subject, such as `Train/S1` -> its cameras C1, C2 and C3."""
    calibration = yaml.safe_load(_CALIBRATION.read_text())
    unknown = float("nan")
    return {
        f"{split}/{subject}": tuple(
            Camera(
                id=lens["id"],
                width=640,
                height=480,
                center=tuple(lens["center"]),
                focal=tuple(lens["focal"]),
                radial=(unknown, unknown, unknown),
                tangential=(unknown, unknown),
                orientation=tuple(pose["orientation"]),
                translation=tuple(np.divide(pose["translation"], 1000).tolist()),
            )
            for lens, pose in zip(calibration["intrinsics"], poses, strict=True)
        )
        for split in ("Train", "Validate")
        for subject, poses in calibration["extrinsics"].items()
    }


def _is_coco(contents: Mapping[str, Any], name: str) -> bool:
    metadata = contents.get("metadata")
    layout = metadata.get("layout_name") if isinstance(metadata, dict) else None
    if not isinstance(layout, str) or layout not in ("humaneva15", "coco"):
        other = repr(layout) if is_name(layout) else "unnamed"
        raise DataError(
            f"{name} holds keypoints in the {other} joint order, but "
            "'humaneva15' or 'coco' is needed, named by metadata['layout_name']."
        )
    return layout == "coco"


# keypoints that each joint is midway between: hips for the pelvis, shoulders for the thorax, ears
# for the head
_MIDWAY = (
    *((11, 12), (5, 6), (5,), (7,), (9,), (6,), (8,), (10,)),
    *((11,), (13,), (15,), (12,), (14,), (16,), (3, 4)),
)


def from_coco(takes: Mapping[str, Any], name: str) -> dict[str, list[Float32]]:
    """Convert a subject's detections to the 15 joints.

    Args:
        takes: take -> one (F, 17, C) for each camera; all C columns are averaged, scores too.
        name: name of the file, for messages.

    Returns:
        Take -> one (F, 15, C) for each camera.

    Raises:
        DataError: a take is not a list of such arrays.
    """
    joined: dict[str, list[Float32]] = {}
    for take, seen in takes.items():
        if not isinstance(seen, list | tuple | np.ndarray) or getattr(seen, "ndim", 1) == 0:
            raise DataError(
                f"{name}, action {take!r}: a list of one array for each camera is needed."
            )
        for pixels in seen:
            flat = as_array(pixels, f"{name}, action {take!r}")
            if flat.shape[1] != 17:
                raise DataError(
                    f"{name}, action {take!r}: {flat.shape[1]} keypoints, but COCO's 17 are needed."
                )
            middles = [flat[:, list(between)].mean(axis=1) for between in _MIDWAY]
            joined.setdefault(take, []).append(np.stack(middles, axis=1))
    return joined
