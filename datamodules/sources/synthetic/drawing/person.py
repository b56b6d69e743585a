"""A drawn person: the capsules of the body, and how their clothing and skin look."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.random import Generator

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
    """The component of vectors that is perpendicular to a unit axis."""
    return vectors - (vectors * axis).sum(axis=-1, keepdims=True) * axis


# cells of a pattern, which repeats, and how many of them a metre has
CELLS, DENSITY = 64, 200.0
_LEVELS = 4  # of patterns at half the cells of the one before
SHIRT, TROUSERS, SKIN, HAIR, SHOES, DARK, TRIM = range(7)
_SKINS = ((241, 205, 180), (224, 172, 138), (198, 134, 96), (141, 85, 54), (90, 56, 37))
_HAIRS = ((30, 24, 20), (70, 46, 28), (122, 82, 44), (196, 160, 98), (140, 138, 136), (128, 52, 26))


@dataclass(frozen=True)
class Look:
    """The look of a person.

    Attributes:
        radii: (P, 2) metres at either end of each part.
        materials: (P, 2) material of each part before its hem and beyond it.
        hems: (P,) how far along a part the first material reaches, from 0 to 1.
        pyramid: (3, materials, cells, cells) colours from 0 to 255; CELLS cells, then half …
        hair: metres that hair reaches down behind the head.
    """

    radii: Float32
    materials: np.ndarray
    hems: Float32
    pyramid: tuple[Float32, ...]
    hair: float

    def patterns_at(self, scale: float) -> Float32:
        """The patterns, coarser where a pixel, of which a metre has so many, covers many cells."""
        level = int(np.clip(np.log2(DENSITY / scale), 0, len(self.pyramid) - 1))
        return self.pyramid[level]


def make_look(rng: Generator) -> Look:
    """Draw a look from a stream of random numbers."""
    build, muscle = rng.uniform(0.92, 1.22), rng.uniform(0.95, 1.15)
    torso = ("left_side", "right_side", "chest", "belly", "pelvis")
    face = ("head", "hair", "left_eye", "right_eye", "front")
    sizes = [1 if p in face else build if p in torso else muscle for p in PARTS]
    radii = np.array(list(RADII.values())) * np.array(sizes)[:, None]

    materials = dict.fromkeys(PARTS, (SKIN, SKIN))
    hems = dict.fromkeys(PARTS, 1.0)
    for part in ("shoulders", "left_side", "right_side", "chest", "belly", "front"):
        materials[part] = (SHIRT, SHIRT)
    materials |= {"pelvis": (TROUSERS, TROUSERS), "hair": (HAIR, HAIR)}
    if rng.random() < 0.6:
        materials["front"] = (TRIM, TRIM)
    # hems along the arm and the leg, in lengths of their bones: 0.5 is half of the upper one
    sleeve, leg = rng.choice([0.1, 0.6, 1.5, 1.95]), rng.choice([0.8, 1.3, 1.95, 1.95])
    for side in ("left", "right"):
        for number, part in enumerate((f"{side}_upper_arm", f"{side}_forearm")):
            materials[part], hems[part] = (SHIRT, SKIN), sleeve - number
        for number, part in enumerate((f"{side}_thigh", f"{side}_shin")):
            materials[part], hems[part] = (TROUSERS, SKIN), leg - number
        materials[f"{side}_shoe"] = (SHOES, SHOES)
        materials[f"{side}_eye"] = (DARK, DARK)
    shirt, trousers, shoes, trim = (rng.uniform(20, 235, 3) for _ in range(4))
    # legs of a colour much like the shirt's would be hard to tell from it
    if np.abs(shirt - trousers).max() < 60:
        trousers = 255 - shirt
    patterns = (
        _pattern(shirt, rng),
        _pattern(trousers, rng, calm=True),
        *(_plain(_SKINS[rng.integers(len(_SKINS))], 6), _plain(_HAIRS[rng.integers(6)], 14)),
        *(_plain(shoes, 6), _plain((25, 20, 20), 0), _pattern(trim, rng)),
    )
    pyramid = [np.stack(patterns, axis=1).astype(np.float32)]
    for _ in range(_LEVELS):
        fine = pyramid[-1].shape[-1]
        halved = pyramid[-1].reshape(3, len(patterns), fine // 2, 2, fine // 2, 2)
        pyramid.append(halved.mean(axis=(3, 5)))
    return Look(
        radii=radii.astype(np.float32),
        materials=np.array([materials[part] for part in PARTS]),
        hems=np.array([hems[part] for part in PARTS], np.float32),
        pyramid=tuple(pyramid),
        hair=float(rng.choice([0.0, 0.0, 0.06, 0.16])),
    )


def _plain(colour: tuple[int, int, int] | np.ndarray, grain: float) -> np.ndarray:
    """A (3, CELLS, CELLS) pattern of one colour with a grain."""
    grey = np.random.default_rng(int(grain)).normal(0, grain, (CELLS, CELLS))
    return np.reshape(colour, (3, 1, 1)) + grey


def _pattern(colour: np.ndarray, rng: Generator, calm: bool = False) -> np.ndarray:
    """A (3, CELLS, CELLS) cloth in one colour, striped, checked, dotted or mottled."""
    other = np.clip(colour + rng.choice([-1, 1]) * rng.uniform(40, 110, 3), 5, 250)
    along, around = np.mgrid[:CELLS, :CELLS]
    period = int(rng.choice([8, 16, 32]))
    kinds = [
        np.zeros((CELLS, CELLS)),
        along % period < period / 2,
        around % period < period / 2,
        ((along % period < period / 2) * 1.0 + (around % period < period / 2)) / 2,
        np.hypot(along % 16 - 7.5, around % 16 - 7.5) < 4,
        mottle(CELLS, 1.6, 3),
    ]
    chosen = int(rng.choice([0, 0, 0, 1, 5] if calm else range(len(kinds))))
    mixed = np.asarray(kinds[chosen], float)
    cloth = colour[:, None, None] * (1 - mixed) + other[:, None, None] * mixed
    return np.clip(cloth + _plain(np.zeros(3), 5), 0, 255)


@cache
def mottle(cells: int, fall: float, seed: int) -> np.ndarray:
    """Noise (cells, cells) from 0 to 1 that repeats over its edges, of power falling by `fall`."""
    waves = np.hypot(np.fft.fftfreq(cells)[:, None], np.fft.rfftfreq(cells)) * cells
    waves[0, 0] = np.inf
    white = np.fft.rfft2(np.random.default_rng(seed).standard_normal((cells, cells)))
    noise = np.fft.irfft2(white / waves**fall, s=(cells, cells))
    low, high = np.quantile(noise, [0.01, 0.99])
    return np.clip((noise - low) / (high - low), 0, 1)
