"""A user's own clip: one person's keypoints in Human3.6M's joints."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.cameras import normalize_screen, unknown_camera
from datamodules.sequences import PoseSequences, Segment
from datamodules.skeletons import H36M17
from datamodules.sources.keypoints.clip import seen
from datamodules.sources.keypoints.one_person import one_person
from datamodules.sources.keypoints.read import read_clip
from datamodules.sources.keypoints.to_h36m import filled, from_coco, looks_like_h36m
from poseproof.errors import DataError


@dataclass(frozen=True)
class OwnClip:
    """One person's 2D keypoints in Human3.6M's joints.

    Attributes:
        title: name of the file, and its format.
        frames: (F,) numbers of the frames in the file.
        keypoints: (F, 17, 2) pixels, every joint in every frame.
        image_size: width and height in pixels.
        fps: frames per second, where the file states them.
        notes: a sentence about everything that was chosen, filled in or guessed.
    """

    title: str
    frames: NDArray[np.int64]
    keypoints: NDArray[np.float64]
    image_size: tuple[int, int]
    fps: float | None
    notes: tuple[str, ...]

    def sequences(self) -> PoseSequences:
        """Convert to the form that protocols and methods take, without 3D truth."""
        camera = unknown_camera(*self.image_size)
        screen = normalize_screen(torch.from_numpy(self.keypoints), camera).float().numpy()
        count = len(self.frames)
        return PoseSequences(
            keypoints=screen,
            joints=np.zeros((count, len(H36M17.joints), 3), np.float32),
            segments=(Segment(0, count, "person", "clip", "clip", camera, self.fps or 50.0),),
            skeleton=H36M17,
            title=self.title,
            has_joints=False,
        )


def read_own_clip(
    path: Path, image_size: tuple[int, int] | None, layout: str | None, min_score: float
) -> OwnClip:
    """Read a file, choose a person, fill in missing joints, and convert to Human3.6M's joints.

    Args:
        path: a file, or a folder of one file for each frame.
        image_size: width and height in pixels; those of the file when None, or else an estimate.
        layout: "coco" or "h36m"; that of the file when None, or else COCO.
        min_score: least score of a joint that counts as seen.

    Raises:
        DataError: anything is wrong with the file, or it contradicts what is given.
    """
    clip = read_clip(path)
    for what, stated, given in (
        ("its joints", clip.layout, layout),
        ("its image size", clip.image_size, image_size),
    ):
        if stated and given and stated != given:
            raise DataError(
                f"{path} states {what}, {stated}, but {given} is given: leave the option out."
            )
    frames, keypoints, note = one_person(clip, min_score)
    notes = [note]
    there = keypoints[seen(keypoints, min_score)][:, :2]
    size = image_size or clip.image_size
    if size is None:
        size = estimated_size(there)
        notes.append(
            f"The size of the image is unknown and taken for {size[0]} x {size[1]}, the smallest "
            "of a video that contains all keypoints: give it with --data.init_args.image_size."
        )
    check_size(size, there)
    order = layout or clip.layout or "coco"
    points, share = filled(keypoints, order, min_score)
    if share:
        notes.append(
            f"{share:.1%} of the joints were missing or had a score below {min_score:g}: "
            "they are interpolated between the frames before and after."
        )
    if not (layout or clip.layout) and looks_like_h36m(points):
        raise DataError(
            f"{path} does not state its joint layout, and its first five joints, a face in COCO's "
            "order, are spread like Human3.6M's hip and leg: set --data.init_args.layout to h36m "
            "or coco."
        )
    return OwnClip(
        title=f"{path.name} ({clip.format})",
        frames=frames,
        keypoints=from_coco(points) if order == "coco" else points,
        image_size=size,
        fps=clip.fps,
        notes=tuple(notes),
    )


# sizes of videos, width and height, small to large; portrait is common too
_COMMON = ((320, 240), (640, 360), (640, 480), (854, 480), (1280, 720), (1920, 1080))
_LARGE = ((2560, 1440), (3840, 2160), (7680, 4320))
_SMALLEST, _LARGEST = 16, 32_768


def estimated_size(points: NDArray[np.float64]) -> tuple[int, int]:
    """Estimate the size of the image that keypoints are in: the smallest common size of a video.

    Args:
        points: (N, 2) pixels.

    Raises:
        DataError: no common size contains the points, or they are not pixels.
    """
    _check_pixels(points)
    either = [size for pair in (*_COMMON, *_LARGE) for size in (pair, pair[::-1])]
    reach = points.max(axis=0)
    for width, height in sorted(either, key=lambda size: size[0] * size[1]):
        if reach[0] <= width and reach[1] <= height:
            return width, height
    raise DataError(
        f"The keypoints reach {reach[0]:.0f}, {reach[1]:.0f}, beyond any common video: give the "
        "size of the image with --data.init_args.image_size '[width, height]'."
    )


def check_size(size: tuple[int, int], points: NDArray[np.float64]) -> None:
    """Check that keypoints are pixels of an image of this size.

    Args:
        size: width and height in pixels.
        points: (N, 2) pixels.

    Raises:
        DataError: the points are not pixels of it, or no image has this size.
    """
    if not all(_SMALLEST <= side <= _LARGEST for side in size):
        raise DataError(
            f"An image of {size[0]} x {size[1]} pixels is not possible: give width and height, "
            f"{_SMALLEST} to {_LARGEST}."
        )
    _check_pixels(points)
    outside = ((points < -np.array(size)) | (points > 2 * np.array(size))).any(axis=1).mean()
    if outside > 0.01:
        raise DataError(
            f"{outside:.0%} of the keypoints lie far outside the {size[0]} x {size[1]} image: give "
            "pixels of that image, or the right size."
        )


def _check_pixels(points: NDArray[np.float64]) -> None:
    if np.ptp(points, axis=0).max() < 4:
        raise DataError(
            "All keypoints lie within 4 pixels: they look normalised, but pixels of the image are "
            "needed."
        )
