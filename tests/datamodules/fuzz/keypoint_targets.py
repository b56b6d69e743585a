"""The formats of a user's own keypoints."""

import io
import json
from functools import cache

import numpy as np

from datamodules.sources.keypoints.own_clip import read_own_clip
from tests.datamodules import keypoint_writers as writers
from tests.datamodules.fuzz import archives, json_text, plain
from tests.datamodules.fuzz.raw_bytes import pick
from tests.datamodules.fuzz.target import Target

_WIDTH, _HEIGHT = 1280, 720


@cache
def _poses():
    return writers.swaying(4)


def _people():
    return {frame: [pose] for frame, pose in enumerate(_poses())}


def _npz():
    return {"keypoints": _poses(), "image_size": np.array([_WIDTH, _HEIGHT]), "fps": np.array(25.0)}


JSON = {
    "coco": lambda: {"clip.json": writers.coco_results(_people())},
    "alphapose": lambda: {"clip.json": writers.alphapose_like(_people())},
    "mmpose": lambda: {"clip.json": writers.mmpose(_people())},
    "openpose": lambda: {f"clip/{name}": h for name, h in writers.openpose(_people()).items()},
}


def _target(valid, change):
    def read(folder):
        path = folder / next(iter(valid())).partition("/")[0]
        return read_own_clip(path, (_WIDTH, _HEIGHT), None, 0.3).sequences()

    def plainly(folder):
        if {name: (folder / name).read_bytes() for name in valid()} != valid():
            # which of the people is taken, and what is filled, is the reader's to say
            raise plain.UnreadableError
        middle = np.array([_WIDTH, _HEIGHT]) / 2
        return [(writers.as_h36m(_poses()) - middle) / middle[0]], {}

    return Target(valid, change, read, plainly, _difference)


def _difference(result, expected, splits):
    found = result.keypoints
    if found.dtype != np.float32 or found.shape[1:] != (17, 2) or len(result.segments) != 1:
        return f"keypoints are {found.dtype} of {found.shape}"
    if not len(found) or not np.isfinite(found).all() or np.abs(found).max() > 1e6:
        return "keypoints are not finite, or none"
    if expected is not None and (
        found.shape != expected[0].shape or np.abs(found - expected[0]).max() > 1e-6
    ):
        return f"keypoints {found.shape} are others"
    return ""


def json_target(name):
    """A format of JSON, one of its files changed."""

    @cache
    def valid():
        return {path: json.dumps(held).encode() for path, held in JSON[name]().items()}

    def change(rng):
        path, other = pick(rng, list(valid())), pick(rng, list(valid().values()))
        return valid() | {path: json_text.change(JSON[name]()[path], rng, other)}

    return _target(valid, change)


def npz_target():
    """The arrays, or their archive, changed."""

    @cache
    def valid():
        stream = io.BytesIO()
        np.savez(stream, **_npz())
        return {"clip.npz": stream.getvalue()}

    return _target(valid, lambda rng: {"clip.npz": archives.change(_npz(), rng)})
