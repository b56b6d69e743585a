"""Body: the capsules that stand for a person's limbs, torso and head, from the 17 joints."""

import numpy as np

from datamodules.sequences import Float32
from datamodules.skeletons import H36M17

_AT = {name: number for number, name in enumerate(H36M17.joints)}
# part -> its radii in metres at either end; a thin adult's
RADII = {
    "shoulders": (0.066, 0.066),
    "left_side": (0.096, 0.092),
    "right_side": (0.096, 0.092),
    "chest": (0.106, 0.104),
    "belly": (0.104, 0.108),
    "pelvis": (0.106, 0.106),
    **{f"{side}_thigh": (0.088, 0.058) for side in ("left", "right")},
    **{f"{side}_shin": (0.056, 0.038) for side in ("left", "right")},
    **{f"{side}_shoe": (0.042, 0.033) for side in ("left", "right")},
    **{f"{side}_upper_arm": (0.056, 0.043) for side in ("left", "right")},
    **{f"{side}_forearm": (0.042, 0.031) for side in ("left", "right")},
    **{f"{side}_hand": (0.034, 0.026) for side in ("left", "right")},
    "neck": (0.058, 0.054),
    "head": (0.072, 0.095),
    "hair": (0.096, 0.103),
    "left_eye": (0.014, 0.014),
    "right_eye": (0.014, 0.014),
    "front": (0.018, 0.018),
}
PARTS = tuple(RADII)


def capsules(joints: Float32, hair: Float32) -> Float32:
    """The ends of the capsules' axes, (B, P, 2, 3), in the order of `PARTS`.

    Every joint lies inside a capsule, as joints lie inside a body. What the joints do not say is
    added: the face looks where chest and head point, toes point away from the bend of the knee,
    hands go on along the forearms.

    Args:
        joints: (B, 17, 3) metres, in any right-handed frame.
        hair: (B,) metres that hair reaches down behind the head.
    """
    at = {name: joints[:, number] for name, number in _AT.items()}
    spread = at["left_shoulder"] - at["right_shoulder"]
    upright = _unit(at["thorax"] - at["spine"])
    # what is to the left, crossed with what is above, is ahead
    ahead = _unit(np.cross(spread, upright))
    hips_ahead = _unit(np.cross(at["left_hip"] - at["right_hip"], at["spine"] - at["hip"]))
    crown = _unit(at["head"] - at["thorax"])
    gaze = _unit(_across(at["neck"] - at["thorax"] + 0.05 * ahead, crown))
    aside = np.cross(crown, gaze)

    jaw = at["neck"] - 0.03 * gaze
    skull = at["head"] - 0.088 * crown - 0.02 * gaze
    eyes = at["head"] - 0.11 * crown + 0.072 * gaze
    back = skull + 0.008 * crown - 0.03 * gaze
    high = at["thorax"] - 0.07 * upright
    ends = {
        "shoulders": (at["left_shoulder"], at["right_shoulder"]),
        "chest": (high, at["spine"]),
        "belly": (at["spine"], _between(at["spine"], at["hip"], 0.55)),
        "pelvis": (_between(at["hip"], at["left_hip"]), _between(at["hip"], at["right_hip"])),
        "neck": (at["thorax"], jaw),
        "head": (jaw, skull),
        "hair": (back - hair[:, None] * crown - 0.02 * gaze, back),
        "left_eye": (eyes + 0.032 * aside, eyes + 0.032 * aside),
        "right_eye": (eyes - 0.032 * aside, eyes - 0.032 * aside),
        "front": (high + 0.1 * ahead, _between(high, at["spine"]) + 0.1 * ahead),
    }
    for side in ("left", "right"):
        hip, knee, ankle = (at[f"{side}_{joint}"] for joint in ("hip", "knee", "foot"))
        shoulder, elbow, wrist = (at[f"{side}_{joint}"] for joint in ("shoulder", "elbow", "wrist"))
        shin, thigh = _unit(ankle - knee), _unit(knee - hip)
        toes = _unit(_across(hips_ahead + thigh, shin))
        ends |= {
            f"{side}_side": (
                _between(shoulder, at["thorax"], 0.38) - 0.09 * upright,
                _between(hip, at["spine"], 0.35),
            ),
            f"{side}_thigh": (_between(hip, at["hip"], 0.12), knee),
            f"{side}_shin": (knee, ankle + 0.02 * shin),
            f"{side}_shoe": (ankle + 0.05 * shin - 0.03 * toes, ankle + 0.06 * shin + 0.13 * toes),
            f"{side}_upper_arm": (shoulder, elbow),
            f"{side}_forearm": (elbow, wrist),
            f"{side}_hand": (wrist, wrist + 0.085 * _unit(wrist - elbow)),
        }
    return np.stack([np.stack(ends[part], axis=1) for part in PARTS], axis=1)


def _between(start: Float32, end: Float32, share: float = 0.7) -> Float32:
    return start + share * (end - start)


def _unit(vectors: Float32) -> Float32:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def _across(vectors: Float32, axis: Float32) -> Float32:
    """What is left of vectors across a unit axis."""
    return vectors - (vectors * axis).sum(axis=-1, keepdims=True) * axis
