"""One person out of all that are seen in a clip, followed by how boxes overlap."""

from dataclasses import dataclass, field
from math import gcd

import numpy as np
from numpy.typing import NDArray

from datamodules.sources.keypoints.clip import Clip, Person, seen
from poseproof.errors import DataError

# overlap of two boxes above which they belong to one person
_OVERLAP = 0.3
# frames for which a person may be hidden
_HIDDEN = 30
# a person and the box around them: least x, y, largest x, y
Boxed = tuple[Person, NDArray[np.float64]]


@dataclass
class _Track:
    people: dict[int, Person] = field(default_factory=dict)
    box: NDArray[np.float64] = field(default_factory=lambda: np.zeros(4))
    last: int = 0

    def add(self, place: int, person: Person, box: NDArray[np.float64]) -> None:
        self.people[place], self.box, self.last = person, box, place

    @property
    def score(self) -> float:
        return sum(person.score for person in self.people.values())


def one_person(clip: Clip, min_score: float) -> tuple[NDArray[np.int64], NDArray[np.float64], str]:
    """Follow people over the frames by how their boxes overlap, and choose one of them.

    The chosen person has the largest sum of scores: who is seen for long, and clearly. Frames
    that are numbered in steps, such as 0, 5, 10, follow each other.

    Args:
        clip: people of every frame.
        min_score: least score of a joint that counts as seen.

    Returns:
        Frame numbers (F,), from the first to the last that shows the person; keypoints (F, J, 3)
        with scores of 0 where the person is not seen; and a sentence about the choice.

    Raises:
        DataError: nobody has a joint that counts as seen.
    """
    numbers = sorted(clip.people)
    step = gcd(*(number - numbers[0] for number in numbers)) or 1
    tracks: list[_Track] = []
    near: list[_Track] = []
    for number in numbers:
        place = (number - numbers[0]) // step
        near = [track for track in near if place - track.last <= _HIDDEN]
        begun = _continue(near, _boxed(clip.people[number], min_score), place)
        near += begun
        tracks += begun
    if not tracks:
        raise DataError(
            f"No joint of the clip has a score of {min_score:g} or more: set "
            "--data.init_args.min_score lower."
        )
    chosen = max(tracks, key=lambda track: track.score)
    first = min(chosen.people)
    count = chosen.last - first + 1
    joints = next(iter(chosen.people.values())).keypoints.shape[0]
    keypoints = np.zeros((count, joints, 3))
    for place, person in chosen.people.items():
        keypoints[place - first] = person.keypoints
    frames = numbers[0] + step * (first + np.arange(count))
    most = max(map(len, clip.people.values()))
    note = (
        f"The person seen in {len(chosen.people)} of the {len(numbers)} frames, from {frames[0]} "
        f"to {frames[-1]}, is lifted"
    )
    if most > 1:
        note += (
            f": of up to {most} people in a frame, followed by how their boxes overlap, the one "
            "with the largest sum of scores"
        )
    return frames, keypoints, f"{note}."


def _continue(near: list[_Track], people: list[Boxed], place: int) -> list[_Track]:
    """Add people to the tracks that they overlap most, and begin new ones for the others."""
    left = dict(enumerate(people))
    if near and people:
        boxes = np.stack([track.box for track in near]), np.stack([box for _, box in people])
        overlaps = _overlaps_of(*boxes)
        order = np.argsort(-overlaps, axis=None, kind="stable")
        for row, column in zip(*np.unravel_index(order, overlaps.shape), strict=True):
            if overlaps[row, column] < _OVERLAP:
                break
            if column in left and near[row].last < place:
                near[row].add(place, *left.pop(int(column)))
    begun = [_Track() for _ in left]
    for track, (person, box) in zip(begun, left.values(), strict=True):
        track.add(place, person, box)
    return begun


def _boxed(people: list[Person], min_score: float) -> list[Boxed]:
    """Find boxes around the middle four fifths of the joints of people who are seen.

    One joint that is far off would otherwise make another person of them.
    """
    places = [each.keypoints[seen(each.keypoints, min_score), :2] for each in people]
    return [
        (each, np.percentile(at, (10, 90), axis=0).ravel())
        for each, at in zip(people, places, strict=True)
        if len(at)
    ]


def _overlaps_of(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the intersection over union (A, B) of boxes (A, 4) and (B, 4).

    A box is the least x, the least y, the largest x and the largest y.
    """
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = (high - low).clip(0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (one, other)]
    union = areas[0][:, None] + areas[1][None] - shared
    return shared / np.maximum(union, 1e-9)
