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


def read_coco_results(path: Path, entries: list[Any]) -> Clip:
    """Read COCO results: a list of `image_id`, `keypoints` (51 numbers) and `score`.

    In a clip, `image_id` is the number of a frame. AlphaPose writes the name of the image instead,
    whose last number counts. Other fields (`category_id`, `bbox`, AlphaPose's `box` and `idx`) are
    not read.

    Args:
        path: path of the file, for messages.
        entries: contents of the file.

    Raises:
        DataError: a field is missing or wrong.
    """
    found: dict[int | str, list[Person]] = {}
    for number, entry in enumerate(entries):
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
        raise DataError(f"{path} names some images and numbers others: name all or number all.")
    numbers = frame_numbers(names, str(path))
    people_by_frame = {
        numbers[image] if isinstance(image, str) else image: people
        for image, people in found.items()
    }
    return Clip("AlphaPose's list" if names else "COCO results", people_by_frame, "coco")


def _image(image_id: Any, where: str) -> int | str:  # noqa: ANN401
    if type(image_id) is int and 0 <= image_id < _LARGEST_ID:
        return image_id
    if isinstance(image_id, str) and 0 < len(image_id) <= LONGEST_NAME and image_id.isprintable():
        return image_id
    raise DataError(
        f"{where}: `image_id` is neither the number of a frame nor the name of an image."
    )


# OpenPose's joint for each of COCO's 17. Its neck and its mid hip (BODY_25) are not read: in its
# training data they are the middle of the shoulders and of the hips.
_BODY_25 = [0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11]
_COCO_18 = [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]
_JOINTS = {25: _BODY_25, 18: _COCO_18}
# key of the list of people -> field of a person's keypoints
_FIELDS = {"people": "pose_keypoints_2d", "bodies": "joints"}


def is_openpose_frame(value: Any) -> bool:  # noqa: ANN401
    """Whether a value is a frame of OpenPose, or of AlphaPose's formats `open` and `cmu`."""
    return isinstance(value, dict) and any(key in value for key in _FIELDS)


def read_openpose(path: Path, frames: Mapping[str, Any]) -> Clip:
    """Read frames of `people` with `pose_keypoints_2d`, or of `bodies` with `joints`.

    The number of joints tells BODY_25 from COCO's 18; (0, 0) with a score of 0 marks a missing
    joint. Faces and hands are not read. The number of a frame is the last one in its name.

    Args:
        path: path of the file or folder, for messages.
        frames: name of a file or an image -> its contents.

    Raises:
        DataError: a field is missing or wrong.
    """
    names = {name: Path(name).stem.removesuffix("_keypoints") for name in frames}
    numbers = frame_numbers(names.values(), str(path))
    people = {
        numbers[names[name]]: _frame(contents, f"{path}, {name[:100]!a}")
        for name, contents in frames.items()
    }
    return Clip("OpenPose's frames", people, "coco")


def _frame(frame: Any, where: str) -> list[Person]:  # noqa: ANN401
    if not is_openpose_frame(frame):
        raise DataError(f"{where}: a list of `people` is needed, as OpenPose writes it.")
    key = next(key for key in _FIELDS if key in frame)
    entries = frame[key]
    if not isinstance(entries, list) or len(entries) > MOST_PEOPLE:
        raise DataError(f"{where}: `{key}` is not a list of up to {MOST_PEOPLE} people.")
    people = []
    for entry in entries:
        if not isinstance(entry, dict) or _FIELDS[key] not in entry:
            raise DataError(f"{where}: a person has no `{_FIELDS[key]}`.")
        whole = flat_person(entry[_FIELDS[key]], None, _JOINTS, where).keypoints
        people.append(person(np.ascontiguousarray(whole[_JOINTS[len(whole)]])))
    return people


_LAYOUTS = {"coco": "coco", "h36m": "h36m", "human36m": "h36m"}


def is_mmpose_person(value: Any) -> bool:  # noqa: ANN401
    """Whether a value is a person in the format of MMPose."""
    return isinstance(value, dict) and "keypoint_scores" in value


def is_mmpose_frame(value: Any) -> bool:  # noqa: ANN401
    """Whether a value is a frame of a video in the format of MMPose."""
    return isinstance(value, dict) and "instances" in value


def read_mmpose(path: Path, contents: list[Any] | dict[str, Any]) -> Clip:
    """Read `instance_info`, or that list itself: frames of a video, or the people of one image.

    The files are those of MMPose's demos and of its Inferencer (1.x). A frame has `frame_id` and
    `instances`; a person has `keypoints` (17 of x, y), `keypoint_scores` and optionally
    `bbox_score`. The `dataset_name` of `meta_info` states the joint layout.

    Args:
        path: path of the file, for messages.
        contents: contents of the file.

    Raises:
        DataError: a field is missing or wrong.
    """
    layout = None
    if isinstance(contents, dict):
        meta = contents.get("meta_info")
        name = meta.get("dataset_name") if isinstance(meta, dict) else None
        layout = _LAYOUTS.get(name) if isinstance(name, str) else None
        contents = contents["instance_info"]
    if not isinstance(contents, list):
        raise DataError(f"{path}: `instance_info` is not a list: write the file again.")
    if not any(map(is_mmpose_frame, contents)):
        return Clip("MMPose", {0: _people(contents, str(path))}, layout)
    people: dict[int, list[Person]] = {}
    for number, frame in enumerate(contents):
        where = f"{path}, entry {number}"
        if not is_mmpose_frame(frame) or not _is_new(frame.get("frame_id"), people):
            raise DataError(
                f"{where}: a frame is needed, with a `frame_id` of its own and `instances`."
            )
        people[frame["frame_id"]] = _people(frame["instances"], where)
    return Clip("MMPose", people, layout)


def read_mmpose_images(path: Path, frames: Mapping[str, Any]) -> Clip:
    """Read a folder of one file for each image, as MMPose's Inferencer writes it.

    Args:
        path: path of the folder, for messages.
        frames: name of a file -> its contents.

    Raises:
        DataError: a field is missing or wrong.
    """
    numbers = frame_numbers((Path(name).stem for name in frames), str(path))
    people = {
        numbers[Path(name).stem]: _people(contents, f"{path}, {name[:100]!a}")
        for name, contents in frames.items()
    }
    return Clip("MMPose", people)


def _is_new(frame_id: Any, taken: Mapping[int, Any]) -> bool:  # noqa: ANN401
    return type(frame_id) is int and 0 <= frame_id < _LARGEST_ID and frame_id not in taken


def _people(entries: Any, where: str) -> list[Person]:  # noqa: ANN401
    if not isinstance(entries, list) or len(entries) > MOST_PEOPLE:
        raise DataError(f"{where}: a list of up to {MOST_PEOPLE} people is needed.")
    return [_person(entry, where) for entry in entries]


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
        raise DataError(f"{where}: a coordinate or a score is not a finite number below a million.")
    return person(np.array(rows, np.float64), score if is_number(score) else None)
