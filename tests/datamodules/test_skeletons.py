"""Joint layouts: left and right, body parts, and their shuffling."""

import pytest

from datamodules.skeletons import H36M17, SKELETONS, shuffle_groups

everywhere = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
numbers = pytest.mark.parametrize("number", H36M17.groups)


@everywhere
def test_the_mirror_undoes_itself_and_exchanges_the_names_of_the_sides(skeleton):
    mirror = skeleton.mirror
    assert [mirror[mirror[joint]] for joint in range(len(mirror))] == list(range(len(mirror)))
    for joint, partner in enumerate(mirror):
        swapped = skeleton.joints[joint].replace("left", "?").replace("right", "left")
        assert skeleton.joints[partner] == swapped.replace("?", "right")


@everywhere
def test_the_mirror_keeps_the_bones(skeleton):
    mirrored = {(skeleton.mirror[a], skeleton.mirror[b]) for a, b in skeleton.bones}
    assert mirrored == set(skeleton.bones)


@everywhere
def test_every_joint_but_the_root_hangs_on_an_earlier_one(skeleton):
    assert len(skeleton.parents) == len(skeleton.joints) == len(set(skeleton.joints))
    assert skeleton.parents[0] == -1
    assert all(0 <= parent < child for parent, child in skeleton.bones)
    assert len(skeleton.bones) == len(skeleton.joints) - 1


def test_h36m17_hangs_its_arms_on_the_thorax():
    named = {(H36M17.joints[a], H36M17.joints[b]) for a, b in H36M17.bones}
    assert {("thorax", "left_shoulder"), ("thorax", "right_shoulder")} < named
    assert {("hip", "left_hip"), ("right_knee", "right_foot"), ("neck", "head")} < named


@everywhere
def test_groups_start_with_the_root_and_hold_every_other_joint_once(skeleton):
    for number, groups in skeleton.groups.items():
        assert len(groups) == number
        assert {group[0] for group in groups} == {0}
        dealt = sorted(joint for group in groups for joint in group[1:])
        assert dealt == list(range(1, len(skeleton.joints)))


def test_five_groups_are_the_limbs_and_the_torso():
    names = [{H36M17.joints[joint] for joint in group} - {"hip"} for group in H36M17.groups[5]]
    assert names == [
        {"right_hip", "right_knee", "right_foot"},
        {"left_hip", "left_knee", "left_foot"},
        {"spine", "thorax", "neck", "head"},
        {"left_shoulder", "left_elbow", "left_wrist"},
        {"right_shoulder", "right_elbow", "right_wrist"},
    ]


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
