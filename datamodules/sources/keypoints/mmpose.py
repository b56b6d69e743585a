"""MMPose's JSON of predictions, of its demos and of its Inferencer (1.x)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.sources.keypoints.clip import (
    MOST_PEOPLE,
    Clip,
    Person,
    frame_numbers,
    is_number,
    person,
)
from poseproof.errors import DataError

_LARGEST_ID = 1e15
_LAYOUTS = {"coco": "coco", "h36m": "h36m", "human36m": "h36m"}


def is_person(held: Any) -> bool:  # noqa: ANN401
    """Whether it is a person as MMPose writes it."""
    return isinstance(held, dict) and "keypoint_scores" in held


def is_frame(held: Any) -> bool:  # noqa: ANN401
    """Whether it is a frame of a video as MMPose writes it."""
    return isinstance(held, dict) and "instances" in held


def read_mmpose(path: Path, held: list[Any] | dict[str, Any]) -> Clip:
    """Read `instance_info`, or that list itself: frames of a video, or the people of one image.

    A frame has `frame_id` and `instances`, a person `keypoints` (17 of x, y) and `keypoint_scores`,
    and perhaps `bbox_score`. `meta_info` says which joints they are in its `dataset_name`.

    Args:
        path: for messages.
        held: what the file holds.

    Raises:
        DataError: a field is missing or wrong.
    """
    layout = None
    if isinstance(held, dict):
        meta = held.get("meta_info")
        name = meta.get("dataset_name") if isinstance(meta, dict) else None
        layout = _LAYOUTS.get(name) if isinstance(name, str) else None
        held = held["instance_info"]
    if not isinstance(held, list):
        raise DataError(f"{path}: `instance_info` is no list.")
    if not any(map(is_frame, held)):
        return Clip("MMPose", {0: _people(held, str(path))}, layout)
    people: dict[int, list[Person]] = {}
    for number, frame in enumerate(held):
        where = f"{path}, entry {number}"
        if not is_frame(frame) or not _is_new(frame.get("frame_id"), people):
            raise DataError(
                f"{where}: a frame is needed, with a `frame_id` of its own and `instances`."
            )
        people[frame["frame_id"]] = _people(frame["instances"], where)
    return Clip("MMPose", people, layout)


def read_mmpose_images(path: Path, frames: Mapping[str, Any]) -> Clip:
    """Read a folder of one file an image, as the Inferencer leaves it; see `read_mmpose`."""
    numbers = frame_numbers((Path(name).stem for name in frames), str(path))
    people = {
        numbers[Path(name).stem]: _people(held, f"{path}, {name[:100]!a}")
        for name, held in frames.items()
    }
    return Clip("MMPose", people)


def _is_new(held: Any, taken: Mapping[int, Any]) -> bool:  # noqa: ANN401
    return type(held) is int and 0 <= held < _LARGEST_ID and held not in taken


def _people(held: Any, where: str) -> list[Person]:  # noqa: ANN401
    if not isinstance(held, list) or len(held) > MOST_PEOPLE:
        raise DataError(f"{where}: no list of up to {MOST_PEOPLE} people.")
    return [_person(entry, where) for entry in held]


def _person(entry: Any, where: str) -> Person:  # noqa: ANN401
    if not is_person(entry):
        raise DataError(f"{where}: a person with `keypoints` and `keypoint_scores` is needed.")
    points, scores, score = (
        entry.get(key) for key in ("keypoints", "keypoint_scores", "bbox_score")
    )
    if (
        not isinstance(points, list)
        or not isinstance(scores, list)
        or len(points) != 17
        or len(scores) != 17
        or not all(isinstance(point, list) and len(point) == 2 for point in points)
    ):
        raise DataError(f"{where}: 17 `keypoints` of x and y and 17 `keypoint_scores` are needed.")
    rows = [[*point, each] for point, each in zip(points, scores, strict=True)]
    if not all(is_number(number) for row in rows for number in row):
        raise DataError(f"{where}: a coordinate or a score is no finite number below a million.")
    return person(np.array(rows, np.float64), score if is_number(score) else None)
