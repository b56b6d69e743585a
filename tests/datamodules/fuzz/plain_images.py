"""Plain readings of image data: plain JSON, OpenCV's own reader of files, and sums for a crop."""

import json
from dataclasses import dataclass, replace
from functools import cache
from math import ceil
from unittest.mock import patch

import cv2
import numpy as np

from datamodules.skeletons import H36M17
from datamodules.sources.human36m.recordings import human36m_cameras
from tests.datamodules.fuzz import plain
from tests.datamodules.sources.mpii.test_source import JOINTS

SIZE = 16  # of the crops, pixels
WIDTH = 64  # of the images of Human3.6M, pixels
STRIDE = 2
# levels of 255: OpenCV places samples to a 32nd of a pixel, and rounds more than once
_NEAR = 10


@dataclass(frozen=True)
class Pictured:
    """A sequence, the crops' places (F, 3) in the units of keypoints, and the crops, RGB."""

    plain: plain.Plain
    places: np.ndarray
    crops: np.ndarray


@cache
def small_cameras():
    """Human3.6M's cameras with images of 64 pixels, for haste."""
    return {
        subject: tuple(
            replace(
                camera,
                width=WIDTH,
                height=round(camera.height * scale),
                center=tuple(np.multiply(camera.center, scale)),
                focal=tuple(np.multiply(camera.focal, scale)),
            )
            for camera in cameras
            for scale in [WIDTH / camera.width]
        )
        for subject, cameras in human36m_cameras().items()
    }


def mpii(folder):
    """Plain readings of MPII's annotations and images."""
    sequences = []
    for subject in ("train", "valid"):
        raw = (folder / "annot" / f"{subject}.json").read_bytes()
        sequences += [
            _person(entry, subject, folder / "images" / entry["image"])
            for entry in json.loads(raw, object_pairs_hook=_fields)
            if entry["center"] != [-1, -1] and any(entry["joints_vis"])
        ]
    return sequences, {"train": ("train",), "test": ("valid",)}


def _fields(pairs):
    assert len(dict(pairs)) == len(pairs), "a field is there twice"
    return dict(pairs)


def _person(entry, subject, path):
    image = _picture(path)
    height, width = image.shape[:2]
    x, y = entry["center"][0] - 0.5, entry["center"][1] - 0.5 + 15 * entry["scale"]
    side = 250 * entry["scale"]
    pixels = []
    for name in H36M17.joints:
        number = JOINTS.index(name) if name in JOINTS else None
        if number is not None and entry["joints_vis"][number]:
            across, down = entry["joints"][number]
            pixels.append((across - 0.5, down - 0.5, 1))
        else:
            pixels.append((x, y, 0))
    flat = np.array(pixels) / [width / 2, width / 2, 1] - [1, height / width, 0]
    labels = subject, entry["image"], f"{width}x{height}", 1.0
    place = (x - width / 2) / (width / 2), (y - height / 2) / (width / 2), side / (width / 2)
    return Pictured(
        plain.Plain(*labels, flat[None], np.zeros((1, len(pixels), 3))),
        np.array([place]),
        _crop(image, x, y, side)[None],
    )


def human36m_images(folder):
    """Plain readings of Human3.6M's files and of every `STRIDE`-th frame's image."""
    with patch.object(plain, "human36m_cameras", small_cameras):
        sequences, splits = plain.human36m(folder)
    pictured = []
    for read in sequences:
        assert read.take == "Walking 1"
        cameras = small_cameras()[read.subject]
        (number,) = (n for n, c in enumerate(cameras, 1) if c.id == read.camera)
        height = cameras[number - 1].height
        name = f"s_{int(read.subject[1:]):02}_act_14_subact_01_ca_{number:02}"
        places, crops = [], []
        for frame in range(0, len(read.joints), STRIDE):
            corner, end = (f(read.keypoints[frame, :, :2], axis=0) for f in (np.min, np.max))
            x, y = (corner + end) / 2
            side = 1.25 * max(end - corner)
            image = _picture(folder / "images" / name / f"{name}_{frame + 1:06}.jpg")
            # where the image's middle is by the height that the camera is said to have
            middle = x * WIDTH / 2 + WIDTH / 2, y * WIDTH / 2 + height / 2
            places.append((x, y, side))
            crops.append(_crop(image, *middle, side * WIDTH / 2))
        kept = replace(
            read,
            fps=50 / STRIDE,
            keypoints=read.keypoints[::STRIDE],
            joints=read.joints[::STRIDE],
        )
        pictured.append(Pictured(kept, np.array(places), np.array(crops)))
    return pictured, splits


def _picture(path):
    image = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    assert image is not None, "OpenCV cannot read the image"
    return image


def _crop(image, x, y, side):
    """A square (SIZE, SIZE, 3) RGB around a place in pixels from the image's corner."""
    rows, columns = _weights(y, side, image.shape[0]), _weights(x, side, image.shape[1])
    return np.einsum("rh,hwc,vw->rvc", rows, image[..., ::-1].astype(float), columns, optimize=True)


def _weights(middle, side, length):
    """(SIZE, length): what each pixel counts for in those of the crop, along an axis."""
    samples = min(max(ceil(side / SIZE), 1), 8)
    steps = (np.arange(SIZE * samples) + 0.5) / (SIZE * samples) - 0.5
    places = middle + steps * side - 0.5
    between = np.maximum(1 - np.abs(places[:, None] - np.arange(length)), 0)
    return between.reshape(SIZE, samples, length).mean(1)


def difference(sequences, expected, splits):
    """What is not right in a reader's result with its crops, or nothing."""
    read = sequences.images
    wanted = None if expected is None else [pictured.plain for pictured in expected]
    if wrong := plain.difference(sequences, wanted, splits):
        return wrong
    if read.crops.shape != (len(sequences), SIZE, SIZE, 3) or read.crops.dtype != np.uint8:
        return f"crops {read.crops.shape}, {read.crops.dtype}"
    if not sequences.has_joints and sequences.joints.any():
        return "3D that there is not"
    if expected is None:
        return ""
    places = np.concatenate([pictured.places for pictured in expected])
    if not np.allclose(read.places, places, rtol=1e-6, atol=1e-6):
        return f"crops lie {np.abs(read.places - places).max()} off"
    gap = np.abs(read.crops - np.concatenate([pictured.crops for pictured in expected])).max()
    return f"crops are {gap} off" if gap > _NEAR else ""
