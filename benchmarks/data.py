"""Rarity and loading against their plain forms."""

from collections.abc import Iterator

import numpy as np
import torch

from benchmarks.timing import Ratio, compare
from datamodules.index_batches import IndexBatches
from datamodules.rarity import occurrence
from datamodules.sequences import PoseSequences
from datamodules.sources.synthetic import SyntheticMocap
from datamodules.windows import PoseWindows

POSES, SOME = 500_000, 1_000
BATCH, BATCHES = 1024, 10


def measure() -> Iterator[Ratio]:
    """The data's ratios."""
    sequences = SyntheticMocap().load()
    turns = np.random.default_rng(0).permutation(len(sequences))[: POSES // 4]
    base = sequences.joints[turns]
    noise = np.random.default_rng(1).normal(scale=0.01, size=(4, *base.shape)).astype(np.float32)
    poses = (base + noise * (np.arange(17) > 0)[:, None]).reshape(-1, 17, 3)
    yield compare(
        f"occurrence of {len(poses):,} poses",
        lambda: occurrence(poses, poses, 0.2),
        f"all pairs, from {SOME:,} against {SOME * 10:,}",
        lambda: occurrence(poses[:SOME], poses[: SOME * 10], 0.2, method="exact"),
        pairs=3,
        scale=len(poses) ** 2 / (SOME * SOME * 10),
    )
    pairs = torch.cartesian_prod(torch.arange(len(sequences)), torch.arange(2))
    batches = [b for b, _ in zip(IndexBatches(pairs, BATCH, True), range(BATCHES), strict=False)]
    for frames in (1, 27, 243):
        windows = PoseWindows(sequences, frames)
        yield compare(
            f"{BATCHES} batches of {frames}-frame windows by index",
            lambda w=windows: [w(batch) for batch in batches],
            "windows built one by one on the host",
            lambda t=frames: [_built(sequences, batch.numpy(), t) for batch in batches],
            pairs=3,
        )


def _built(sequences: PoseSequences, batch: np.ndarray, frames: int) -> torch.Tensor:
    """A batch as the released loaders fill it: window by window, padded at the ends, float64."""
    filled = np.empty((len(batch), frames, 17, 2))
    starts = [segment.start for segment in sequences.segments]
    mirror, reach = sequences.skeleton.mirror, frames // 2
    for row, (frame, flipped) in enumerate(batch):
        segment = sequences.segments[np.searchsorted(starts, frame, side="right") - 1]
        low, high = max(segment.start, frame - reach), min(segment.stop, frame + reach + 1)
        before, after = low - (frame - reach), frame + reach + 1 - high
        window = sequences.keypoints[low:high]
        filled[row] = np.pad(window, ((before, after), (0, 0), (0, 0)), "edge")
        if flipped:
            filled[row, ..., 0] *= -1
            filled[row] = filled[row][:, mirror]
    return torch.from_numpy(filled.astype(np.float32))
