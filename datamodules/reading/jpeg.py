"""Read JPEG files, which may be damaged, cut short or forged."""

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from poseproof.errors import DataError

_MOST_PIXELS = 50_000_000  # more than any photograph of such data
# a block of 64 pixels takes a bit at least, in whatever way it is packed
_PIXELS_A_BYTE = 512
# a progressive file has ten; every scan goes over the whole picture, and may hold next to nothing
_MOST_SCANS = 100
# markers: the file's start, a scan's start, the file's end
_START, _SCAN, _END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
# these stand alone, without a length, and have no place in a header: TEM, restarts, start, end
_ALONE = (0x00, 0x01, *range(0xD0, 0xDA))


def read_jpeg(path: Path) -> NDArray[np.uint8]:
    """Read a JPEG file as it is stored, without turning it.

    Args:
        path: file to read.

    Returns:
        (H, W, 3) BGR.

    Raises:
        DataError: the file is missing, not a JPEG file, damaged or cut short.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: it is missing, or you lack permission to read it."
        ) from error
    width, height = jpeg_size(BytesIO(raw), path)
    # scans hold no markers but their own, so that the last end stands behind the last scan
    if raw.rfind(_END) < raw.rfind(_SCAN) or width * height > _PIXELS_A_BYTE * len(raw):
        raise DataError(f"{path} is cut short: copy or extract it again.")
    if raw.count(_SCAN) > _MOST_SCANS:
        raise DataError(f"{path} has over {_MOST_SCANS} scans: extract it again, as plain JPEG.")
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(raw, np.uint8), flags)
    if image is None:
        raise DataError(f"{path} is damaged: copy or extract it again.")
    return np.asarray(image, np.uint8)


def jpeg_size(file: BinaryIO, path: Path) -> tuple[int, int]:
    """Read the width and height from the header of a JPEG file.

    Args:
        file: open file, at its start.
        path: path of the file, for messages.

    Raises:
        DataError: it is not a JPEG file, its header is damaged, or the image is too large to be a
            photograph.
    """
    if file.read(2) != _START:
        raise DataError(f"{path} is not a JPEG file: extract or copy it again.")
    damaged = DataError(f"{path} is damaged or cut short: copy or extract it again.")
    # just as the decoder goes, which might else come upon a larger frame than is found here
    while True:
        marker = file.read(2)
        while marker == b"\xff\xff":
            # the first byte of a marker may be there more than once
            marker = marker[1:] + file.read(1)
        size = file.read(2)
        length = int.from_bytes(size, "big")
        if len(size) < 2 or marker[0] != 0xFF or marker[1] in _ALONE or length < 2:
            raise damaged
        # the frame's header, whatever way it is compressed; 4, 8 and 12 mark other things
        if 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):
            frame = file.read(5)
            if len(frame) < 5:
                raise damaged
            height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:], "big")
            if not 0 < width * height <= _MOST_PIXELS:
                raise DataError(
                    f"{path} is {width} x {height} pixels, too large for a photo: extract it again."
                )
            return width, height
        file.seek(length - 2, 1)
