"""COCO's results format, a flat list of people; AlphaPose's is the same with images by name."""

from pathlib import Path
from typing import Any

from datamodules.reading.labels import LONGEST_NAME
from datamodules.sources.keypoints.clip import (
    MOST_PEOPLE,
    Clip,
    Person,
    flat_person,
    frame_numbers,
)
from poseproof.errors import DataError

_LARGEST_ID = 1e15


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
