"""DrawnImages: the pictures of SyntheticImages, drawn on request."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from hashlib import blake2b

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from datamodules.cameras import Camera, normalize_screen, project, world_to_camera
from datamodules.loading.pictures import UInt8, crops_around
from datamodules.sequences import Float32, PoseSequences
from datamodules.sources.synthetic.drawing.brush import paint
from datamodules.sources.synthetic.drawing.person import capsules, make_look
from datamodules.sources.synthetic.drawing.scene import Scene, make_scene

_GRAIN = 3.0  # of the sensor, standard deviation of 255
_NOISE = 1024  # cells of its noise
_NEAREST = 0.1  # metres from the camera


class DrawnImages:
    """Draws the crop of every frame: a scene, and in it the person as shaded capsules.

    A person's look is seeded by (seed, subject), scene and light by (seed, sequence). The picture
    depends on the frame alone, whatever process draws it.

    Args:
        sequences: poses to draw, with roots, of Human3.6M's skeleton.
        seed: seed of everything random.
        background: whether to draw scenes; the background is black otherwise.
    """

    def __init__(self, sequences: PoseSequences, seed: int, background: bool) -> None:
        assert sequences.roots is not None
        self.crops = crops_around(sequences.keypoints)
        self._joints, self._roots = sequences.joints, sequences.roots
        self._segments = sequences.segments
        self._of_frame = sequences.per_frame(range(len(sequences.segments)))
        self._seed, self._background = seed, background
        self._looks = {who: make_look(_stream(seed, who)) for who in sequences.subjects}
        self._scenes: dict[int, tuple[Scene, Float32]] = {}

    def read(self, frames: NDArray[np.int64], size: int) -> UInt8:
        """Draw the crops of frames (B,) as (B, size, size, 3) RGB."""
        of_frame = self._of_frame[frames]
        segments = [self._segments[number] for number in of_frame.tolist()]
        looks = [self._looks[segment.subject] for segment in segments]
        hair = np.array([look.hair for look in looks], np.float32)
        ends = capsules(self._joints[frames] + self._roots[frames, None], hair)
        screen = _projected(ends, [segment.camera for segment in segments])
        crops = self.crops[frames]
        corners = crops[:, :2] - crops[:, 2:] / 2
        # pixels of the crop in a unit of the screen; and in a metre, at a distance
        zooms = size / crops[:, 2]
        lenses = zooms * [2 * np.mean(s.camera.focal) / s.camera.width for s in segments]
        places = (screen - corners[:, None, None]) * zooms[:, None, None, None]
        depths = np.maximum(ends[..., 2:], _NEAREST)
        scales = (lenses[:, None, None] / depths[..., 0]).astype(np.float32)
        shown = np.concatenate([places, depths], axis=-1).astype(np.float32)

        drawn = np.empty((len(frames), size, size, 3), np.uint8)
        for row, frame in enumerate(frames.tolist()):
            scene, light = self._scene(int(of_frame[row]))
            canvas = np.zeros((3, size, size), np.float32)
            if self._background:
                canvas = scene.draw(crops[row], size)
            radii, scale = looks[row].radii * scales[row], float(scales[row].mean())
            paint(canvas, shown[row], radii, scale, looks[row], light, scene.ambient)
            if self._background:
                canvas *= scene.tint
                canvas += _grain(frame, size)
                np.minimum(np.maximum(canvas, 0, out=canvas), 255, out=canvas)
            drawn[row] = canvas.transpose(1, 2, 0)
            camera = segments[row].camera
            _blacken(drawn[row], crops[row], camera.height / camera.width)
        return drawn

    def fingerprint(self) -> str:
        """The options and the positions of people; the code is part of a run's identity."""
        return repr((self._seed, self._background, self._roots.tobytes()))

    def _scene(self, number: int) -> tuple[Scene, Float32]:
        """A sequence's scene, and the direction towards its light in the camera frame."""
        if number not in self._scenes:
            segment = self._segments[number]
            name = f"{segment.subject}/{segment.take}/{segment.camera.id}"
            scene = make_scene(_stream(self._seed, name))
            ends = torch.from_numpy(np.stack([scene.light, 0 * scene.light])).double()
            tip, origin = world_to_camera(ends, segment.camera).float().numpy()
            self._scenes[number] = scene, tip - origin
        return self._scenes[number]


def _projected(ends: Float32, cameras: Sequence[Camera]) -> NDArray[np.float64]:
    """Project points (B, P, 2, 3) with each frame's camera to (B, P, 2, 2) in [-1, 1]."""
    screen = np.empty((*ends.shape[:-1], 2))
    # points are in the camera frame already, so that only the lens matters
    lenses = [replace(c, id="", orientation=(1, 0, 0, 0), translation=(0, 0, 0)) for c in cameras]
    for lens in dict.fromkeys(lenses):
        rows = [row for row, other in enumerate(lenses) if other == lens]
        points = torch.from_numpy(ends[rows]).double()
        screen[rows] = normalize_screen(project(points, lens), lens).numpy()
    return screen


def _stream(seed: int, name: str) -> Generator:
    digest = blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


@cache
def _noise() -> Float32:
    noise = np.random.default_rng(0).standard_normal((3, _NOISE, _NOISE), np.float32)
    return _GRAIN * noise


def _grain(frame: int, size: int) -> Float32:
    """Sensor noise (3, size, size), cut from another place at every frame."""
    free = _NOISE - size
    top, left = (frame * 7919) % free, (frame * 104729) % free
    return _noise()[:, top : top + size, left : left + size]


def _blacken(crop: UInt8, place: Float32, height: float) -> None:
    """Blacken a crop beyond the edges of its image, whose height is in units of its width."""
    size, (x, y, side) = len(crop), place.tolist()
    for axis, middle, edge in ((1, x, 1.0), (0, y, height)):
        first, last = (((at - middle) / side + 0.5) * size for at in (-edge, edge))
        centres = np.arange(size) + 0.5
        outside = (centres < first) | (centres > last)
        if outside.any():
            np.moveaxis(crop, axis, 0)[outside] = 0
