"""What every reader of 2D keypoints hands over: the people of every frame, checked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from poseproof.errors import DataError

LARGEST = 1e6  # pixels, and any score
MOST_PEOPLE = 100  # in a frame
# digits of a frame's number
_LONGEST = 15
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Person:
    """A person in a frame.

    Attributes:
        keypoints: (J, 3) float64: x and y in pixels and a score, which is 0 where a joint is
            missing.
        score: of the person; the mean of the joints' where the file gives none.
    """

    keypoints: NDArray[np.float64]
    score: float


@dataclass(frozen=True)
class Clip:
    """What a file, or a folder of them, holds.

    Attributes:
        format: what it is, in words.
        people: frame number -> the people in that frame, all of J joints.
        layout: which joints: "coco" or "h36m" where the file says so.
        image_size: width and height in pixels, where the file says so.
        fps: frames a second, where the file says so.
    """

    format: str
    people: dict[int, list[Person]]
    layout: str | None = None
    image_size: tuple[int, int] | None = None
    fps: float | None = None


def is_number(held: Any) -> TypeGuard[float]:  # noqa: ANN401
    """Whether it is a finite number of a reasonable size."""
    # large integers turn into no float
    return type(held) in (int, float) and -LARGEST < held < LARGEST


def flat_person(
    held: Any,  # noqa: ANN401
    score: Any,  # noqa: ANN401
    joints: Iterable[int],
    where: str,
) -> Person:
    """A person of a flat list: x, y and score of one joint after the other.

    Args:
        held: the list.
        score: of the person; none where the file has none.
        joints: how many there may be.
        where: for messages.

    Raises:
        DataError: another number of joints, or what is no number.
    """
    if not isinstance(held, list) or len(held) not in [3 * count for count in joints]:
        counts = " or ".join(str(3 * count) for count in joints)
        found = f"{len(held)} of them" if isinstance(held, list) else type(held).__name__
        raise DataError(
            f"{where}: {counts} numbers are needed, an x, a y and a score for each joint, and not "
            f"{found}."
        )
    if not all(map(is_number, held)) or not (score is None or is_number(score)):
        raise DataError(f"{where}: a coordinate or a score is no finite number below a million.")
    return person(np.array(held, np.float64).reshape(-1, 3), score)


def person(keypoints: NDArray[np.float64], score: float | None = None) -> Person:
    """A person of (J, 3) keypoints; scores below 0 say that a joint is missing."""
    keypoints[:, 2] = keypoints[:, 2].clip(0)
    return Person(keypoints, float(keypoints[:, 2].mean() if score is None else score))


def seen(keypoints: NDArray[np.float64], min_score: float) -> NDArray[np.bool_]:
    """Which of (..., J, 3) keypoints are there, with such a score: (..., J)."""
    return keypoints[..., 2] >= max(min_score, np.finfo(np.float64).tiny)


def frame_numbers(names: Iterable[str], where: str) -> dict[str, int]:
    """Name of an image or a file -> the last number in it, or 0 if there is but one name.

    Raises:
        DataError: a name without a number, or two with the same.
    """
    names = list(dict.fromkeys(names))
    if len(names) == 1:
        return {names[0]: int((_NUMBER.findall(names[0]) or ["0"])[-1][-_LONGEST:])}
    found = {name: _NUMBER.findall(name) for name in names}
    numbers = {name: int(each[-1][-_LONGEST:]) for name, each in found.items() if each}
    if len(set(numbers.values())) < len(names):
        raise DataError(
            f"{where}: the images' names do not number the frames of one clip: name them by frame, "
            "such as 000012.jpg, one clip a file."
        )
    return numbers
