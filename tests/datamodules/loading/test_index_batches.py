"""Index batches: what every rank gets, in evaluation and in training."""

import pytest
import torch
import torch.distributed as dist
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DistributedSampler

from datamodules.loading.index_batches import IndexBatches, index_loader

sizes = {
    "rows": st.integers(0, 60),
    "batch_size": st.integers(1, 13),
    "world": st.integers(1, 5),
}
quick = settings(max_examples=80, deadline=None)


def pairs(rows):
    return torch.stack([torch.arange(rows) * 7, torch.arange(rows) % 2], dim=1)


def on_ranks(world, *arguments, epoch=0, **options):
    """The batches of every rank."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dist, "is_initialized", lambda: world > 1)
        patch.setattr(dist, "get_world_size", lambda: world)
        ranks = []
        for rank in range(world):
            patch.setattr(dist, "get_rank", lambda rank=rank: rank)
            batches = IndexBatches(*arguments, **options)
            batches.set_epoch(epoch)
            got = list(batches)
            assert len(got) == len(batches)
            ranks.append(got)
    return ranks


def rows_of(ranks):
    return [tuple(row) for batches in ranks for batch in batches for row in batch.tolist()]


@quick
@given(**sizes)
def test_evaluation_covers_every_row_once_on_any_number_of_ranks(rows, batch_size, world):
    ranks = on_ranks(world, pairs(rows), batch_size, shuffle=False)
    assert sorted(rows_of(ranks)) == sorted(map(tuple, pairs(rows).tolist()))
    assert len({len(batches) for batches in ranks}) == 1
    assert all(batch.shape[1] == 2 and len(batch) <= batch_size for b in ranks for batch in b)


@quick
@given(**sizes)
def test_evaluation_has_the_same_batches_on_any_number_of_ranks(rows, batch_size, world):
    [alone] = on_ranks(1, pairs(rows), batch_size, shuffle=False)
    ranks = on_ranks(world, pairs(rows), batch_size, shuffle=False)
    # the ranks take turns
    taken = [batch for turn in zip(*ranks, strict=True) for batch in turn if len(batch)]
    assert [batch.tolist() for batch in taken] == [batch.tolist() for batch in alone]


def test_ranks_without_rows_evaluate_an_empty_batch():
    ranks = on_ranks(4, pairs(2), 8, shuffle=False)
    assert [[len(batch) for batch in batches] for batches in ranks] == [[2], [0], [0], [0]]


@quick
@given(**sizes, seed=st.integers(0, 5), epoch=st.integers(0, 5))
def test_training_deals_disjoint_rows_in_equally_many_batches(rows, batch_size, world, seed, epoch):
    ranks = on_ranks(world, pairs(rows), batch_size, shuffle=True, seed=seed, epoch=epoch)
    assert len({tuple(map(len, batches)) for batches in ranks}) == 1
    got = rows_of(ranks)
    assert len(set(got)) == len(got)
    assert set(got) <= set(map(tuple, pairs(rows).tolist()))
    share = rows // world
    if batch_size > 1:
        lone = share % batch_size == 1
        assert all(len(batch) > 1 for batches in ranks for batch in batches)
        assert len(got) == world * (share - lone)
    assert all(len(batch) == batch_size for batches in ranks for batch in batches[:-1])


def test_training_on_batches_of_one_row_by_choice_keeps_them():
    [batches] = on_ranks(1, pairs(5), 1, shuffle=True)
    assert sorted(rows_of([batches])) == list(map(tuple, pairs(5).tolist()))


@quick
@given(**sizes, seed=st.integers(0, 5), epoch=st.integers(0, 5))
def test_the_order_depends_on_seed_and_epoch_alone(rows, batch_size, world, seed, epoch):
    options = {"shuffle": True, "seed": seed, "epoch": epoch}
    once = on_ranks(world, pairs(rows), batch_size, **options)
    torch.manual_seed(rows)
    torch.rand(epoch + 1)
    assert rows_of(on_ranks(world, pairs(rows), batch_size, **options)) == rows_of(once)


def test_every_seed_and_epoch_has_an_order_of_its_own():
    orders = {
        (seed, epoch): tuple(
            rows_of(on_ranks(1, pairs(50), 10, shuffle=True, seed=seed, epoch=epoch))
        )
        for seed in range(4)
        for epoch in range(4)
    }
    assert len(set(orders.values())) == 16
    assert all(sorted(order) == list(map(tuple, pairs(50).tolist())) for order in orders.values())


def test_the_rows_left_out_differ_from_epoch_to_epoch():
    every = set(map(tuple, pairs(11).tolist()))
    left = [
        every - set(rows_of(on_ranks(1, pairs(11), 5, shuffle=True, epoch=epoch)))
        for epoch in range(8)
    ]
    assert all(len(rows) == 1 for rows in left)
    assert len(set(map(frozenset, left))) > 3


def test_shuffling_draws_nothing_from_the_global_stream():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    for shuffle in (True, False):
        list(index_loader(IndexBatches(pairs(20), 4, shuffle)))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_loader_hands_the_batches_on(shuffle):
    batches = IndexBatches(pairs(23), 5, shuffle, seed=3)
    loader = index_loader(batches)
    assert len(loader) == len(batches) == 5
    for _ in range(2):
        assert [b.tolist() for b in loader] == [b.tolist() for b in batches]
    assert all(batch.dtype == torch.int64 for batch in loader)


def test_lightning_leaves_the_sampler_in_its_place():
    loader = index_loader(IndexBatches(pairs(4), 2, shuffle=True))
    assert isinstance(loader.sampler, DistributedSampler)
