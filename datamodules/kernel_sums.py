"""Sums of a kernel over all pairs of two point sets in space: plainly, and by Fourier series."""

from concurrent.futures import ThreadPoolExecutor

import finufft
import numpy as np
import torch
from scipy.spatial.distance import cdist

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
