"""The formats of images: MPII's annotations and pictures, and those of Human3.6M."""

import json
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np

from datamodules.sources.human36m import source as human36m
from datamodules.sources.human36m.images import Human36MImages
from datamodules.sources.mpii.source import MPII
from datamodules.sources.source import _load
from tests.datamodules.fuzz import archives, json_text, pictures, plain_images
from tests.datamodules.fuzz.raw_bytes import pick
from tests.datamodules.fuzz.target import Target
from tests.datamodules.image_writers import person

_SIZES = {"000000001.jpg": (64, 48), "000000002.jpg": (48, 64), "000000003.jpg": (64, 48)}


@cache
def _people():
    """Path -> the entries of a file."""
    rng = np.random.default_rng(0)
    partly = [1] * 12 + [0] * 4
    train = [
        person("000000001.jpg", (30.0, 22.0), 0.12, rng),
        person("000000002.jpg", (24.0, 30.0), 0.15, rng, joints_vis=partly),
        # who cannot be used
        person("000000001.jpg", (-1, -1), 0.1, rng),
    ]
    valid = [person("000000003.jpg", (36.0, 20.0), 0.4, rng)]
    return {"annot/train.json": train, "annot/valid.json": valid}


@cache
def _mpii_files():
    return {path: json.dumps(held).encode() for path, held in _people().items()} | {
        f"images/{name}": pictures.picture(*size, seed)
        for seed, (name, size) in enumerate(_SIZES.items())
    }


def mpii(change):
    """MPII with one of its files changed."""

    def read(folder):
        return _with_crops(MPII(str(folder)).read())

    return Target(_mpii_files, change, read, plain_images.mpii, plain_images.difference)


def _with_crops(sequences):
    """All crops, read, in the place of what reads them."""
    images = sequences.images
    crops = images.read(np.arange(len(sequences)), plain_images.SIZE)
    return replace(sequences, images=SimpleNamespace(places=images.crops, crops=crops))


def change_annotations(rng):
    """MPII's files with one of annotations changed."""
    path = pick(rng, list(_people()))
    other = _mpii_files()[pick(rng, list(_people()))]
    return _mpii_files() | {path: json_text.change(_people()[path], rng, other)}


def change_picture(rng):
    """MPII's files with a picture changed."""
    return _with_picture(_mpii_files(), rng)


def _with_picture(files, rng):
    paths = [path for path in files if path.endswith(".jpg")]
    path, other = pick(rng, paths), pick(rng, paths)
    return files | {path: pictures.change(files[path], rng, files[other])}


def human36m_images(poses):
    """Human3.6M with pictures of 64 pixels; its poses or a picture changed.

    Args:
        poses: gives file -> contents, of takes "Walking 1" of four frames.
    """

    @cache
    def contents():
        three, two = poses().values()
        flat = {
            subject: {
                take: [pixels * (plain_images.WIDTH / 1000) for pixels in views]
                for take, views in takes.items()
            }
            for subject, takes in two["positions_2d"].items()
        }
        return dict(zip(poses(), (three, two | {"positions_2d": flat}), strict=True))

    @cache
    def valid():
        files = {
            name: archives.pack(archives.members_of(held)) for name, held in contents().items()
        }
        for subject, cameras in plain_images.small_cameras().items():
            for number, camera in enumerate(cameras, 1):
                name = f"s_{int(subject[1:]):02}_act_14_subact_01_ca_{number:02}"
                for frame in range(0, 4, plain_images.STRIDE):
                    path = f"images/{name}/{name}_{frame + 1:06}.jpg"
                    files[path] = pictures.picture(camera.width, camera.height, len(files))
        return files

    def change(rng):
        if rng.random() < 0.6:
            return _with_picture(valid(), rng)
        path = pick(rng, list(contents()))
        return valid() | {path: archives.change(contents()[path], rng)}

    def read(folder):
        # the poses that were read from the folder before
        _load.cache_clear()
        with patch.object(human36m, "human36m_cameras", plain_images.small_cameras):
            source = Human36MImages(str(folder), str(folder / "images"), stride=plain_images.STRIDE)
            return _with_crops(source.read())

    return Target(valid, change, read, plain_images.human36m_images, plain_images.difference)
