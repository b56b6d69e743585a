"""Which format a file has, by what it holds."""

from pathlib import Path
from typing import Any

from datamodules.sources.keypoints import mmpose, openpose
from datamodules.sources.keypoints.clip import Clip
from datamodules.sources.keypoints.coco_results import read_coco_results
from datamodules.sources.keypoints.json_files import json_names, load_json
from datamodules.sources.keypoints.npz import read_npz
from poseproof.errors import DataError


def read_clip(path: Path) -> Clip:
    """Read a file, or a folder of one file a frame.

    Raises:
        DataError: it is not there, of none of the formats, damaged or wrong, or has nobody in it.
    """
    clip = _folder(path) if path.is_dir() else _file(path)
    if not any(clip.people.values()):
        raise DataError(f"{path} has nobody in it.")
    return clip


def _folder(path: Path) -> Clip:
    frames = {name: load_json(path / name) for name in json_names(path)}
    if all(isinstance(held, list) for held in frames.values()):
        return mmpose.read_mmpose_images(path, frames)
    return openpose.read_openpose(path, frames)


def _file(path: Path) -> Clip:
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError as error:
        raise DataError(f"{path} cannot be read: check the path.") from error
    if start == b"PK":
        return read_npz(path)
    held = load_json(path)
    if openpose.is_frame(held):
        return openpose.read_openpose(path, {path.name: held})
    if isinstance(held, dict) and "instance_info" in held:
        return mmpose.read_mmpose(path, held)
    if isinstance(held, dict) and held and all(map(openpose.is_frame, held.values())):
        return openpose.read_openpose(path, held)
    if isinstance(held, list) and held and _is_mmpose(held[0]):
        return mmpose.read_mmpose(path, held)
    if isinstance(held, list) and held:
        return read_coco_results(path, held)
    raise DataError(
        f"{path} is none of the formats that are read: an npz with `keypoints`, COCO results, or "
        "what OpenPose, AlphaPose or MMPose writes."
    )


def _is_mmpose(held: Any) -> bool:  # noqa: ANN401
    return mmpose.is_person(held) or mmpose.is_frame(held)
