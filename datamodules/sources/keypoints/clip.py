"""The people of every frame of a clip, as the readers of 2D keypoints return them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from poseproof.errors import DataError

LARGEST = 1e6  # pixels, and any score
MOST_PEOPLE = 100  # in a frame
# digits of a frame number
_LONGEST = 15
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Person:
    """A person in a frame.

    Attributes:
        keypoints: (J, 3) float64: x and y in pixels and a score, which is 0 where a joint is
            missing.
        score: score of the person; the mean of the joints' scores where the file gives none.
    """

    keypoints: NDArray[np.float64]
    score: float


@dataclass(frozen=True)
class Clip:
    """The contents of a file of 2D keypoints, or of a folder of such files.

    Attributes:
        format: name of the format, for reports.
        people: frame number -> people in that frame, all with J joints.
        layout: joint layout, "coco" or "h36m", where the file states it.
        image_size: width and height in pixels, where the file states them.
        fps: frames per second, where the file states them.
    """

    format: str
    people: dict[int, list[Person]]
    layout: str | None = None
    image_size: tuple[int, int] | None = None
    fps: float | None = None


def is_number(value: Any) -> TypeGuard[float]:  # noqa: ANN401
    """Whether a value is a finite number below a million."""
    # integers may be too large for a float
    return type(value) in (int, float) and -LARGEST < value < LARGEST


def flat_person(
    numbers: Any,  # noqa: ANN401
    score: Any,  # noqa: ANN401
    joints: Iterable[int],
    where: str,
) -> Person:
    """Read a person from a flat list: x, y and score of one joint after the other.

    Args:
        numbers: the list.
        score: score of the person; None where the file has none.
        joints: permitted numbers of joints.
        where: place in the file, for messages.

    Raises:
        DataError: the list has another length, or a value is not a number.
    """
    if not isinstance(numbers, list) or len(numbers) not in [3 * count for count in joints]:
        counts = " or ".join(str(3 * count) for count in joints)
        found = f"{len(numbers)} of them" if isinstance(numbers, list) else type(numbers).__name__
        raise DataError(
            f"{where}: {counts} numbers are needed, an x, a y and a score for each joint, not "
            f"{found}."
        )
    if not all(map(is_number, numbers)) or not (score is None or is_number(score)):
        raise DataError(
            f"{where}: a coordinate or a score is not a finite number below a million: correct it."
        )
    return person(np.array(numbers, np.float64).reshape(-1, 3), score)


def person(keypoints: NDArray[np.float64], score: float | None = None) -> Person:
    """Make a person.

    Args:
        keypoints: (J, 3) x and y in pixels and a score; a score below 0 marks a missing joint.
        score: score of the person; the mean of the joints' scores when it is None.
    """
    keypoints[:, 2] = keypoints[:, 2].clip(0)
    return Person(keypoints, float(keypoints[:, 2].mean() if score is None else score))


def seen(keypoints: NDArray[np.float64], min_score: float) -> NDArray[np.bool_]:
    """Find the joints that count as seen.

    Args:
        keypoints: (..., J, 3) x and y in pixels and a score.
        min_score: least score of a joint that counts as seen.

    Returns:
        (..., J) mask.
    """
    return keypoints[..., 2] >= max(min_score, np.finfo(np.float64).tiny)


def frame_numbers(names: Iterable[str], where: str) -> dict[str, int]:
    """Find the frame number in each name, which is the last number in it.

    Args:
        names: names of images or files; a single name needs no number.
        where: place of the names, for messages.

    Raises:
        DataError: a name has no number, or two names have the same.
    """
    names = list(dict.fromkeys(names))
    if len(names) == 1:
        return {names[0]: int((_NUMBER.findall(names[0]) or ["0"])[-1][-_LONGEST:])}
    found = {name: _NUMBER.findall(name) for name in names}
    numbers = {name: int(each[-1][-_LONGEST:]) for name, each in found.items() if each}
    if len(set(numbers.values())) < len(names):
        raise DataError(
            f"{where}: the names of the images do not number the frames of one clip: name them by "
            "frame, such as 000012.jpg, one clip a file."
        )
    return numbers
