"""Boxes around people, and how they overlap."""

import numpy as np
from numpy.typing import NDArray

from datamodules.sources.keypoints.clip import Person, seen

Boxed = tuple[Person, NDArray[np.float64]]


def boxed(people: list[Person], min_score: float) -> list[Boxed]:
    """Those of whom a joint is seen, and the boxes of the middle four fifths of their joints.

    One joint that is far off would make another person of them.
    """
    places = [each.keypoints[seen(each.keypoints, min_score), :2] for each in people]
    return [
        (each, np.percentile(at, (10, 90), axis=0).ravel())
        for each, at in zip(people, places, strict=True)
        if len(at)
    ]


def overlaps_of(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union, (A, B), of boxes (A, 4) and (B, 4): least x, y, largest x, y."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = (high - low).clip(0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (one, other)]
    union = areas[0][:, None] + areas[1][None] - shared
    return shared / np.maximum(union, 1e-9)
