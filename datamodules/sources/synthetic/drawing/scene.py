"""Scene: the background of a person and its light, one for every sequence."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator

from datamodules.sequences import Float32
from datamodules.sources.synthetic.drawing.person import mottle

_CELLS = 512  # of a texture, which repeats
_SHIFT = 4  # bits of a pixel's fraction in OpenCV's coordinates
# how the power of a texture falls: fine grain, cloth or leaves, clouds
_FALLS = (0.7, 1.2, 1.8)


@dataclass(frozen=True)
class Scene:
    """A scene, in the image's own units: [-1, 1] by its width.

    Attributes:
        colours: (3, 3) at one end, at the other and of the texture, 0 to 255.
        slope: (2,) along which the first colour turns into the second.
        texture: which one, how strong (0 to 1), and its cells a unit.
        shapes: convex polygons (N, 2) with their colours, far to near.
        light: (3,) unit vector towards the light, world frame, z up.
        ambient: how bright is what the light does not reach, of 0 to 1.
        tint: (3, 1, 1) the colour of the light, about 1.
    """

    colours: np.ndarray
    slope: np.ndarray
    texture: tuple[int, float, float]
    shapes: list[tuple[np.ndarray, tuple[float, ...]]]
    light: Float32
    ambient: float
    tint: Float32

    def draw(self, crop: Float32, size: int) -> Float32:
        """The scene in a crop (x, y, side), as (3, size, size) from 0 to 255."""
        x, y, side = crop.tolist()
        cell = side / size
        rows = y - side / 2 + cell * (np.arange(size, dtype=np.float32) + 0.5)
        columns = x - side / 2 + cell * (np.arange(size, dtype=np.float32) + 0.5)
        across, down = self.slope.tolist()
        share = (0.5 + down * rows[:, None] + across * columns).clip(0, 1)
        first, second, third = self.colours.astype(np.float32)
        canvas = (first + share[..., None] * (second - first)).astype(np.uint8)
        corner = np.array([x - side / 2, y - side / 2])
        for shape, colour in self.shapes:
            points = ((shape - corner) / cell).clip(-999, 999 + size) * (1 << _SHIFT)
            cv2.fillConvexPoly(canvas, points.astype(np.int32), colour, cv2.LINE_AA, _SHIFT)
        kind, strength, density = self.texture
        # a crop's first pixel, and the step from pixel to pixel, in cells of the texture
        step = density * cell
        start = ((corner + 4) * density + step / 2) % _CELLS
        matrix = np.array([[step, 0, start[0]], [0, step, start[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        noise = cv2.warpAffine(_texture(kind), matrix, (size, size), flags=flags)
        picture = np.array(canvas.transpose(2, 0, 1), np.float32, order="C")
        picture += (strength * noise) * (third[:, None, None] - picture)
        return picture


def make_scene(rng: Generator) -> Scene:
    """Draw a scene from a stream of random numbers: plain, textured, cluttered or a room."""
    colours = _colours(rng, 3)
    turn = rng.uniform(0, 2 * np.pi)
    kind = rng.choice(["plain", "textured", "cluttered", "room", "room"])
    strong = rng.uniform(0.5, 1) if kind == "textured" else rng.uniform(0.05, 0.3)
    height, around = rng.uniform(0.3, 0.95), rng.uniform(0, 2 * np.pi)
    flat = np.sqrt(1 - height**2)
    shapes = {"cluttered": _clutter, "room": _room}.get(str(kind), lambda rng: [])(rng)
    return Scene(
        colours=colours,
        slope=np.array([np.cos(turn), np.sin(turn)]) * rng.uniform(0.1, 0.6),
        texture=(int(rng.integers(3)), float(strong), float(rng.uniform(60, 250))),
        shapes=shapes,
        light=np.array([flat * np.cos(around), flat * np.sin(around), height], np.float32),
        ambient=float(rng.uniform(0.3, 0.6)),
        tint=(rng.uniform(0.85, 1.15) * rng.uniform(0.93, 1.07, (3, 1, 1))).astype(np.float32),
    )


def _colours(rng: Generator, count: int) -> np.ndarray:
    """(count, 3) colours, most of them not far from grey."""
    grey, colour = rng.uniform(20, 235, (count, 1)), rng.uniform(0, 255, (count, 3))
    return grey + rng.beta(1, 2, (count, 1)) * (colour - grey)


def _clutter(rng: Generator) -> list[tuple[np.ndarray, tuple[float, ...]]]:
    """Turned rectangles of all sizes, some thin as poles."""
    shapes = []
    for _ in range(rng.integers(12, 40)):
        middle, (long, wide) = rng.uniform(-1, 1, 2), rng.uniform(0.01, 0.35, 2)
        turn = rng.choice([0, rng.uniform(0, np.pi)])
        axis = np.array([np.cos(turn), np.sin(turn)])
        normal = np.array([-axis[1], axis[0]])
        corners = [(long, wide), (-long, wide), (-long, -wide), (long, -wide)]
        shape = np.array([middle + a * axis + b * normal for a, b in corners])
        shapes.append((shape, tuple(_colours(rng, 1)[0].tolist())))
    return shapes


def _room(rng: Generator) -> list[tuple[np.ndarray, tuple[float, ...]]]:
    """A wall with a door, windows or pictures, a floor with planks, and boxes on it."""
    edge, vanish = rng.uniform(0, 0.35), rng.uniform(-0.5, 0.5)
    floor, wall = _colours(rng, 2)
    shapes = [
        (_upright(-2, -2, 2, edge), wall),
        (_upright(-2, edge, 2, 2), floor),
        (_upright(-2, edge - 0.03, 2, edge), np.clip(wall * 0.7, 0, 255)),
    ]
    for number in range(-8, 9):
        near, wide = vanish + number * 0.45, 0.02
        far = vanish + number * 0.2
        line = np.array([[far, edge], [far + wide / 3, edge], [near + wide, 1.2], [near, 1.2]])
        shapes.append((line, floor * 0.75))
    corner = rng.uniform(-1, 1)
    side = _upright(-2, -2, corner, edge) if rng.random() < 0.5 else _upright(corner, -2, 2, edge)
    shapes.insert(1, (side, wall * rng.uniform(0.7, 0.95)))
    for _ in range(rng.integers(1, 5)):
        left, top = rng.uniform(-1, 0.8), rng.uniform(-0.9, edge - 0.3)
        right, bottom = left + rng.uniform(0.1, 0.5), rng.uniform(top + 0.1, edge)
        (colour,) = _colours(rng, 1)
        shapes.append((_upright(left - 0.015, top - 0.015, right + 0.015, bottom), colour * 0.5))
        shapes.append((_upright(left, top, right, bottom), colour))
    for _ in range(rng.integers(1, 5)):
        left, bottom = rng.uniform(-1, 0.8), edge + rng.uniform(0.02, 0.3)
        wide, high = rng.uniform(0.08, 0.35, 2)
        back = np.array([0.3 * (vanish - left), -0.06])
        (colour,) = _colours(rng, 1)
        front = _upright(left, bottom - high, left + wide, bottom)
        lid = np.array([front[0], front[1], front[1] + back, front[0] + back])
        near = 0 if back[0] < 0 else 1
        flank = np.array([front[near], front[near] + back, front[3 - near] + back, front[3 - near]])
        shapes += [(lid, colour), (flank, colour * 0.55), (front, colour * 0.8)]
    return [(shape, tuple(np.asarray(colour).tolist())) for shape, colour in shapes]


def _upright(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


@cache
def _texture(kind: int) -> Float32:
    """A texture four times side by side, so that any crop that begins in the first fits."""
    return np.tile(mottle(_CELLS, _FALLS[kind], kind).astype(np.float32), (2, 2))
