"""The people of MPII's annotations, checked field by field."""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, TypeGuard

from datamodules.reading.checks import is_name
from datamodules.reading.safe_json import load_json
from poseproof.errors import DataError

_JOINTS = 16
_LARGEST = 1e5  # pixels
# nothing can be seen of a person two pixels high
_SMALLEST_SCALE, _LARGEST_SCALE = 0.01, 100


@dataclass(frozen=True)
class Person:
    """A person in an image, with pixels counted from 1.

    Attributes:
        image: file name of the image.
        centre: x and y of the person's centre.
        scale: height of the person in units of 200 pixels.
        joints: x and y of the 16 joints.
        known: whether each joint is annotated.
    """

    image: str
    centre: tuple[float, float]
    scale: float
    joints: list[tuple[float, float]]
    known: list[bool]


def read_people(path: Path) -> list[Person]:
    """Read the people of an annotation file who have a centre and a joint.

    Args:
        path: JSON file of annotations.

    Raises:
        DataError: the file cannot be read, is not JSON, or has a field that is missing or wrong.
    """
    entries = load_json(path)
    if not isinstance(entries, list) or not entries:
        raise _wrong(f"{path}: a list of people is needed")
    people = [_person(entry, f"{path}, person {number}") for number, entry in enumerate(entries)]
    kept = [person for person in people if person.centre != (-1, -1) and any(person.known)]
    if not kept:
        raise _wrong(f"{path}: nobody has a centre and a joint")
    return kept


def _person(entry: Any, where: str) -> Person:  # noqa: ANN401
    if not isinstance(entry, dict):
        raise _wrong(f"{where}: fields are needed, not {type(entry).__name__}")
    image: Any = entry.get("image")
    if not is_name(image) or image != Path(image).name or not image.endswith(".jpg"):
        raise _wrong(f"{where}: `image` is not the name of a .jpg file")
    scale, joints = entry.get("scale"), entry.get("joints")
    if not _is_number(scale) or not _SMALLEST_SCALE <= scale < _LARGEST_SCALE:
        raise _wrong(
            f"{where}: `scale` is not a number between {_SMALLEST_SCALE} and {_LARGEST_SCALE}"
        )
    if not isinstance(joints, list) or len(joints) != _JOINTS:
        raise _wrong(f"{where}: `joints` is not a list of {_JOINTS}")
    visible = entry.get("joints_vis")
    if (
        not isinstance(visible, list)
        or len(visible) != _JOINTS
        or not all(_is_number(mark) and mark in (0, 1) for mark in visible)
    ):
        raise _wrong(f"{where}: `joints_vis` is not a list of {_JOINTS} marks of 0 or 1")
    return Person(
        image=image,
        centre=_point(entry.get("center"), f"{where}: `center`"),
        scale=float(scale),
        joints=[_point(joint, f"{where}: a joint") for joint in joints],
        known=[bool(mark) for mark in visible],
    )


def _point(value: Any, where: str) -> tuple[float, float]:  # noqa: ANN401
    if not isinstance(value, list) or len(value) != 2 or not all(map(_is_number, value)):
        raise _wrong(f"{where} is not an x and a y in pixels")
    x, y = map(float, value)
    return x, y


def _is_number(value: Any) -> TypeGuard[float]:  # noqa: ANN401
    # integers may be too large for a float
    return type(value) in (int, float) and -_LARGEST < value < _LARGEST and isfinite(value)


def _wrong(why: str) -> DataError:
    return DataError(f"{why}; get HRNet's annotations of MPII again.")
