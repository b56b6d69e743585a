"""References: with every training image another one of the same person in the same place."""

from collections.abc import Iterator

import torch
from torch import Tensor

from datamodules.loading.index_batches import IndexBatches
from datamodules.sequences import PoseSequences


class ReferencedBatches(IndexBatches):
    """Training batches, each followed by as many rows with other frames of the same sequences.

    The other frames depend on seed, epoch and rank alone, and are mirrored as the first ones are.
    The only frame of a sequence is its own reference.

    Args:
        pairs: as in IndexBatches.
        batch_size: rows a batch on each rank, references not counted.
        seed: of the order, and of the references.
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


def split_references(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Make of a gathered batch's second half the column `reference` (B, 3, S, S) of its first."""
    own = {name: column.chunk(2)[0] for name, column in batch.items()}
    return own | {"reference": batch["image"].chunk(2)[1]}
