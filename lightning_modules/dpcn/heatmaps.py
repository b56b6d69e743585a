"""Heatmaps of 2D joints: drawn, compared and turned back into points (DPCN, Eq. 6 and 13).

A map's cell in row p and column q stands for the point ((q + 0.5) / w, (p + 0.5) / h) of the crop.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

# DPCN's, in cells of its maps of 64 x 64
VARIANCE, CELLS = 3.0, 64
# in cells of any map: with 0.19 cells, Eq. 13 is off by up to 0.06 cells even on a perfect map
LEAST_VARIANCE = 0.5
# where a Gaussian of peak 1 is below, a map is away from its peak: from 4.8 standard deviations on
AWAY = 1e-5
# keeps a map of zeros from dividing by zero; a Gaussian's cells add up to 3 or more
TINY = 1e-6


def gaussian_heatmaps(places: Tensor, size: int, variance: float = VARIANCE) -> Tensor:
    """Draw a Gaussian with a peak of 1 around every point, the estimator's target (Eq. 6).

    The paper says "a Gaussian" and not how high it is; a sigmoid can reach 1.

    Args:
        places: (..., 2), points in [0, 1]^2 of the crop; a Gaussian around a point outside is cut
            off at the edge.
        size: side of a map, in cells.
        variance: variance on a map of 64 cells a side, in square cells. Other maps are scaled, but
            to no less than 0.5 of their own square cells, which 3 is below 27 cells a side.

    Returns:
        (..., size, size).
    """
    own_variance = max(variance * (size / CELLS) ** 2, LEAST_VARIANCE)
    away = (_centres(places, size) - places[..., None]) * size
    columns, rows = (-away.square() / (2 * own_variance)).exp().unbind(-2)
    return rows[..., :, None] * columns[..., None, :]


def heatmap_loss(maps: Sequence[Tensor], target: Tensor, visible: Tensor) -> Tensor:
    """L_2d: the mean squared difference from the target, over stacks, visible joints and cells.

    Eq. 6 writes a squared norm and leaves open whether it is a sum or a mean, and whether earlier
    stacks are supervised, as they are in the hourglass that the paper takes over.

    Args:
        maps: heatmaps (B, J, h, w) of every stack.
        target: (B, J, h, w), the true heatmaps.
        visible: (B, J), 1 for joints that count and 0 for those that do not.

    Returns:
        A scalar, which is 0 where no joint is visible.
    """
    errors = torch.stack([(each - target).square().mean((-2, -1)) for each in maps]).mean(0)
    return (errors * visible).sum() / visible.sum().clamp(min=1)


def expected_places(heatmaps: Tensor, threshold: float = 0.1) -> Tensor:
    """DPCN's domain conversion: the mean of the cells' centres, weighted by value (Eq. 13).

    The values are divided by their sum, without a softmax; those below 0 count as 0.

    With a threshold of 0 it is the paper's, which is biased towards the middle of the map by small
    values far from the joint: 0.001 everywhere on 64 x 64 cells moves a joint 17 cells off the
    middle by 3, and only less than 0.0002 keeps the bias below one cell. The default departs from
    it: with a small network on generated pictures, 16 x 16 cells and a floor of 0.001, its error
    was 0.12 cells, the paper's 0.54 and the highest cell's 0.42.

    Args:
        heatmaps: (..., h, w), heatmaps of joints.
        threshold: share of a map's peak that is taken off every cell.

    Returns:
        Points (..., 2) in [0, 1]^2 of the crop, x first; the middle for a map of zeros.
    """
    floor = threshold * heatmaps.detach().amax((-2, -1), keepdim=True)
    above = (heatmaps - floor).relu()
    columns, rows = above.sum(-2), above.sum(-1)
    total = columns.sum(-1) + TINY
    x, y = (
        (each * (_centres(each, each.shape[-1]) - 0.5)).sum(-1) / total for each in (columns, rows)
    )
    return torch.stack([x, y], -1) + 0.5


def peak_places(heatmaps: Tensor) -> Tensor:
    """The centres (..., 2) of the highest cells of (..., h, w), in [0, 1]^2 of the crop."""
    height, width = heatmaps.shape[-2:]
    highest = heatmaps.flatten(-2).argmax(-1)
    x = _centres(heatmaps, width)[highest % width]
    return torch.stack([x, _centres(heatmaps, height)[highest // width]], -1)


def conversion_bias(heatmaps: Tensor, threshold: float = 0.0) -> Tensor:
    """Bias of the domain conversion: Eq. 13 minus the highest cell, in cells (Fig. 5).

    Args:
        heatmaps: (..., h, w), heatmaps of joints.
        threshold: share of a map's peak that is taken off every cell.

    Returns:
        (..., 2), x first; up to half a cell for a perfect map, as joints lie between centres.
    """
    height, width = heatmaps.shape[-2:]
    shifts = expected_places(heatmaps, threshold) - peak_places(heatmaps)
    return shifts * shifts.new_tensor([width, height])


def heatmap_floor(heatmaps: Tensor, variance: float = VARIANCE) -> Tensor:
    """Mean value of heatmaps far from their peaks, where a Gaussian is near 0.

    Args:
        heatmaps: (..., size, size), heatmaps of joints.
        variance: variance of the Gaussians that they have learnt, as for `gaussian_heatmaps`.

    Returns:
        (...,), one value a map.
    """
    drawn = gaussian_heatmaps(peak_places(heatmaps), heatmaps.shape[-1], variance)
    away = drawn < AWAY
    return (heatmaps * away).sum((-2, -1)) / away.sum((-2, -1))


def _centres(like: Tensor, size: int) -> Tensor:
    return (torch.arange(size, dtype=like.dtype, device=like.device) + 0.5) / size
