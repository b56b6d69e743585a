"""Poses that a reader can turn: 2D input, prediction and truth, in pages without a network."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from datamodules.skeletons import Skeleton
from experiments.report.pages import TEMPLATES

# what one step of the packed 16-bit numbers stands for: a millimetre; a pixel in 20,000
_METRES, _NORMALISED = 1e-3, 1e-4
_MISSING, _MOST = np.iinfo(np.int16).min, np.iinfo(np.int16).max


@dataclass(frozen=True)
class Scene:
    """A pose, or a clip of F frames, as it was seen and as it was predicted.

    Attributes:
        title: title for people, such as the names of the frames.
        skeleton: layout of the J joints.
        keypoints: (J, 2) or (F, J, 2), the 2D input in [-1, 1] by image width, y down. NaN where a
            joint is missing.
        predicted: (J, 3) or (F, J, 3) metres, camera frame (y down), root-relative.
        truth: true pose in the shape of `predicted`; None where it is not known.
        error: error of the prediction in mm; None where it is not known.
        image: (H, W, 3) uint8, RGB: what the method was given, cut out around the person.
        skeleton_image: (S, S) uint8: what a method has drawn between image and pose.
        fps: frames per second of a clip.
    """

    title: str
    skeleton: Skeleton
    keypoints: NDArray[np.floating]
    predicted: NDArray[np.floating]
    truth: NDArray[np.floating] | None = None
    error: float | None = None
    image: NDArray[np.uint8] | None = None
    skeleton_image: NDArray[np.uint8] | None = None
    fps: float = 50.0

    @property
    def frames(self) -> int:
        """Number of frames F; 1 of a single pose."""
        return len(self.predicted) if self.predicted.ndim == 3 else 1


def viewer_html(scenes: Sequence[Scene], label: str, *, code: bool = True) -> str:
    """A fragment of a page in which poses are turned, by pointer, touch and keyboard.

    The scenes turn together, and clips run together. A scene with an image is also drawn from the
    front, from the side and from above, next to the image.

    Args:
        scenes: scenes to show, one or more.
        label: description of the scenes for screen readers.
        code: whether script and style come along, which a page needs once.

    Returns:
        HTML that asks nothing of the network, for a page that extends `base.html.jinja`, whose
        colours it takes.
    """
    return TEMPLATES.get_template("viewer.html.jinja").render(
        scenes=scenes,
        label=label,
        code=code,
        packed=[_packed(scene) for scene in scenes],
        frames=max(scene.frames for scene in scenes),
        truth=any(scene.truth is not None for scene in scenes),
        png=_png,
    )


def viewer_page(scenes: Sequence[Scene], title: str, text: str = "") -> str:
    """A whole page with one viewer.

    Args:
        scenes: scenes to show, one or more.
        title: title of the page.
        text: paragraph above the viewer.
    """
    return TEMPLATES.get_template("viewer_page.html.jinja").render(
        title=title, text=text, viewer=viewer_html(scenes, title)
    )


def _packed(scene: Scene) -> dict[str, Any]:
    """A scene for the script."""
    skeleton = scene.skeleton
    return {
        "names": [name.replace("_", " ") for name in skeleton.joints],
        "bones": skeleton.bones,
        "left": skeleton.left,
        "right": skeleton.right,
        "frames": scene.frames,
        "fps": scene.fps,
        "keypoints": _pack(scene.keypoints, _NORMALISED),
        "predicted": _pack(scene.predicted, _METRES),
        "truth": None if scene.truth is None else _pack(scene.truth, _METRES),
    }


def _pack(values: NDArray[np.floating], unit: float) -> str:
    """Numbers in steps of a unit, 16 bits each, as text: a tenth of their JSON in a long clip."""
    steps = np.clip(np.round(values / unit), -_MOST, _MOST)
    return b64encode(np.where(np.isnan(steps), _MISSING, steps).astype("<i2").tobytes()).decode()


def _png(image: NDArray[np.uint8]) -> str:
    """A picture as a data URI; RGB or grey."""
    stored = image[..., ::-1] if image.ndim == 3 else image
    data = cv2.imencode(".png", np.ascontiguousarray(stored))[1]
    return "data:image/png;base64," + b64encode(data.tobytes()).decode()
