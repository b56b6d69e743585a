"""How rare a pose is, after SRNet (Zeng et al., ECCV 2020), Eq. 9 and 10, by kernel sums."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import finufft
import numpy as np
import torch
from scipy.spatial.distance import cdist

from poseproof.errors import DataError, UserError


def occurrence(
    queries: np.ndarray,
    references: np.ndarray,
    sigma: float | Sequence[float],
    kernel: Literal["gaussian", "laplacian"] = "gaussian",
    method: Literal["fast", "exact"] = "fast",
) -> np.ndarray:
    """Compute the mean similarity of each query to all references: Eq. 10 of Eq. 9.

    It is a mean over joints. Joints that coincide in all poses (the root) count with similarity 1,
    as in the paper, and so does a query that is itself among the references.

    Args:
        queries: (M, J, 3) root-relative poses, in the unit of `sigma`.
        references: (N, J, 3) root-relative poses, in the unit of `sigma`.
        sigma: width of the kernel, one for all joints or J of them.
        kernel: `gaussian` exp(-d^2 / (2 sigma^2)) is Eq. 9, `laplacian` exp(-d / sigma) is what the
            authors' released code computes.
        method: `exact` sums J M N terms in bounded memory. `fast` agrees with it to 1e-9 and grows
            with M + N: for each joint, a periodic convolution by non-uniform FFTs, over space that
            is halved until each half has a small grid or few pairs, so that outliers and a small
            `sigma` cost no memory. A Laplacian's cusp has no short Fourier series: there `fast` is
            `exact`.

    Returns:
        (M,) float64 in [0, 1]; lower values are rarer poses.

    Raises:
        DataError: the poses have other shapes, different joints, or values that are not finite.
        UserError: `kernel` or `method` is unknown, or `sigma` is not positive or far too small.
    """
    known = kernel in ("gaussian", "laplacian") and method in ("fast", "exact")
    _need(
        known,
        f"{kernel!r}, {method!r}: give 'gaussian' or 'laplacian', 'fast' or 'exact'.",
        UserError,
    )
    largest = 0.0
    for name, poses in (("queries", queries), ("references", references)):
        fits = poses.ndim == 3 and poses.shape[2] == 3 and poses.size > 0
        _need(fits, f"The {name} are {poses.shape}: give one or more poses as (poses, joints, 3).")
        largest = max(largest, float(poses.max()), -float(poses.min()))
        finite = bool(np.isfinite(poses).all())
        _need(finite, f"The {name} have values that are not finite: remove those poses.")
    joints, others = queries.shape[1], references.shape[1]
    same = joints == others
    _need(same, f"The queries have {joints} joints, the references {others}: convert one of them.")
    widths = np.asarray(sigma, dtype=np.float64)
    fits = widths.shape in ((), (joints,))
    _need(
        fits,
        f"sigma has shape {widths.shape}: give one number, or one for each of {joints} joints.",
        UserError,
    )
    usable = bool((np.isfinite(widths) & (widths > 1e-9 * largest)).all())
    hint = f"above a billionth of the largest coordinate, {largest:.3g}, in the same unit"
    _need(usable, f"sigma is {sigma}: give finite, positive widths {hint}.", UserError)

    total = np.zeros(len(queries))
    for joint, width in enumerate(np.broadcast_to(widths, joints)):
        q, r = (np.array(p[:, joint], dtype=np.float64) / width for p in (queries, references))
        fast = kernel == "gaussian" and method == "fast"
        total += gaussian_sums(q, r) if fast else exact_sums(q, r, kernel)
    return np.clip(total / (joints * len(references)), 0.0, 1.0)


def rarest(occurrence: np.ndarray, percent: float) -> np.ndarray:
    """Find the rarest poses.

    Args:
        occurrence: (M,) occurrence of each pose.
        percent: share of the poses to return; M * percent / 100 are returned, rounded half up, and
            at least one.

    Returns:
        Their indices, rarest first; equal ones keep their order.

    Raises:
        DataError: the occurrence is not one finite number for each pose.
        UserError: not 0 < percent <= 100.
    """
    _need(
        0 < percent <= 100,
        f"percent is {percent}: give a number above 0 and at most 100.",
        UserError,
    )
    order = _ascending(occurrence)
    return order[: max(1, int(len(order) * percent / 100 + 0.5))]


def rarity_bins(occurrence: np.ndarray, bins: int = 10) -> np.ndarray:
    """Divide poses into bins by rarity, of counts that are equal to within one.

    Args:
        occurrence: (M,) occurrence of each pose.
        bins: number of bins.

    Returns:
        (M,) int64 bin of each pose, 0 the rarest.

    Raises:
        DataError: the occurrence is not one finite number for each pose.
        UserError: not 1 <= bins <= M.
    """
    order = _ascending(occurrence)
    fits = 1 <= bins <= len(order)
    _need(
        fits,
        f"bins is {bins}: give at least 1 and at most the number of poses, {len(order)}.",
        UserError,
    )
    result = np.empty(len(order), dtype=np.int64)
    result[order] = np.arange(len(order)) * bins // len(order)
    return result


def _need(condition: bool, message: str, error: type[UserError] = DataError) -> None:
    if not condition:
        raise error(message)


def _ascending(occurrence: np.ndarray) -> np.ndarray:
    fits = occurrence.ndim == 1 and occurrence.size > 0 and bool(np.isfinite(occurrence).all())
    _need(fits, f"The occurrence, {occurrence.shape}, must be one finite number for each pose.")
    return np.argsort(occurrence, kind="stable")


# in standard deviations: what the Gaussian and its transform leave out is below exp(-7^2 / 2)
_CUT, _EPS = 7.0, 1e-10
# the transform holds about 128 bytes a mode, and one mode takes as long as 16 pairs
_MAX_MODES, _PAIRS_PER_MODE = 2**20, 16
_TILE = 256


def exact_sums(queries: np.ndarray, references: np.ndarray, kernel: str) -> np.ndarray:
    """Sum the kernel of width 1 over all pairs: (M, 3), (N, 3) -> (M,)."""
    metric, factor = ("sqeuclidean", -0.5) if kernel == "gaussian" else ("euclidean", -1.0)

    def rows(start: int) -> np.ndarray:
        tile = queries[start : start + _TILE]
        sums = np.zeros(len(tile))
        for other in range(0, len(references), _TILE):
            terms = factor * cdist(tile, references[other : other + _TILE], metric)
            sums += np.exp(terms, out=terms).sum(axis=1)
        return sums

    # threads of our own: a parallel loop inside each tile crawls where cores are shared
    with ThreadPoolExecutor() as pool:
        return np.concatenate(list(pool.map(rows, range(0, len(queries), _TILE))))


def gaussian_sums(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Sum the Gaussian of width 1 over all pairs: (M, 3), (N, 3) -> (M,)."""
    low, high = queries.min(axis=0), queries.max(axis=0)
    near = references[((references >= low - _CUT) & (references <= high + _CUT)).all(axis=1)]
    if not len(near):
        return np.zeros(len(queries))
    reach = np.maximum(high - near.min(axis=0), near.max(axis=0) - low)
    if not reach.any():
        return np.full(len(queries), float(len(near)))
    # the images of a reference stand _CUT or more away from every query
    period = reach + _CUT
    shape = 2 * np.ceil(_CUT * period / (2 * np.pi)) + 1
    if len(queries) * len(near) <= _PAIRS_PER_MODE * min(shape.prod(), _MAX_MODES):
        return exact_sums(queries, near, "gaussian")
    if shape.prod() > _MAX_MODES:
        axis = np.argmax(high - low)
        left = queries[:, axis] <= (low[axis] + high[axis]) / 2
        sums = np.empty(len(queries))
        sums[left], sums[~left] = (
            gaussian_sums(queries[left], near),
            gaussian_sums(queries[~left], near),
        )
        return sums
    unit = 2 * np.pi / period
    q, r = (np.ascontiguousarray(((p - low) * unit).T) for p in (queries, near))
    modes, ones = tuple(shape.astype(int).tolist()), np.ones(len(near), dtype=np.complex128)
    # a forked process that wants more threads than the one it has waits for those of its parent
    options = {"eps": _EPS, "nthreads": torch.get_num_threads()}
    spectrum = finufft.nufft3d1(*r, ones, modes, isign=-1, **options)
    for u, k in zip(
        unit, np.ogrid[tuple(slice(-(n // 2), n // 2 + 1) for n in modes)], strict=True
    ):
        spectrum *= u / np.sqrt(2 * np.pi) * np.exp(-0.5 * (u * k) ** 2)
    return finufft.nufft3d2(*q, spectrum, isign=1, **options).real
