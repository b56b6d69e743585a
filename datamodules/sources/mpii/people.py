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
# a person on two pixels would be seen in nothing
_SMALLEST_SCALE, _LARGEST_SCALE = 0.01, 100


@dataclass(frozen=True)
class Person:
    """A person in an image, in its pixels, counted from 1."""

    image: str
    centre: tuple[float, float]
    scale: float
    joints: list[tuple[float, float]]
    known: list[bool]


def read_people(path: Path) -> list[Person]:
    """Those people of an annotation file who have a centre and a joint.

    Raises:
        DataError: there is no such file, it is no JSON, or a field is missing or wrong.
    """
    held = load_json(path)
    if not isinstance(held, list) or not held:
        raise DataError(f"{path} holds no list of people.")
    people = [_person(entry, f"{path}, person {number}") for number, entry in enumerate(held)]
    kept = [person for person in people if person.centre != (-1, -1) and any(person.known)]
    if not kept:
        raise DataError(f"{path} has nobody with a centre and a joint.")
    return kept


def _person(entry: Any, where: str) -> Person:  # noqa: ANN401
    if not isinstance(entry, dict):
        raise DataError(f"{where}: fields are needed, not {type(entry).__name__}.")
    image: Any = entry.get("image")
    if not is_name(image) or image != Path(image).name or not image.endswith(".jpg"):
        raise DataError(f"{where}: `image` is not the name of a .jpg file.")
    scale, joints = entry.get("scale"), entry.get("joints")
    if not _is_number(scale) or not _SMALLEST_SCALE <= scale < _LARGEST_SCALE:
        raise DataError(
            f"{where}: `scale` is not a number between {_SMALLEST_SCALE} and {_LARGEST_SCALE}."
        )
    if not isinstance(joints, list) or len(joints) != _JOINTS:
        raise DataError(f"{where}: `joints` is not a list of {_JOINTS}.")
    visible = entry.get("joints_vis")
    if (
        not isinstance(visible, list)
        or len(visible) != _JOINTS
        or not all(_is_number(mark) and mark in (0, 1) for mark in visible)
    ):
        raise DataError(f"{where}: `joints_vis` is not a list of {_JOINTS} marks of 0 or 1.")
    return Person(
        image=image,
        centre=_point(entry.get("center"), f"{where}: `center`"),
        scale=float(scale),
        joints=[_point(joint, f"{where}: a joint") for joint in joints],
        known=[bool(mark) for mark in visible],
    )


def _point(held: Any, what: str) -> tuple[float, float]:  # noqa: ANN401
    if not isinstance(held, list) or len(held) != 2 or not all(map(_is_number, held)):
        raise DataError(f"{what} is not an x and a y in pixels.")
    x, y = map(float, held)
    return x, y


def _is_number(held: Any) -> TypeGuard[float]:  # noqa: ANN401
    # large integers turn into no float
    return type(held) in (int, float) and -_LARGEST < held < _LARGEST and isfinite(held)
