"""Joint layouts: left and right, and body parts."""

import pytest

from datamodules.skeletons import H36M17, SKELETONS

everywhere = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)


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


@everywhere
def test_a_partition_has_every_joint_once_and_the_root_in_the_torso(skeleton):
    for number in skeleton.groups:
        parts = skeleton.partition(number)
        joints = sorted(joint for part in parts for joint in part)
        assert joints == list(range(len(skeleton.joints)))
        (trunk,) = (part for part in parts if 0 in part)
        sides = {*skeleton.left, *skeleton.right}
        assert trunk == (0,) or not sides.issuperset(trunk[1:])
    assert (0, 7, 8, 9, 10) in H36M17.partition(5)
    assert (0, 1, 14) in SKELETONS["humaneva15"].partition(5)


def test_a_partition_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="no division into 4 body parts: choose 2, 3, 5"):
        H36M17.partition(4)
