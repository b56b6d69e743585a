"""Joint angles and paths of generated actions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

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
    """Joint angles of one take, smooth and inside the ranges of motion.

    Every limb follows two movements of its own through fixed synergies, a little of one that the
    whole body shares, and a little of each angle's own; its vigour changes slowly, and has a long
    tail.

    Args:
        spec: an action of `motion.yaml`.
        ranges: channel -> lowest and highest angle, degrees.
        habits: limb -> (channels, 2) synergies of the subject.
        frames: F.
        fps: frames a second.
        generator: of the randomness.

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
    """Heading (F,) in radians and path (F, 2) in metres, inside a few steps of the origin."""
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
