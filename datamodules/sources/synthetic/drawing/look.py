"""Look: what a person keeps in all pictures: build, clothing, skin and hair."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.random import Generator

from datamodules.sequences import Float32
from datamodules.sources.synthetic.drawing.body import PARTS, RADII

# cells of a pattern, which repeats, and how many of them a metre has
CELLS, DENSITY = 64, 200.0
_LEVELS = 4  # of patterns at half the cells of the one before
SHIRT, TROUSERS, SKIN, HAIR, SHOES, DARK, TRIM = range(7)
_SKINS = ((241, 205, 180), (224, 172, 138), (198, 134, 96), (141, 85, 54), (90, 56, 37))
_HAIRS = ((30, 24, 20), (70, 46, 28), (122, 82, 44), (196, 160, 98), (140, 138, 136), (128, 52, 26))


@dataclass(frozen=True)
class Look:
    """A person's look.

    Attributes:
        radii: (P, 2) metres at either end of each part.
        materials: (P, 2) of a part before its hem and beyond it.
        hems: (P,) how far along a part the first material goes, of 0 to 1.
        pyramid: (3, materials, cells, cells) colours, 0 to 255, CELLS of them and half as many, ...
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
    """(3, CELLS, CELLS) of one colour with a grain."""
    grey = np.random.default_rng(int(grain)).normal(0, grain, (CELLS, CELLS))
    return np.reshape(colour, (3, 1, 1)) + grey


def _pattern(colour: np.ndarray, rng: Generator, calm: bool = False) -> np.ndarray:
    """(3, CELLS, CELLS): cloth in one colour, striped, checked, dotted or mottled."""
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
    """(cells, cells) noise from 0 to 1 that goes on over its edges, of power falling by `fall`."""
    waves = np.hypot(np.fft.fftfreq(cells)[:, None], np.fft.rfftfreq(cells)) * cells
    waves[0, 0] = np.inf
    white = np.fft.rfft2(np.random.default_rng(seed).standard_normal((cells, cells)))
    noise = np.fft.irfft2(white / waves**fall, s=(cells, cells))
    low, high = np.quantile(noise, [0.01, 0.99])
    return np.clip((noise - low) / (high - low), 0, 1)
