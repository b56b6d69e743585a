"""What is known of MPII's images before they are read: their sizes."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from datamodules.cameras import Camera
from datamodules.reading.jpeg import jpeg_size
from poseproof.errors import DataError


def read_headers(folder: Path, names: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """Name -> width and height in pixels, and bytes, of images in a folder.

    Raises:
        DataError: an image is missing, or its header is damaged.
    """
    headers = {}
    for name in dict.fromkeys(names):
        path = folder / name
        try:
            with path.open("rb") as file:
                headers[name] = (*jpeg_size(file, path), path.stat().st_size)
        except OSError as error:
            raise DataError(f"{path} cannot be read, which the annotations name.") from error
    return headers


@cache
def unknown_camera(width: int, height: int) -> Camera:
    """A camera at the origin, whose focal length stands as the image's width."""
    lens: dict[str, Any] = {"radial": (0.0, 0.0, 0.0), "tangential": (0.0, 0.0)}
    return Camera(
        id=f"{width}x{height}",
        width=width,
        height=height,
        center=(width / 2, height / 2),
        focal=(float(width), float(width)),
        orientation=(1.0, 0.0, 0.0, 0.0),
        translation=(0.0, 0.0, 0.0),
        **lens,
    )
