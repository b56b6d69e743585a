"""Rarity and loading against their plain forms."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from benchmarks.official_loader import official_batches
from benchmarks.timing import Ratio, compare
from datamodules.loading.index_batches import IndexBatches, index_loader
from datamodules.loading.windows import PoseWindows
from datamodules.rarity import occurrence
from datamodules.sequences import PoseSequences
from datamodules.sources.synthetic.source import SyntheticMocap

POSES, SOME = 500_000, 1_000
BATCH, BATCHES = 1024, 10


def measure(ref: Path | None) -> Iterator[Ratio]:
    """The data's ratios.

    Args:
        ref: a clone of VideoPose3D, Pose3D-RIE or SRNet, or none.
    """
    sequences = SyntheticMocap().load()
    yield _rarity(sequences)
    for frames in (1, 27, 243):
        yield from _loading(sequences, frames, ref)


def _rarity(sequences: PoseSequences) -> Ratio:
    turns = np.random.default_rng(0).permutation(len(sequences))[: POSES // 4]
    base = sequences.joints[turns]
    noise = np.random.default_rng(1).normal(scale=0.01, size=(4, *base.shape)).astype(np.float32)
    poses = (base + noise * (np.arange(17) > 0)[:, None]).reshape(-1, 17, 3)
    return compare(
        f"occurrence of {len(poses):,} poses",
        lambda: occurrence(poses, poses, 0.2),
        f"all pairs, from {SOME:,} against {SOME * 10:,}",
        lambda: occurrence(poses[:SOME], poses[: SOME * 10], 0.2, method="exact"),
        pairs=3,
        scale=len(poses) ** 2 / (SOME * SOME * 10),
    )


def _loading(sequences: PoseSequences, frames: int, ref: Path | None) -> Iterator[Ratio]:
    """An epoch over some frames of all sequences, in a new order, and what the windows take."""
    everything = torch.cartesian_prod(torch.arange(len(sequences)), torch.arange(2))
    turns = torch.randperm(len(everything), generator=torch.Generator().manual_seed(0))
    pairs = everything[turns[: BATCH * BATCHES]]
    windows = PoseWindows(sequences, frames)
    loader = index_loader(IndexBatches(pairs, BATCH, shuffle=True))

    def by_index() -> None:
        for batch in loader:
            windows(batch)

    def on_the_host() -> None:
        for batch in pairs[torch.randperm(len(pairs))].split(BATCH):
            _built(sequences, batch.numpy(), frames)
            _built(sequences, batch.numpy(), 1, "joints")

    name = f"{BATCHES} batches of {frames}-frame windows by index"
    yield compare(name, by_index, "windows built one by one on the host", on_the_host, pairs=5)
    if ref:
        theirs = official_batches(ref, sequences, frames, BATCH)

        def released() -> None:
            for _ in range(BATCHES):
                next(theirs)

        yield compare(name, by_index, "the released loader", released, pairs=5)
    size = sum(array.nbytes for array in windows._arrays.values()) + everything.nbytes
    batch = windows(pairs[:1])
    built = len(everything) * (batch["keypoints"].nbytes + batch["joints"].nbytes)
    memory = built / size
    what = f"memory of {frames}-frame windows by index"
    yield Ratio(what, "all windows built, as float32", memory, memory, memory)


def _built(
    sequences: PoseSequences,
    batch: np.ndarray,
    frames: int,
    name: Literal["keypoints", "joints"] = "keypoints",
) -> torch.Tensor:
    """A batch as the released loaders fill it: window by window, padded at the ends, float64."""
    points = getattr(sequences, name)
    filled = np.empty((len(batch), frames, *points.shape[1:]))
    starts = [segment.start for segment in sequences.segments]
    owners = np.searchsorted(starts, batch[:, 0], side="right") - 1
    mirror, reach = sequences.skeleton.mirror, frames // 2
    for row, (owner, (frame, flipped)) in enumerate(zip(owners, batch.tolist(), strict=True)):
        segment = sequences.segments[owner]
        low, high = max(segment.start, frame - reach), min(segment.stop, frame + reach + 1)
        before, after = low - (frame - reach), frame + reach + 1 - high
        window = points[low:high]
        if before or after:
            window = np.pad(window, ((before, after), (0, 0), (0, 0)), "edge")
        filled[row] = window
        if flipped:
            filled[row, ..., 0] *= -1
            filled[row] = filled[row][:, mirror]
    return torch.from_numpy(filled.astype(np.float32))
