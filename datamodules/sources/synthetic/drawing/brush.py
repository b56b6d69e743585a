"""Brush: paints shaded capsules into a picture, each pixel by what is nearest there."""

import numpy as np

from datamodules.sequences import Float32
from datamodules.sources.synthetic.drawing.person import CELLS, DENSITY, Look

# how light falls off towards the outline of a limb, where it meets less of the room
_OUTLINE = 0.3


def paint(
    canvas: Float32,
    ends: Float32,
    radii: Float32,
    scale: float,
    look: Look,
    light: Float32,
    ambient: float,
) -> None:
    """Paint a person's capsules, far to near, with a depth for every pixel.

    Args:
        canvas: (3, S, S) the picture, 0 to 255, into which is painted.
        ends: (P, 2, 3) the ends of the axes: pixels from the picture's corner, and depth in metres.
        radii: (P, 2) of either end, in pixels.
        scale: pixels a metre.
        look: patterns and materials.
        light: (3,) unit vector towards the light, camera frame.
        ambient: how bright, of 0 to 1, is what the light does not reach.
    """
    size = canvas.shape[-1]
    low = (ends[..., :2] - radii[..., None]).min(axis=1) - 1
    high = (ends[..., :2] + radii[..., None]).max(axis=1) + 2
    boxes = np.concatenate([low, high], axis=1).clip(0, size).astype(np.int32)
    wide, tall = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    # the pixels of all boxes on end, so that one product serves all parts
    counts = wide * tall
    stops = np.cumsum(counts)
    starts = stops - counts
    columns = np.stack([starts, wide, boxes[:, 0], boxes[:, 1]]).astype(np.int32)
    start, width, left, top = np.repeat(columns, counts, axis=1)
    row, column = np.divmod(np.arange(stops[-1], dtype=np.int32) - start, width)
    x = (column + left).astype(np.float32) + 0.5
    y = (row + top).astype(np.float32) + 0.5
    cover, distance, colour = _fragments(counts, x, y, ends, radii, scale, look, light, ambient)

    depth = np.full((size, size), np.inf, np.float32)
    spans = np.stack([starts, stops], axis=1).tolist()
    for number in np.argsort(-ends[..., 2].mean(axis=1), kind="stable").tolist():
        left, top, right, bottom = boxes[number].tolist()
        block, shape = slice(*spans[number]), (bottom - top, right - left)
        away, nearest = distance[block].reshape(shape), depth[top:bottom, left:right]
        seen = cover[block].reshape(shape) * (away < nearest)
        window = canvas[:, top:bottom, left:right]
        window += seen * (colour[:, block].reshape(3, *shape) - window)
        np.copyto(nearest, away, where=seen > 0.5)


def _fragments(
    counts: np.ndarray,
    x: Float32,
    y: Float32,
    ends: Float32,
    radii: Float32,
    scale: float,
    look: Look,
    light: Float32,
    ambient: float,
) -> tuple[Float32, Float32, Float32]:
    """How much body parts cover pixels (N,), at what distance, and in what colours (3, N).

    The pixels are those of every part in turn, as many of each as `counts` states. A capsule is a
    ball that moves along its axis while its radius changes from one end's to the other's. Which
    ball is seen at a pixel follows from the axis in closed form, even where it is seen end on.
    """
    start, span = ends[:, 0], ends[:, 1] - ends[:, 0]
    length = np.hypot(span[:, 0], span[:, 1])
    long_flat = np.maximum(length, 1e-3)
    long = np.hypot(long_flat, span[:, 2] * scale)
    axis_x = np.where(length > 1e-3, span[:, 0] / long_flat, 1)
    axis_y = np.where(length > 1e-3, span[:, 1] / long_flat, 0)
    patterns = look.patterns_at(scale)
    cells = patterns.shape[-1]
    per_pixel = DENSITY / scale * cells / CELLS
    of_part = (
        *(start[:, 0], start[:, 1], start[:, 2], axis_x, axis_y, long_flat),
        *(span[:, 2], span[:, 2] * scale / long, radii[:, 0], radii[:, 1] - radii[:, 0]),
        *(light[0] * axis_x + light[1] * axis_y, light[1] * axis_x - light[0] * axis_y),
        *(long * per_pixel, look.hems),
    )
    stacked = np.repeat(np.stack(of_part).astype(np.float32), counts, axis=1)
    x0, y0, z0, dx, dy, flat, deep, lean, r0, widening, lit_along, lit_across, rows, hem = stacked

    x -= x0
    y -= y0
    along, across = x * dx + y * dy, y * dx - x * dy
    square = across * across
    # where along the axis, from 0 to 1, the ball stands that shows
    radius = r0 + _share((along - (r0 + widening / 2) * lean) / flat) * widening
    half = np.sqrt(np.maximum(radius * radius - square, 0))
    place = _share((along - half * lean) / flat)
    off = along - place * flat
    height = np.sqrt(np.maximum(half * half - off * off, 0))
    distance = z0 + place * deep - height / np.float32(scale)
    beside = along - np.minimum(np.maximum(along, 0), flat)
    cover = _share(radius - np.sqrt(beside * beside + square) + 0.5)

    height /= radius
    facing = (off * lit_along + across * lit_across) / radius - height * light[2]
    shade = np.float32(ambient) + np.maximum(facing, 0) * np.float32(1 - ambient)
    shade *= (1 - _OUTLINE) + _OUTLINE * height
    before, beyond = np.repeat(look.materials.T.astype(np.int32), counts, axis=1)
    material = np.where(place < hem, before, beyond)
    row, column = _cell(place * rows, cells), _cell(across * np.float32(per_pixel), cells)
    cell = (material * cells + row) * cells + column
    return cover, distance, patterns.reshape(3, -1).take(cell, axis=1) * shade


def _share(values: Float32) -> Float32:
    """Clip to [0, 1], in place."""
    np.maximum(values, 0, out=values)
    return np.minimum(values, 1, out=values)


def _cell(values: Float32, cells: int) -> np.ndarray:
    """Indices of the cells of a repeating pattern whose size is a power of two."""
    return np.floor(values).astype(np.int32) & (cells - 1)
