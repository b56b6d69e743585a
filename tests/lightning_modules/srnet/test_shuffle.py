"""Body parts dealt out at random."""

import pytest

from datamodules.skeletons import H36M17
from lightning_modules.srnet.shuffle import shuffle_groups

numbers = pytest.mark.parametrize("number", H36M17.groups)


@numbers
@pytest.mark.parametrize("seed", range(3))
def test_shuffling_keeps_sizes_the_root_and_the_parts_left_alone(number, seed):
    groups = H36M17.groups[number]
    for count in range(2, number + 1):
        shuffled = shuffle_groups(groups, count, seed)
        assert [len(group) for group in shuffled] == [len(group) for group in groups]
        assert all(group[0] == 0 for group in shuffled)
        assert shuffled[count:] == groups[count:]
        moved = sorted(joint for group in shuffled[:count] for joint in group[1:])
        assert moved == sorted(joint for group in groups[:count] for joint in group[1:])


def test_shuffling_depends_on_the_seed_alone_and_mixes_the_parts():
    groups = H36M17.groups[5]
    outcomes = [shuffle_groups(groups, 5, seed) for seed in range(20)]
    assert outcomes == [shuffle_groups(groups, 5, seed) for seed in range(20)]
    assert len(set(outcomes)) == 20
    assert all(
        {frozenset(group) for group in groups} != {frozenset(group) for group in outcome}
        for outcome in outcomes
    )
    assert all(type(joint) is int for group in outcomes[0] for joint in group)


@numbers
def test_shuffling_none_changes_nothing(number):
    assert shuffle_groups(H36M17.groups[number], 0, 3) == H36M17.groups[number]


@pytest.mark.parametrize("count", [-1, 1, 6])
def test_counts_that_cannot_be_shuffled_are_refused(count):
    with pytest.raises(ValueError, match=f"{count} of 5 groups cannot be shuffled"):
        shuffle_groups(H36M17.groups[5], count, 0)
