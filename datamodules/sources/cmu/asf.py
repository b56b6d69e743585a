"""ASF, the skeleton format of Acclaim: the bones of a subject and the angles they may have."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from poseproof.errors import DataError

Array = NDArray[np.float64]
# number of a line, and its words
Line = tuple[int, list[str]]
# bytes; 80,000 frames of the CMU database
_LARGEST = 2**26


def fault(path: Path, number: int, why: str) -> DataError:
    """Make the error that names a file and a line."""
    return DataError(f"{path}, line {number}: {why}; fetch the file again.")


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the lines that are neither blank nor comments.

    Args:
        path: ASF or AMC file.

    Raises:
        DataError: the file does not exist, cannot be read, or is too large.
    """
    try:
        if not path.is_file():
            raise DataError(f"{path} is missing or not a file: check the folder.")
        if path.stat().st_size > _LARGEST:
            raise DataError(
                f"{path} is larger than 64 MiB, too large for a motion: fetch it again."
            )
        with path.open(encoding="latin1") as file:
            for number, line in enumerate(file, 1):
                words = line.split()
                if words and not words[0].startswith("#"):
                    yield number, words
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the file.") from error


class Entry:
    """Lines that each begin with a key, at least one: a section, or a bone.

    Args:
        path: path of the file, for messages.
        lines: lines of the entry.
    """

    def __init__(self, path: Path, lines: list[Line]) -> None:
        self.path = path
        self.start = lines[0][0]
        self.entries: dict[str, list[Line]] = {}
        for number, (key, *words) in lines:
            self.entries.setdefault(key, []).append((number, words))

    def words(self, key: str, count: int) -> Line:
        """Get the words that follow a key; none where the key is missing and `count` is 0.

        Args:
            key: first word of the line.
            count: least number of words that must follow.

        Returns:
            Number of the line, and the words.

        Raises:
            DataError: the key is missing or repeated, or fewer than `count` words follow it.
        """
        (number, words), *others = self.entries.get(key, [(self.start, [])])
        if others:
            raise fault(self.path, others[0][0], f"{key!r} is repeated")
        if len(words) < count:
            raise fault(self.path, number, f"{key!r} is missing or has fewer than {count} values")
        return number, words

    def numbers(self, key: str, count: int) -> Array:
        """Get the first (count,) numbers that follow a key.

        Args:
            key: first word of the line.
            count: number of values to read.

        Raises:
            DataError: there are fewer values, or they are not numbers below a million.
        """
        number, words = self.words(key, count)
        try:
            values = np.array([float(word) for word in words[:count]])
        except ValueError:
            values = np.full(count, np.nan)
        if not (np.abs(values) < 1e6).all():
            raise fault(self.path, number, f"{key!r} needs {count} numbers below a million")
        return values


def read_blocks(path: Path, lines: list[Line]) -> dict[str, Entry]:
    """Read the entries between each `begin` and its `end`, by their names.

    Args:
        path: path of the file, for messages.
        lines: lines of the section.

    Raises:
        DataError: a line is outside a block, a `begin` or `end` is missing, or a name is repeated.
    """
    named: dict[str, Entry] = {}
    block: list[Line] | None = None
    for number, words in lines:
        if words[0] == "begin" and block is None:
            block = []
        elif words[0] == "end" and block:
            entry = Entry(path, block)
            _, (name, *_) = entry.words("name", 1)
            if name in named:
                raise fault(path, number, f"a second bone is called {name[:30]!r}")
            named[name], block = entry, None
        elif block is None or words[0] in ("begin", "end"):
            raise fault(path, number, "a bone must stand between one begin and one end")
        else:
            block.append((number, words))
    if block is not None:
        raise fault(path, lines[-1][0], "the last bone has no end")
    return named


_MOST_BONES = 256  # the database has 30
_INCH = 0.0254


@dataclass(frozen=True)
class Bone:
    """A bone.

    Attributes:
        parent: name of the bone at whose far end this one begins, or "root".
        offset: (3,) vector from its near to its far end at rest: ASF units, scene axes (y up).
        axes: (3, 3) rotation from its own axes, about which it turns, to those of the scene.
        channels: those of rx, ry and rz for which a motion has angles.
    """

    parent: str
    offset: Array
    axes: Array
    channels: tuple[str, ...]


@dataclass(frozen=True)
class AsfSkeleton:
    """A skeleton.

    Attributes:
        bones: name -> bone, from the root outwards.
        metres: length of an ASF unit in metres.
        degrees: whether angles are in degrees rather than radians.
    """

    bones: dict[str, Bone]
    metres: float
    degrees: bool


def read_asf(path: Path) -> AsfSkeleton:
    """Read a skeleton file; its unit of length is 1 / `length` inches.

    Args:
        path: ASF file.

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
                raise fault(path, number, f"the section {words[0][:30]!r} is repeated")
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
    """Convert (..., 3) angles about fixed x, then y, then z to rotations (..., 3, 3)."""
    turns = Rotation.from_euler("xyz", angles.reshape(-1, 3), degrees=degrees)
    return turns.as_matrix().reshape(*angles.shape, 3)


def _bones(path: Path, sections: dict[str, list[Line]], degrees: bool) -> dict[str, Bone]:
    """Read the bones that are connected to the root."""
    described = read_blocks(path, sections["bonedata"])
    if len(described) > _MOST_BONES:
        raise DataError(f"{path} has over {_MOST_BONES} bones, too many for a person: fetch it.")
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
