"""Joint names, parents, left and right, and body parts: a leaf that anyone may import."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Skeleton:
    """A joint layout.

    Attributes:
        name: name by which configs choose the layout.
        joints: names of the J joints, the root first.
        parents: index of each joint's parent, -1 for the root.
        left: joints of the left side, in the order of their counterparts in `right`.
        right: joints of the right side.
        groups: number of body parts -> joint indices of each part. The root belongs to every part,
            as in the released SRNet code: it gives each part a reference in the image.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    groups: Mapping[int, Groups]

    @property
    def mirror(self) -> list[int]:
        """The joint that takes the place of each joint when left and right are exchanged."""
        order = list(range(len(self.joints)))
        for a, b in zip(self.left, self.right, strict=True):
            order[a], order[b] = b, a
        return order

    def parts(self, count: int) -> Groups:
        """Get the body parts, each with the root.

        Args:
            count: number of body parts.

        Raises:
            ValueError: the skeleton has no division into that many parts.
        """
        if count not in self.groups:
            known = ", ".join(map(str, self.groups))
            raise ValueError(
                f"The skeleton {self.name} has no division into {count} body parts: choose {known}."
            )
        return self.groups[count]

    def partition(self, count: int) -> Groups:
        """Get the body parts so that every joint belongs to exactly one of them.

        The root stays with the first part that has a joint of neither side: the torso, or the part
        that stands in for it.

        Args:
            count: number of body parts.

        Raises:
            ValueError: the skeleton has no division into that many parts.
        """
        parts, paired = self.parts(count), {*self.left, *self.right}
        middle = next(part for part in parts if len(part) == 1 or not paired.issuperset(part[1:]))
        return tuple(part if part is middle else part[1:] for part in parts)

    @property
    def bones(self) -> list[tuple[int, int]]:
        """The (parent, child) pairs."""
        return [(parent, child) for child, parent in enumerate(self.parents) if parent >= 0]


def _with_root(*parts: Sequence[int]) -> Groups:
    return tuple((0, *part) for part in parts)


_RIGHT_LEG, _LEFT_LEG = (1, 2, 3), (4, 5, 6)
_TORSO = (7, 8, 9, 10)
_LEFT_ARM, _RIGHT_ARM = (11, 12, 13), (14, 15, 16)

# fmt: off
_H36M17_JOINTS = (
    "hip", "right_hip", "right_knee", "right_foot", "left_hip", "left_knee", "left_foot",
    "spine", "thorax", "neck", "head", "left_shoulder", "left_elbow", "left_wrist",
    "right_shoulder", "right_elbow", "right_wrist",
)
_HUMANEVA15_JOINTS = (
    "pelvis", "thorax", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder",
    "right_elbow", "right_wrist", "left_hip", "left_knee", "left_ankle", "right_hip",
    "right_knee", "right_ankle", "head",
)
# fmt: on

H36M17 = Skeleton(
    name="h36m17",
    joints=_H36M17_JOINTS,
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15),
    left=(4, 5, 6, 11, 12, 13),
    right=(1, 2, 3, 14, 15, 16),
    groups={
        # 2, 3 and 5 as in the released code; 6, 8 and 17 stand only in the image of SRNet's Fig. 6,
        # and are our reading of it: the torso cut, then the limbs cut, then every joint alone.
        2: _with_root((*_RIGHT_LEG, *_LEFT_LEG, 7), (8, 9, 10, *_LEFT_ARM, *_RIGHT_ARM)),
        3: _with_root(_RIGHT_LEG + _LEFT_LEG, _TORSO, _LEFT_ARM + _RIGHT_ARM),
        5: _with_root(_RIGHT_LEG, _LEFT_LEG, _TORSO, _LEFT_ARM, _RIGHT_ARM),
        6: _with_root(_RIGHT_LEG, _LEFT_LEG, (7, 8), (9, 10), _LEFT_ARM, _RIGHT_ARM),
        8: _with_root((1, 2), (3,), (4, 5), (6,), _TORSO, (11, 12), (13,), (14, 15, 16)),
        17: _with_root((), *((joint,) for joint in range(1, 17))),
    },
)

HUMANEVA15 = Skeleton(
    name="humaneva15",
    joints=_HUMANEVA15_JOINTS,
    parents=(-1, 0, 1, 2, 3, 1, 5, 6, 0, 8, 9, 0, 11, 12, 1),
    left=(2, 3, 4, 8, 9, 10),
    right=(5, 6, 7, 11, 12, 13),
    groups={5: _with_root((11, 12, 13), (8, 9, 10), (1, 14), (2, 3, 4), (5, 6, 7))},
)

SKELETONS = {skeleton.name: skeleton for skeleton in (H36M17, HUMANEVA15)}
