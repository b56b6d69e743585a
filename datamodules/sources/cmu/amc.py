"""AMC, Acclaim's motion format, and the forward kinematics of a skeleton in motion."""

from array import array
from collections.abc import Mapping
from itertools import accumulate, cycle
from pathlib import Path

import numpy as np

from datamodules.sources.cmu.asf import Array, AsfSkeleton, fault, read_lines, rotations
from poseproof.errors import DataError


def read_amc(path: Path, skeleton: AsfSkeleton) -> dict[str, Array]:
    """Read a motion file.

    Args:
        path: AMC file.
        skeleton: skeleton of the same subject.

    Returns:
        Bone -> (F, channels) as in the file; for the root x, y, z in ASF units, then its angles.

    Raises:
        DataError: the file cannot be read, has fewer than two frames, is cut short, does not fit
            the skeleton, or has values that are not finite numbers.
    """
    wanted = {"root": 6} | {n: len(b.channels) for n, b in skeleton.bones.items() if b.channels}
    bones: list[str] = []
    starts: list[int] = []
    values = array("d")
    place = len(wanted)
    lines = (line for line in read_lines(path) if not line[1][0].startswith(":"))
    for place, (number, words) in zip(cycle(range(len(wanted) + 1)), lines, strict=False):
        name = words[0]
        if place == 0:
            if len(words) > 1 or not name.isdecimal():
                raise fault(path, number, f"the number of a frame is needed, not {name[:30]!r}")
            starts.append(number)
            continue
        if len(starts) == 1:
            if name not in wanted or name in bones:
                raise fault(
                    path,
                    number,
                    f"{name[:30]!r} is not a moving bone of the skeleton, or is repeated",
                )
            bones.append(name)
        if name != bones[place - 1] or len(words) != 1 + wanted[name]:
            bone = bones[place - 1]
            raise fault(path, number, f"{wanted[bone]} values of {bone!r} are needed")
        try:
            values.extend(map(float, words[1:]))
        except ValueError as error:
            raise fault(path, number, f"a value of {name!r} is not a number") from error
    if len(starts) < 2 or place != len(wanted):
        raise DataError(
            f"{path} ends inside frame {max(len(starts), 1)}, or before a second one: fetch the "
            "file again, with the .asf file of the same subject."
        )
    table = np.frombuffer(values).reshape(len(starts), -1)
    # overflow ends here too: ASF units are centimetres or inches, angles a few turns
    absurd = ~(np.abs(table) < 1e6).all(axis=1)
    if absurd.any():
        number = starts[int(np.argmax(absurd))]
        raise fault(path, number, "this frame has a value that is not below a million")
    columns = np.split(table, list(accumulate(wanted[bone] for bone in bones))[:-1], axis=1)
    return dict(zip(bones, columns, strict=True))


def joint_positions(skeleton: AsfSkeleton, motion: Mapping[str, Array]) -> dict[str, Array]:
    """Forward kinematics: a bone turns about its own axes, and its children turn with it.

    Args:
        skeleton: skeleton of the subject.
        motion: bone -> (F, channels), as from `read_amc`.

    Returns:
        "root" or bone -> (F, 3) position of its far end: metres, y up, in the database's world.
    """
    root = motion["root"]
    placed = {"root": root[:, :3]}
    turned = {"root": rotations(root[:, 3:], skeleton.degrees)}
    for name, bone in skeleton.bones.items():
        turn = turned[bone.parent]
        if bone.channels:
            angles = np.zeros((len(root), 3))
            angles[:, ["xyz".index(channel[1]) for channel in bone.channels]] = motion[name]
            turn = turn @ (bone.axes @ rotations(angles, skeleton.degrees) @ bone.axes.T)
        turned[name] = turn
        placed[name] = placed[bone.parent] + turn @ bone.offset
    return {name: place * skeleton.metres for name, place in placed.items()}
