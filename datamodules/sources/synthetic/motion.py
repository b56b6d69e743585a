"""Generated motion: joint angles over time, and the body that they pose."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

Angles = NDArray[np.float64]
LIMBS = {
    "arms": ("shoulder_flexion", "shoulder_abduction", "shoulder_rotation", "elbow_flexion"),
    "legs": ("hip_flexion", "hip_abduction", "hip_rotation", "knee_flexion"),
    "trunk": ("trunk_bend", "trunk_lean", "trunk_turn", "neck_bend", "neck_turn"),
}
# share of a limb's movement that its angles have in common, and that all limbs have in common
_WITHIN, _BETWEEN = 0.8, 0.25
# spread of a limb's logarithmic vigour: seldom, and limb by limb, a movement is very large
_VIGOUR = 0.5


def act(
    spec: Mapping[str, Any],
    ranges: Mapping[str, tuple[float, float]],
    habits: Mapping[str, Angles],
    frames: int,
    fps: float,
    generator: np.random.Generator,
) -> dict[str, Angles]:
    """Generate the joint angles of one take, smooth and inside the ranges of motion.

    Every limb follows two movements of its own through fixed synergies, a little of one that the
    whole body shares, and a little of each angle's own; its vigour changes slowly, and has a long
    tail.

    Args:
        spec: description of an action, from `motion.yaml`.
        ranges: channel -> lowest and highest angle, degrees.
        habits: limb -> (channels, 2) synergies of the subject.
        frames: length of the take, F.
        fps: frames per second.
        generator: source of random numbers.

    Returns:
        Channel -> (F,) degrees.
    """
    slow = fps / (2 * np.pi * spec["tempo"])
    whole = _smooth(generator, (2, frames), slow)
    over = _transition(frames, generator) if "then" in spec else np.zeros(frames)
    gait = _gait(spec, frames, fps, generator)
    angles = {}
    for side in ("left_", "right_", ""):
        for limb, channels in LIMBS.items():
            if (limb == "trunk") != (side == ""):
                continue
            own = _smooth(generator, (2, frames), slow)
            common = np.sqrt(1 - _BETWEEN) * own + np.sqrt(_BETWEEN) * whole
            single = _smooth(generator, (len(channels), frames), slow)
            vigour = np.exp(_VIGOUR * _smooth(generator, (1, frames), 3 * slow))
            mixed = np.sqrt(_WITHIN) * habits[limb] @ common + np.sqrt(1 - _WITHIN) * single
            for channel, movement in zip(
                channels, spec["move"][limb] * vigour * mixed, strict=True
            ):
                start = _held(spec.get("hold", {}), side, channel)
                goal = _held(spec.get("then", {}), side, channel, start)
                low, high = ranges[channel]
                mean = start + over * (goal - start) + gait.get(side + channel, 0.0)
                angles[side + channel] = _within(
                    np.clip(mean, low + 1, high - 1), movement, low, high
                )
    return angles


def wander(
    spec: Mapping[str, Any], frames: int, fps: float, generator: np.random.Generator
) -> tuple[Angles, Angles]:
    """Generate a heading (F,) in radians and a path (F, 2) in metres, near the origin."""
    time = np.arange(frames) / fps
    start = generator.uniform(0, 2 * np.pi)
    if "gait" not in spec:
        heading = start + 0.6 * _smooth(generator, (frames,), 1.5 * fps)
        place = generator.uniform(-0.7, 0.7, 2)
        return heading, place + 0.1 * _smooth(generator, (2, frames), 1.5 * fps).T
    radius, sense = generator.uniform(0.8, 1.2), generator.choice([-1, 1])
    around = start + sense * 1.25 * spec["gait"] * time / radius
    path = radius * np.stack([np.cos(around), np.sin(around)], 1)
    return around + sense * np.pi / 2, path


def _gait(
    spec: Mapping[str, Any], frames: int, fps: float, generator: np.random.Generator
) -> dict[str, Angles]:
    """Legs in antiphase, arms against the legs, knees bent as the leg swings forward."""
    if "gait" not in spec:
        return {}
    time = np.arange(frames) / fps
    phase = 2 * np.pi * (spec["gait"] * time + generator.uniform())
    angles = {}
    for side, shift in (("left_", 0.0), ("right_", np.pi)):
        angles[f"{side}hip_flexion"] = 8 + 24 * np.sin(phase + shift)
        angles[f"{side}knee_flexion"] = 26 + 25 * np.cos(phase + shift + np.pi / 6)
        angles[f"{side}shoulder_flexion"] = -18 * np.sin(phase + shift)
        angles[f"{side}elbow_flexion"] = np.full(frames, 20.0)
    return angles


def _held(
    hold: Mapping[str, float], side: str, channel: str, default: float | None = None
) -> float:
    rest = 12.0 if channel in ("elbow_flexion", "knee_flexion", "shoulder_abduction") else 3.0
    fallback = rest if default is None else default
    return hold.get(side + channel, hold.get(channel, fallback))


def _within(mean: Angles, movement: Angles, low: float, high: float) -> Angles:
    room = np.where(movement > 0, high - mean, mean - low)
    return mean + room * np.tanh(movement / room)


def _transition(frames: int, generator: np.random.Generator) -> Angles:
    middle = generator.uniform(0.25, 0.5) * frames
    return 1 / (1 + np.exp(-(np.arange(frames) - middle) / 12))


def _smooth(generator: np.random.Generator, shape: tuple[int, ...], width: float) -> Angles:
    """Gaussian noise of unit variance, smoothed along the last axis over `width` frames."""
    margin = int(4 * width)
    noise = generator.standard_normal((*shape[:-1], shape[-1] + 2 * margin))
    smoothed = gaussian_filter1d(noise, width, axis=-1)[..., margin : margin + shape[-1]]
    return smoothed * np.sqrt(2 * np.sqrt(np.pi) * width)


ANKLE_HEIGHT = 0.08


def pose_body(
    angles: Mapping[str, Angles], heading: Angles, path: Angles, segments: Mapping[str, float]
) -> NDArray[np.float32]:
    """Place a body over a path, its lowest joint an ankle's height above the floor.

    Body axes: x forward, y to the left, z up. A limb's three angles turn it about its own long
    axis, then flex, then abduct; knees bend backwards and elbows forwards.

    Args:
        angles: channel -> (F,) degrees; limbs as `left_…` and `right_…`.
        heading: (F,) direction of forward in the world, radians from x.
        path: (F, 2) the root's place on the floor, metres.
        segments: name -> length, metres.

    Returns:
        (F, 17, 3) metres, world frame, z up.
    """
    turn = Rotation.from_euler("z", heading[:, None])
    lower = turn * _turned(angles, ("trunk_turn", "trunk_bend", "trunk_lean"), 0.4)
    upper = turn * _turned(angles, ("trunk_turn", "trunk_bend", "trunk_lean"), 1.0)
    skull = upper * Rotation.from_euler(
        "zy", np.stack([angles["neck_turn"], angles["neck_bend"]], 1), degrees=True
    )
    joints = np.zeros((len(heading), 17, 3))

    def attach(child: int, parent: int, rotation: Rotation, offset: tuple[float, ...]) -> None:
        joints[:, child] = joints[:, parent] + rotation.apply(offset)

    attach(7, 0, lower, (0, 0, segments["lower_trunk"]))
    attach(8, 7, upper, (0, 0, segments["upper_trunk"]))
    attach(9, 8, skull, (0.03, 0, segments["neck"]))
    attach(10, 9, skull, (-0.01, 0, segments["head"]))
    for side, y, hip, shoulder in (("left", 1, 4, 11), ("right", -1, 1, 14)):
        thigh = turn * _limb(angles, f"{side}_hip", y)
        shank = thigh * _hinge(angles[f"{side}_knee_flexion"])
        attach(hip, 0, turn, (0, y * segments["hip"], 0))
        attach(hip + 1, hip, thigh, (0, 0, -segments["thigh"]))
        attach(hip + 2, hip + 1, shank, (0, 0, -segments["shank"]))
        upper_arm = upper * _limb(angles, f"{side}_shoulder", y)
        bent = _hinge(-angles[f"{side}_elbow_flexion"])
        attach(shoulder, 8, upper, (0, y * segments["shoulder"], -0.02))
        attach(shoulder + 1, shoulder, upper_arm, (0, 0, -segments["upper_arm"]))
        attach(shoulder + 2, shoulder + 1, upper_arm * bent, (0, 0, -segments["forearm"]))
    # a smooth minimum: the supporting joint changes without a jerk
    lowest = -np.log(np.exp(-50 * joints[..., 2]).sum(1)) / 50
    joints[..., 2] += (ANKLE_HEIGHT - lowest)[:, None]
    joints[..., :2] += path[:, None]
    return joints.astype(np.float32)


def _turned(angles: Mapping[str, Angles], names: tuple[str, ...], share: float) -> Rotation:
    return Rotation.from_euler(
        "ZYX", np.stack([share * angles[name] for name in names], 1), degrees=True
    )


def _hinge(angle: Angles) -> Rotation:
    return Rotation.from_euler("y", angle[:, None], degrees=True)


def _limb(angles: Mapping[str, Angles], joint: str, side: int) -> Rotation:
    abduction, flexion, rotation = (
        angles[f"{joint}_{name}"] for name in ("abduction", "flexion", "rotation")
    )
    return Rotation.from_euler(
        "XYZ", np.stack([side * abduction, -flexion, side * rotation], 1), degrees=True
    )
