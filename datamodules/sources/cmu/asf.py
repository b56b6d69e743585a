"""ASF, Acclaim's skeleton format: the bones of a subject and the angles that they may have."""

from dataclasses import dataclass
from pathlib import Path

from scipy.spatial.transform import Rotation

from datamodules.sources.cmu.asf_lines import Array, Entry, Line, fault, read_blocks, read_lines
from poseproof.errors import DataError

_MOST_BONES = 256  # the database has 30
_INCH = 0.0254


@dataclass(frozen=True)
class Bone:
    """A bone.

    Attributes:
        parent: the bone at whose far end it begins, or "root".
        offset: (3,) from its near to its far end at rest, ASF units, axes of the scene (y up).
        axes: (3, 3) from its own axes, about which it turns, to those of the scene.
        channels: which of rx, ry, rz a motion gives for it.
    """

    parent: str
    offset: Array
    axes: Array
    channels: tuple[str, ...]


@dataclass(frozen=True)
class AsfSkeleton:
    """A skeleton: bones from the root outwards, metres an ASF unit, whether angles are degrees."""

    bones: dict[str, Bone]
    metres: float
    degrees: bool


def read_asf(path: Path) -> AsfSkeleton:
    """Read a skeleton file; its unit of length is 1 / `length` inches.

    Raises:
        DataError: the file cannot be read, is not of the format, or has axes in another order than
            the CMU database: TX TY TZ RX RY RZ for the root, XYZ for a bone.
    """
    sections: dict[str, list[Line]] = {}
    current: list[Line] = []
    for number, words in read_lines(path):
        if words[0].startswith(":"):
            name, current = words[0][1:], []
            if sections.setdefault(name, current) is not current:
                raise fault(path, number, f"the section {words[0][:30]!r} is there twice")
        else:
            current.append((number, words))
    for name in ("units", "root", "bonedata", "hierarchy"):
        if not sections.get(name):
            raise DataError(f"{path} has no section :{name}, or an empty one: fetch it again.")
    units = Entry(path, sections["units"])
    number, angle = units.words("angle", 1)
    if angle[0] not in ("deg", "rad"):
        raise fault(path, number, f"angles are in deg or rad, not {angle[0][:30]!r}")
    number, order = Entry(path, sections["root"]).words("order", 6)
    if [channel.upper() for channel in order] != ["TX", "TY", "TZ", "RX", "RY", "RZ"]:
        raise fault(path, number, "the root's order is not TX TY TZ RX RY RZ")
    length = units.numbers("length", 1)[0]
    if not 1e-3 < length < 1e3:
        raise fault(path, units.words("length", 1)[0], "the unit of length is not 0.001 to 1000")
    degrees = angle[0] == "deg"
    return AsfSkeleton(_bones(path, sections, degrees), _INCH / length, degrees)


def rotations(angles: Array, degrees: bool) -> Array:
    """(..., 3) angles about fixed x, then y, then z -> (..., 3, 3)."""
    turns = Rotation.from_euler("xyz", angles.reshape(-1, 3), degrees=degrees)
    return turns.as_matrix().reshape(*angles.shape, 3)


def _bones(path: Path, sections: dict[str, list[Line]], degrees: bool) -> dict[str, Bone]:
    """The bones that hang on the root."""
    described = read_blocks(path, sections["bonedata"])
    if len(described) > _MOST_BONES:
        raise DataError(f"{path} has more than {_MOST_BONES} bones: that is no person.")
    children: dict[str, list[tuple[int, str]]] = {}
    for number, (parent, *names) in sections["hierarchy"]:
        children.setdefault(parent, []).extend((number, name) for name in names)
    bones: dict[str, Bone] = {}
    waiting = ["root"]
    while waiting:
        parent = waiting.pop()
        for number, name in children.get(parent, ()):
            if name in bones or name == "root":
                raise fault(path, number, f"the bone {name[:30]!r} hangs in a circle or twice")
            if name not in described:
                raise fault(path, number, f"the bone {name[:30]!r} is not under :bonedata")
            bones[name] = _bone(described[name], parent, degrees)
            waiting.append(name)
    return bones


def _bone(entry: Entry, parent: str, degrees: bool) -> Bone:
    number, axis = entry.words("axis", 4)
    if axis[3].upper() != "XYZ":
        raise fault(entry.path, number, f"the axes are in the order {axis[3][:30]!r}, not XYZ")
    number, channels = entry.words("dof", 0)
    if channels != sorted(set(channels) & {"rx", "ry", "rz"}):
        raise fault(entry.path, number, "'dof' must be some of rx ry rz, in this order")
    return Bone(
        parent,
        entry.numbers("direction", 3) * entry.numbers("length", 1),
        rotations(entry.numbers("axis", 3), degrees),
        tuple(channels),
    )
