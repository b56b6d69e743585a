"""Index batches: the loader ships integers, and every frame is evaluated once."""

from collections.abc import Iterator
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from datamodules.batch import Batch
from datamodules.sequences import PoseSequences


class IndexBatches(DistributedSampler[Any]):
    """Yields rows of `pairs` as whole batches, split over the ranks.

    Being a DistributedSampler keeps Lightning from putting its own in its place, which repeats
    samples so that all ranks get equally many: a figure over those is not the figure.

    Evaluation (`shuffle=False`): every row goes to one rank, once. The batches are the same for any
    number of ranks, which take turns: a product over other rows may round otherwise, and figures
    would differ in the seventh digit. Every rank yields equally many, the last possibly empty.

    Training: the permutation depends on the seed and the epoch alone, so that a resumed run sees
    what the undisturbed one would have. The rows that would leave the ranks unequal, and a last
    batch of a single row (which has no variance to normalise by), are left out of that epoch.

    Args:
        pairs: (N, 2) int64, frame number and whether it is flipped.
        batch_size: rows a batch on each rank.
        shuffle: a new order every epoch.
        seed: seed of the order.
    """

    def __init__(self, pairs: Tensor, batch_size: int, shuffle: bool, seed: int = 0) -> None:
        distributed = dist.is_available() and dist.is_initialized()
        self.num_replicas = dist.get_world_size() if distributed else 1
        self.rank = dist.get_rank() if distributed else 0
        self.pairs = pairs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0

    def __iter__(self) -> Iterator[Tensor]:
        if self.shuffle:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
            order = torch.randperm(len(self.pairs), generator=generator)
            share = len(order) // self.num_replicas
            mine = self.pairs[order[self.rank * share : (self.rank + 1) * share]]
            yield from mine.split(self.batch_size)[: len(self)]
            return
        for turn in range(len(self)):
            start = (turn * self.num_replicas + self.rank) * self.batch_size
            yield self.pairs[start : start + self.batch_size]

    def __len__(self) -> int:
        """Number of batches, the same on every rank."""
        if not self.shuffle:
            return -(-len(self.pairs) // (self.batch_size * self.num_replicas))
        share = len(self.pairs) // self.num_replicas
        return share // self.batch_size + (share % self.batch_size > 1)


class ReferencedBatches(IndexBatches):
    """Training batches, each followed by as many rows with other frames of the same sequences.

    The other frames depend on seed, epoch and rank alone, and are mirrored as the first ones are.
    The only frame of a sequence is its own reference.

    Args:
        pairs: (N, 2) int64, frame number and whether it is flipped.
        batch_size: rows a batch on each rank, references not counted.
        seed: seed of the order and of the references.
        sequences: the data.
    """

    def __init__(self, pairs: Tensor, batch_size: int, seed: int, sequences: PoseSequences) -> None:
        super().__init__(pairs, batch_size, shuffle=True, seed=seed)
        first, length = (
            sequences.per_frame(values)
            for values in (
                [s.start for s in sequences.segments],
                [s.stop - s.start for s in sequences.segments],
            )
        )
        self.first, self.length = torch.from_numpy(first), torch.from_numpy(length)

    def __iter__(self) -> Iterator[Tensor]:
        draw = (self.seed * 1_000_003 + self.epoch) * 1_000_003 + self.rank
        generator = torch.Generator().manual_seed(draw % 2**63)
        for rows in super().__iter__():
            frame, flipped = rows.unbind(1)
            first, length = self.first[frame], self.length[frame]
            # one of the others: so many frames further on, around the end
            share = torch.rand(len(rows), generator=generator, dtype=torch.float64)
            further = 1 + (share * (length - 1)).long()
            other = first + (frame - first + further) % length
            yield torch.cat([rows, torch.stack([other, flipped], dim=1)])


class _Passed(Dataset[Tensor]):
    """Hands the sampler's batch on as it is."""

    def __getitem__(self, batch: Tensor) -> Tensor:
        return batch


def index_loader(batches: IndexBatches) -> DataLoader[Tensor]:
    """A loader of (B, 2) int64 index batches; there is no work to share among processes."""
    # with a generator of its own a loader draws nothing from the stream that dropout draws from
    return DataLoader(_Passed(), batch_size=None, sampler=batches, generator=torch.Generator())


def split_references(batch: Batch) -> Batch:
    """Make of a gathered batch's second half the column `reference` (B, 3, S, S) of its first."""
    columns = cast(dict[str, Tensor], batch)
    own = {name: column.chunk(2)[0] for name, column in columns.items()}
    return cast(Batch, own | {"reference": batch["image"].chunk(2)[1]})
