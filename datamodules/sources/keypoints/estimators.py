"""The JSON that 2D estimators write: COCO results, AlphaPose, OpenPose and MMPose."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.reading.checks import LONGEST_NAME
from datamodules.sources.keypoints.clip import (
    MOST_PEOPLE,
    Clip,
    Person,
    flat_person,
    frame_numbers,
    is_number,
    person,
)
from poseproof.errors import DataError

_LARGEST_ID = 1e15  # of an image or a frame


def read_coco_results(path: Path, held: list[Any]) -> Clip:
    """Read a list of `image_id`, `keypoints` (51 numbers) and `score`.

    In a clip, `image_id` is a frame's number. AlphaPose has the image's name there, whose last
    number it is. Other fields (`category_id`, `bbox`, AlphaPose's `box` and `idx`) are not read.

    Args:
        path: for messages.
        held: what the file holds.

    Raises:
        DataError: a field is missing or wrong.
    """
    found: dict[int | str, list[Person]] = {}
    for number, entry in enumerate(held):
        where = f"{path}, entry {number}"
        if not isinstance(entry, dict) or "keypoints" not in entry:
            raise DataError(f"{where}: a person with `image_id` and `keypoints` is needed.")
        image = _image(entry.get("image_id"), where)
        people = found.setdefault(image, [])
        people.append(flat_person(entry["keypoints"], entry.get("score"), (17,), where))
        if len(people) > MOST_PEOPLE:
            raise DataError(f"{path} has more than {MOST_PEOPLE} people in one frame.")
    names = [image for image in found if isinstance(image, str)]
    if names and len(names) < len(found):
        raise DataError(f"{path} names some images and numbers others: do one of both.")
    numbers = frame_numbers(names, str(path))
    people_by_frame = {
        numbers[image] if isinstance(image, str) else image: people
        for image, people in found.items()
    }
    return Clip("AlphaPose's list" if names else "COCO results", people_by_frame, "coco")


def _image(held: Any, where: str) -> int | str:  # noqa: ANN401
    if type(held) is int and 0 <= held < _LARGEST_ID:
        return held
    if isinstance(held, str) and 0 < len(held) <= LONGEST_NAME and held.isprintable():
        return held
    raise DataError(f"{where}: `image_id` is neither a frame's number nor an image's name.")


# where the 17 of COCO stand among OpenPose's joints. Its neck and its mid hip (BODY_25) are not
# read: its training data have the middle of the shoulders and of the hips there.
_BODY_25 = [0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11]
_COCO_18 = [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]
_JOINTS = {25: _BODY_25, 18: _COCO_18}
# the list of people, and the field of each
_FIELDS = {"people": "pose_keypoints_2d", "bodies": "joints"}


def is_openpose_frame(held: Any) -> bool:  # noqa: ANN401
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
    if not is_openpose_frame(held):
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


_LAYOUTS = {"coco": "coco", "h36m": "h36m", "human36m": "h36m"}


def is_mmpose_person(held: Any) -> bool:  # noqa: ANN401
    """Whether it is a person as MMPose writes it."""
    return isinstance(held, dict) and "keypoint_scores" in held


def is_mmpose_frame(held: Any) -> bool:  # noqa: ANN401
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
    if not any(map(is_mmpose_frame, held)):
        return Clip("MMPose", {0: _people(held, str(path))}, layout)
    people: dict[int, list[Person]] = {}
    for number, frame in enumerate(held):
        where = f"{path}, entry {number}"
        if not is_mmpose_frame(frame) or not _is_new(frame.get("frame_id"), people):
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
    if not is_mmpose_person(entry):
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
