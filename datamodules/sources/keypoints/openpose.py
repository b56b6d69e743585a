"""OpenPose's JSON of a frame, and AlphaPose's two formats that are made after it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.sources.keypoints.clip import (
    MOST_PEOPLE,
    Clip,
    Person,
    flat_person,
    frame_numbers,
    person,
)
from poseproof.errors import DataError

# where the 17 of COCO stand among OpenPose's joints. Its neck and its mid hip (BODY_25) are not
# read: its training data have the middle of the shoulders and of the hips there.
_BODY_25 = [0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11]
_COCO_18 = [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]
_JOINTS = {25: _BODY_25, 18: _COCO_18}
# the list of people, and the field of each
_FIELDS = {"people": "pose_keypoints_2d", "bodies": "joints"}


def is_frame(held: Any) -> bool:  # noqa: ANN401
    """Whether it is one frame of OpenPose's, or of AlphaPose's `open` or `cmu`."""
    return isinstance(held, dict) and any(key in held for key in _FIELDS)


def read_openpose(path: Path, frames: Mapping[str, Any]) -> Clip:
    """Read frames of `people` with `pose_keypoints_2d`, or `bodies` with `joints`.

    Joints are BODY_25's or COCO's 18, told by how many there are; (0, 0) with a score of 0 is
    missing. Faces and hands are not read. A frame's number is the last one in its name.

    Args:
        path: for messages.
        frames: file or image name -> what it holds.

    Raises:
        DataError: a field is missing or wrong.
    """
    names = {name: Path(name).stem.removesuffix("_keypoints") for name in frames}
    numbers = frame_numbers(names.values(), str(path))
    people = {
        numbers[names[name]]: _frame(held, f"{path}, {name[:100]!a}")
        for name, held in frames.items()
    }
    return Clip("OpenPose's frames", people, "coco")


def _frame(held: Any, where: str) -> list[Person]:  # noqa: ANN401
    if not is_frame(held):
        raise DataError(f"{where}: no `people` are there, as OpenPose writes them.")
    key = next(key for key in _FIELDS if key in held)
    entries = held[key]
    if not isinstance(entries, list) or len(entries) > MOST_PEOPLE:
        raise DataError(f"{where}: `{key}` is no list of up to {MOST_PEOPLE} people.")
    people = []
    for entry in entries:
        if not isinstance(entry, dict) or _FIELDS[key] not in entry:
            raise DataError(f"{where}: a person without `{_FIELDS[key]}`.")
        whole = flat_person(entry[_FIELDS[key]], None, _JOINTS, where).keypoints
        people.append(person(np.ascontiguousarray(whole[_JOINTS[len(whole)]])))
    return people
