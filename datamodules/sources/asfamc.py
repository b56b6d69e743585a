"""ASF/AMC, Acclaim's motion capture format: a skeleton file, motion files, forward kinematics."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from datamodules.errors import DataError

Array = NDArray[np.float64]
_LARGEST = 2**28  # bytes; the longest motion of the CMU database has about 20 million
_ROOT_CHANNELS = ("TX", "TY", "TZ", "RX", "RY", "RZ")


@dataclass(frozen=True)
class Bone:
    """A bone: `offset` in units of length at rest, its axes, and the angles it may have."""

    parent: str
    offset: Array
    axes: Rotation
    channels: tuple[str, ...]


@dataclass(frozen=True)
class AsfSkeleton:
    """A subject's skeleton: bones from the root outwards, and metres a unit of length."""

    bones: dict[str, Bone]
    metres: float
    degrees: bool


def read_asf(path: Path) -> AsfSkeleton:
    """Read a skeleton file.

    Raises:
        DataError: it is not there, or not of the format.
    """
    sections = _sections(_text(path))
    try:
        units = {line[0]: line[1] for line in sections["units"]}
        degrees = {"deg": True, "rad": False}[units["angle"]]
        root = {line[0].lower(): line[1:] for line in sections["root"]}
        if tuple(channel.upper() for channel in root["order"]) != _ROOT_CHANNELS:
            raise ValueError("its root's order is not TX TY TZ RX RY RZ")
        parents = {
            child: line[0] for line in sections["hierarchy"] if len(line) > 1 for child in line[1:]
        }
        described = {held["name"][0]: held for held in _bone_data(sections["bonedata"])}
        bones: dict[str, Bone] = {}
        waiting = ["root"]
        while waiting:
            parent = waiting.pop()
            for name in (child for child, other in parents.items() if other == parent):
                if name in bones or name == "root":
                    raise ValueError(f"its bone {name} hangs in a circle")
                bones[name] = _bone(described[name], parent, degrees)
                waiting.append(name)
        # the database's lengths are inches times its own `length`
        metres = 0.0254 / _finite(units["length"])
    except (KeyError, IndexError, ValueError, OverflowError) as error:
        why = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else error
        raise DataError(f"{path} is no ASF skeleton ({why}): fetch it again.") from error
    return AsfSkeleton(bones, metres, degrees)


def read_amc(path: Path, skeleton: AsfSkeleton) -> dict[str, Array]:
    """Read a motion file: bone -> (F, channels), the root's six first lengths, then angles.

    Raises:
        DataError: it is not there, cut short, or does not fit the skeleton.
    """
    lines = _text(path).splitlines()
    body = [line for line in lines if line and not line.startswith(("#", ":"))]
    tokens = " ".join(body).split()
    wanted = {"root": 6} | {n: len(b.channels) for n, b in skeleton.bones.items() if b.channels}
    per_frame = 1 + sum(1 + count for count in wanted.values())
    frames = len(tokens) // per_frame
    if frames < 2 or len(tokens) % per_frame:
        raise DataError(
            f"{path} ends inside frame {frames + 1}, or has other bones than its skeleton: fetch "
            "it again, with the .asf file of the same subject."
        )
    motion, place = {}, 1
    while place < per_frame:
        name = tokens[place]
        width = wanted.pop(name, 0)
        rows = [tokens[start : start + 1 + width] for start in range(place, len(tokens), per_frame)]
        wrong = next((n for n, row in enumerate(rows) if row[0] != name), None) if width else 0
        try:
            values = np.array([row[1:] for row in rows], dtype=np.float64)
            if wrong is not None or not np.isfinite(values).all():
                raise ValueError
        except ValueError as error:
            raise DataError(
                f"{path}: the values of {name!r} are not {width} finite numbers in every frame: "
                "fetch it again."
            ) from error
        motion[name] = values
        place += 1 + width
    return motion


def joint_positions(skeleton: AsfSkeleton, motion: dict[str, Array]) -> dict[str, Array]:
    """Forward kinematics: "root" or bone -> (F, 3) of its far end, metres, y up."""
    placed = {"root": motion["root"][:, :3]}
    turned = {"root": _rotation(motion["root"][:, 3:], skeleton.degrees)}
    for name, bone in skeleton.bones.items():
        angles = np.zeros((len(motion["root"]), 3))
        for column, channel in enumerate(bone.channels):
            angles[:, "xyz".index(channel[1])] = motion[name][:, column]
        own = bone.axes * _rotation(angles, skeleton.degrees) * bone.axes.inv()
        turned[name] = turned[bone.parent] * own
        placed[name] = placed[bone.parent] + turned[name].apply(bone.offset)
    return {name: place * skeleton.metres for name, place in placed.items()}


def _text(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"{path} is not there: check the folder.")
    if path.stat().st_size > _LARGEST:
        raise DataError(f"{path} has more than 256 MiB: that is no motion capture file.")
    return path.read_text(encoding="latin1").replace("\r", "\n")


def _sections(text: str) -> dict[str, list[list[str]]]:
    sections: dict[str, list[list[str]]] = {}
    current: list[list[str]] = []
    for line in text.splitlines():
        words = line.split()
        if line.startswith(":"):
            current = sections.setdefault(line[1:].split()[0] if len(line) > 1 else "", [])
        elif words and not line.startswith("#"):
            current.append(words)
    return sections


def _bone_data(lines: list[list[str]]) -> list[dict[str, list[str]]]:
    bones: list[dict[str, list[str]]] = []
    for line in lines:
        if line[0] == "begin":
            bones.append({})
        elif bones:
            bones[-1].setdefault(line[0], line[1:])
    return bones


def _bone(held: dict[str, list[str]], parent: str, degrees: bool) -> Bone:
    direction = np.array([_finite(value) for value in held["direction"][:3]])
    axis = np.array([_finite(value) for value in held["axis"][:3]])
    channels = tuple(held.get("dof", ()))
    if direction.shape != (3,) or axis.shape != (3,) or not set(channels) <= {"rx", "ry", "rz"}:
        raise ValueError(f"its bone {held['name'][0]} is not described in full")
    length = _finite(held["length"][0])
    return Bone(parent, direction * length, _rotation(axis[None], degrees)[0], channels)


def _finite(text: str) -> float:
    value = float(text)
    if not np.isfinite(value):
        raise ValueError(f"{text} is not finite")
    return value


def _rotation(angles: Array, degrees: bool) -> Rotation:
    """About fixed x, then y, then z."""
    return Rotation.from_euler("xyz", angles, degrees=degrees)
