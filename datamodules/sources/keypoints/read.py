"""Reads a file of 2D keypoints, or a folder of one file a frame, whatever its format."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.reading.safe_json import MOST_BYTES, load_json
from datamodules.reading.safe_npz import load_npz
from datamodules.sources.keypoints.clip import LARGEST, Clip, person
from datamodules.sources.keypoints.estimators import (
    is_mmpose_frame,
    is_mmpose_person,
    is_openpose_frame,
    read_coco_results,
    read_mmpose,
    read_mmpose_images,
    read_openpose,
)
from poseproof.errors import DataError

_MOST_FILES = 200_000  # in a folder; an hour and more of video


def read_clip(path: Path) -> Clip:
    """Read a file of 2D keypoints, or a folder of one file for each frame, in any known format.

    Args:
        path: the file or the folder.

    Raises:
        DataError: it does not exist, is of no known format, is damaged, or contains nobody.
    """
    clip = _folder(path) if path.is_dir() else _file(path)
    if not any(clip.people.values()):
        raise DataError(f"{path} contains no people: choose another file.")
    return clip


def _folder(path: Path) -> Clip:
    frames = {name: load_json(path / name) for name in _json_names(path)}
    if all(isinstance(contents, list) for contents in frames.values()):
        return read_mmpose_images(path, frames)
    return read_openpose(path, frames)


def _json_names(folder: Path) -> list[str]:
    """List the names of the JSON files in a folder.

    Raises:
        DataError: there are none, or more files or bytes than a clip has.
    """
    try:
        sizes = {path.name: path.stat().st_size for path in folder.glob("*.json")}
    except OSError as error:
        raise DataError(f"{folder} cannot be read: check the path.") from error
    if not sizes:
        raise DataError(f"{folder} holds no .json files: give a folder of one file a frame.")
    if len(sizes) > _MOST_FILES or sum(sizes.values()) > MOST_BYTES:
        raise DataError(
            f"{folder} holds more than {_MOST_FILES} files or {MOST_BYTES >> 20} MiB: split it "
            "into shorter clips."
        )
    return sorted(sizes)


def _file(path: Path) -> Clip:
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError as error:
        raise DataError(f"{path} cannot be read: check the path.") from error
    if start == b"PK":
        return read_npz(path)
    contents = load_json(path)
    if is_openpose_frame(contents):
        return read_openpose(path, {path.name: contents})
    if isinstance(contents, dict) and "instance_info" in contents:
        return read_mmpose(path, contents)
    if isinstance(contents, dict) and contents and all(map(is_openpose_frame, contents.values())):
        return read_openpose(path, contents)
    if isinstance(contents, list) and contents and _is_mmpose(contents[0]):
        return read_mmpose(path, contents)
    if isinstance(contents, list) and contents:
        return read_coco_results(path, contents)
    raise DataError(
        f"{path} is of no known format: give an npz with `keypoints`, COCO results, or "
        "what OpenPose, AlphaPose or MMPose writes."
    )


def _is_mmpose(value: Any) -> bool:  # noqa: ANN401
    return is_mmpose_person(value) or is_mmpose_frame(value)


def read_npz(path: Path) -> Clip:
    """Read `keypoints` (F, 17, 2) in pixels, or (F, 17, 3) with scores, from an .npz file.

    NaN marks a missing joint. Optional arrays are `scores` (F, 17), `image_size` (width, height),
    `fps`, and `layout`, "coco" or "h36m".

    Args:
        path: the file.

    Raises:
        DataError: the file is missing or damaged, or has other keys, shapes or types.
    """
    arrays = load_npz(path)
    known = ("keypoints", "scores", "image_size", "fps", "layout")
    if "keypoints" not in arrays or (others := sorted(set(arrays) - set(known))):
        has = ", ".join(arrays) if "keypoints" not in arrays else ", ".join(others)
        raise DataError(
            f"{path} has {_short(has) or 'nothing'}, but `keypoints` is needed, and there may be "
            f"{', '.join(known[1:])}."
        )
    keypoints = _numbers(arrays["keypoints"], f"{path}, `keypoints`")
    if keypoints.ndim != 3 or keypoints.shape[1] != 17 or keypoints.shape[2] not in (2, 3):
        raise DataError(
            f"{path}: `keypoints` has shape {keypoints.shape}, but (frames, 17, 2 or 3) is needed."
        )
    missing = np.isnan(keypoints).any(axis=2)
    scores = keypoints[..., 2] if keypoints.shape[2] == 3 else np.ones(keypoints.shape[:2])
    if "scores" in arrays:
        scores = _numbers(arrays["scores"], f"{path}, `scores`")
        if scores.shape != missing.shape:
            raise DataError(
                f"{path}: `scores` has shape {scores.shape}, but {missing.shape} is needed: one "
                "for every joint."
            )
        missing |= np.isnan(scores)
    points = np.concatenate([keypoints[..., :2], scores[..., None]], axis=2)
    points[missing] = 0
    return Clip(
        format="npz",
        people={frame: [person(joints)] for frame, joints in enumerate(points)},
        layout=_layout(arrays.get("layout"), path),
        image_size=_size(arrays.get("image_size"), path),
        fps=_fps(arrays.get("fps"), path),
    )


def _numbers(value: Any, where: str) -> NDArray[np.float64]:  # noqa: ANN401
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise DataError(f"{where} is not an array of real numbers: correct it.")
    numbers = value.astype(np.float64)
    if (np.abs(numbers) >= LARGEST).any():
        raise DataError(
            f"{where} has numbers of a million or more, which cannot be pixels: correct it."
        )
    return numbers


def _size(value: Any, path: Path) -> tuple[int, int] | None:  # noqa: ANN401
    if value is None:
        return None
    numbers = _numbers(value, f"{path}, `image_size`")
    if numbers.shape != (2,) or not (numbers >= 1).all() or (numbers % 1).any():
        raise DataError(f"{path}: `image_size` is not a width and a height in pixels: correct it.")
    width, height = numbers.tolist()
    return int(width), int(height)


def _fps(value: Any, path: Path) -> float | None:  # noqa: ANN401
    if value is None:
        return None
    numbers = _numbers(value, f"{path}, `fps`")
    if numbers.size != 1 or not 0 < numbers.item() <= 10_000:
        raise DataError(f"{path}: `fps` is not a number of frames per second: correct it.")
    return float(numbers.item())


def _layout(value: Any, path: Path) -> str | None:  # noqa: ANN401
    if value is None:
        return None
    layout = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
    if not isinstance(layout, str) or layout not in ("coco", "h36m"):
        raise DataError(f"{path}: `layout` is neither coco nor h36m: correct it.")
    return layout


def _short(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:100])
