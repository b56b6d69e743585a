"""SyntheticMocap: generated motion, so that everything runs with nothing to download."""

import os
import zipfile
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from datamodules.sequences import Float32, PoseSequences
from datamodules.skeletons import H36M17
from datamodules.sources.human36m.recordings import human36m_cameras
from datamodules.sources.source import Source
from datamodules.sources.synthetic.motion import LIMBS, act, pose_body, wander
from datamodules.views import assemble, view_world

FPS = 50.0
_SPLITS = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}
_FOLDER = Path(__file__).parent


class SyntheticMocap(Source):
    """Seven generated people perform the fifteen actions of Human3.6M for four cameras.

    Subjects, actions, two takes of each, cameras and split are Human3.6M's. Heights and
    proportions differ between subjects, joint angles stay inside published ranges of motion, and
    the angles of one limb are more correlated than those of different limbs. `docs/synthetic.md`
    compares it with real motion.

    Args:
        frames: length of every take in frames, at 50 Hz.
        seed: seed of everything random.
    """

    def __init__(self, frames: int = 250, seed: int = 0) -> None:
        self.frames = frames
        self.seed = seed

    def read(self) -> PoseSequences:
        """Generate the motion, or read it from the user's cache."""
        views = [
            view_world(world, camera, subject=s, action=take.split(" ")[0], take=take, fps=FPS)
            for (s, take), world in self._worlds().items()
            for camera in human36m_cameras()[s]
        ]
        title = f"generated motion (SyntheticMocap, {self.frames} frames a take, seed {self.seed})"
        return assemble(views, H36M17, _SPLITS, title)

    def _worlds(self) -> dict[tuple[str, str], Float32]:
        """(Subject, take) -> (F, 17, 3) metres, world frame."""
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        path = Path(home) / "poseproof" / f"synthetic-{self.frames}-{self.seed}-{_version()}.npz"
        try:
            with np.load(path, allow_pickle=False) as archive:
                return {(key.split("/")[0], key.split("/")[1]): archive[key] for key in archive}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            worlds = generate(self.frames, self.seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{os.getpid()}-{path.name}")
        arrays: dict[str, Any] = {"/".join(key): world for key, world in worlds.items()}
        np.savez(draft, **arrays)
        draft.replace(path)
        return worlds


def generate(frames: int, seed: int) -> dict[tuple[str, str], Float32]:
    """Generate all takes; each has its own stream of random numbers, named by subject and take.

    Args:
        frames: length of every take in frames.
        seed: seed of everything random.

    Returns:
        (Subject, take) -> (F, 17, 3) metres, world frame, z up.
    """
    motion = _motion()
    worlds = {}
    for number, (subject, height) in enumerate(motion["subjects"].items()):
        body = np.random.default_rng([seed, number])
        segments = {
            name: height * share * body.uniform(0.94, 1.06)
            for name, share in motion["segments"].items()
        }
        habits = {limb: _synergies(limb, body) for limb in LIMBS}
        for index, (action, spec) in enumerate(motion["actions"].items()):
            for repeat, take in enumerate((action, f"{action} 1")):
                generator = np.random.default_rng([seed, number, index, repeat])
                angles = act(spec, motion["ranges"], habits, frames, FPS, generator)
                heading, path = wander(spec, frames, FPS, generator)
                worlds[subject, take] = pose_body(angles, heading, path, segments)
    return worlds


def _synergies(limb: str, generator: np.random.Generator) -> np.ndarray:
    """(channels, 2) weights of a limb's two movements in its angles, similar in all subjects."""
    channels = len(LIMBS[limb])
    shared = np.random.default_rng(channels + len(limb)).standard_normal((channels, 2))
    own = shared + 0.3 * generator.standard_normal((channels, 2))
    return own / np.linalg.norm(own, axis=1, keepdims=True)


@cache
def _motion() -> dict[str, Any]:
    motion: dict[str, Any] = yaml.safe_load((_FOLDER / "motion.yaml").read_text())
    return motion


@cache
def _version() -> str:
    """A hash of the generator's files, so that motion cached by another version is not read."""
    digest = blake2b(digest_size=4)
    for name in ("source.py", "motion.py", "motion.yaml"):
        digest.update((_FOLDER / name).read_bytes())
    return digest.hexdigest()
