"""Changes of JPEG files: of their header, of the tables in it, of the scans, and of bytes."""

import cv2
import numpy as np

from tests.datamodules.fuzz import raw_bytes
from tests.datamodules.fuzz.raw_bytes import odd_number, pick

_FRAMES = range(0xC0, 0xD0)
_SIZES = (0, 1, 7, 8, 15, 16, 17, 47, 63, 65, 128, 4000, 0x7FFF, 0xFFFF)
_WAYS = (
    *([], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]),
    [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444],
)
_EXIF = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"  # turned by 90 degrees


def picture(width, height, seed):
    """A JPEG of smooth colours, packed in one of a few ways; every fifth is grey."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 256, (4, 5, 3), np.uint8)
    image = cv2.resize(colours, (width, height), interpolation=cv2.INTER_CUBIC)
    if seed % 5 == 4:
        image = image[..., 0]
    return cv2.imencode(".jpg", image, _WAYS[seed % len(_WAYS)])[1].tobytes()


def change(raw, rng, other):
    """One or two changes of a JPEG; `other` is another whose pieces may be taken."""
    for _ in range(pick(rng, (1, 1, 2))):
        changes = (_frame, _frame, _table, _table, _segments, _around, _scan, _scan, _bytes, _other)
        raw = pick(rng, changes)(raw, rng, other)
    return raw


def split(raw):
    """The segments of the header, with their marks and lengths, and all from the scan on."""
    segments, at = [], 2
    while raw[at : at + 1] == b"\xff" and raw[at + 1 : at + 2] not in (b"", b"\xda"):
        stop = at + 2 + int.from_bytes(raw[at + 2 : at + 4], "big")
        segments.append(raw[at:stop])
        at = max(stop, at + 4)
    return segments, raw[at:]


def join(segments, scan):
    return b"\xff\xd8" + b"".join(segments) + scan


def segment(mark, held):
    return bytes([0xFF, mark]) + (len(held) + 2).to_bytes(2, "big") + held


def hidden(segments, scan, frame, before):
    """A file of another frame than is found where its bytes `before` are taken for a segment.

    A reader that takes them so skips as many bytes as the two after them say.
    """
    at = next(i for i, held in enumerate(segments) if held[1] in _FRAMES and held[1] != 0xC4)
    rest = b"".join(segments[at + 1 :]) + scan
    start = len(join(segments[:at], b"")) + 2
    whole = join([*segments[:at], before, frame], rest)
    skipped = int.from_bytes(whole[start : start + 2], "big")
    return whole + bytes(max(start + skipped - len(whole), 0)) + segments[at] + rest


def _change_at(segments, rng, wanted, changed):
    """One of the segments of these marks, changed."""
    places = [i for i, held in enumerate(segments) if held[1:2] and held[1] in wanted]
    if places:
        at = pick(rng, places)
        segments[at] = changed(segments[at])


def _frame(raw, rng, _):
    segments, scan = split(raw)
    marks = [mark for mark in _FRAMES if mark not in (0xC4, 0xC8, 0xCC)]

    def changed(held):
        what = pick(rng, ("size", "size", "size", "mark", "number", "length", "byte"))
        at = pick(rng, (5, 7))
        if what == "size":
            near = int.from_bytes(held[at : at + 2], "big") + int(rng.integers(-3, 4))
            size = pick(rng, (*_SIZES, near, near)) % 65536
            return held[:at] + size.to_bytes(2, "big") + held[at + 2 :]
        if what == "mark":
            return b"\xff" + bytes([pick(rng, list(_FRAMES))]) + held[2:]
        if what == "number":
            both = pick(rng, (0xFFFF, 40_000, 8000, 1000)).to_bytes(2, "big")
            return held[:5] + both * 2 + held[9:]
        if what == "length":
            return raw_bytes.change(held, rng)
        at = int(rng.integers(4, len(held) + 1))
        return held[:at] + rng.bytes(1) + held[at + 1 :]

    _change_at(segments, rng, marks, changed)
    if rng.random() < 0.15:
        frame = segment(0xC0, b"\x08" + b"\x40\0\x40\0" + b"\3\1\x22\0\2\x11\1\3\x11\1")
        mark = pick(rng, (b"\xff", b"\xff\xd0", b"\xff\1", b"\xff\xd8"))
        if any(held[1:2] and held[1] in marks for held in segments):
            return hidden(segments, scan, frame, mark)
    return join(segments, scan)


def _table(raw, rng, _):
    """Of Huffman codes, of factors, of restarts: changed, with the length that it then has."""
    segments, scan = split(raw)

    def changed(held):
        return segment(held[1], raw_bytes.change(held[4:], rng)[:60_000])

    _change_at(segments, rng, (0xC4, 0xDB, 0xDD), changed)
    return join(segments, scan)


def _segments(raw, rng, other):
    segments, scan = split(raw)
    if not segments:
        return raw
    at = int(rng.integers(len(segments)))
    what = pick(rng, ("delete", "twice", "swap", "of another", "length", "mark", "cut"))
    if what == "delete":
        del segments[at]
    elif what == "twice":
        segments.insert(int(rng.integers(len(segments))), segments[at])
    elif what == "swap":
        segments[at], segments[0] = segments[0], segments[at]
    elif what == "of another":
        segments[at] = pick(rng, split(other)[0] or [b""])
    elif what == "length":
        near = int.from_bytes(segments[at][2:4], "little")
        segments[at] = segments[at][:2] + odd_number(rng, 2, near)[::-1] + segments[at][4:]
    elif what == "mark":
        segments[at] = segments[at][:1] + rng.bytes(1) + segments[at][2:]
    else:
        return join(segments[:at], segments[at][: int(rng.integers(len(segments[at]) + 1))])
    return join(segments, scan)


def _around(raw, rng, other):
    """Something before a segment, or after all of it."""
    segments, scan = split(raw)
    what = pick(
        rng,
        (
            *(b"\xff", b"\xff" * 9, b"\xff\xd0", b"\xff\1", b"\xff\xd8", b"\xff\0", b"junk", b"\0"),
            *(segment(0xFE, b"a comment"), segment(0xFE, b"\xff\xd9"), segment(0xE1, _EXIF)),
            *(segment(0xFE, bytes(65_000)), segment(0xE1, b"Exif\0\0" + other[:9000]), b"\xff\xd9"),
            *(segment(0xEE, b"Adobe\0\x64\0\0\0\0" + rng.bytes(1)), segment(0xDD, rng.bytes(2))),
            *(segment(0xE2, b"ICC_PROFILE\0\1\1" + rng.bytes(200)), segment(0xDC, b"\1\0")),
            segment(0xE1, raw_bytes.change(_EXIF, rng)),
        ),
    )
    if rng.random() < 0.2:
        return raw + pick(rng, (what, other, rng.bytes(99)))
    at = int(rng.integers(len(segments) + 1))
    return join([*segments[:at], what, *segments[at:]], scan)


def _scan(raw, rng, other):
    segments, scan = split(raw)
    what = pick(rng, ("bytes", "bytes", "end", "restart", "again", "of another", "header"))
    at = int(rng.integers(len(scan) + 1))
    if what == "bytes":
        return join(segments, raw_bytes.change(scan, rng, other))
    if what == "end":
        return join(segments, scan[:at] + pick(rng, (b"\xff\xd9", scan[-2:], b"\xff\xd9" * 2)))
    if what == "restart":
        return join(segments, scan[:at] + bytes([0xFF, int(rng.integers(0xD0, 0xD8))]) + scan[at:])
    if what == "again":
        times = pick(rng, (1, 2, 20, 2000 // max(len(scan) // 40, 1)))
        return join(segments, scan[:-2] * (times + 1) + scan[-2:])
    if what == "of another":
        return join(segments, split(other)[1])
    at = int(rng.integers(2, 14))
    return join(segments, scan[:at] + rng.bytes(1) + scan[at + 1 :])


def _bytes(raw, rng, other):
    return raw_bytes.change(raw, rng, other)


def _other(raw, rng, other):
    """Another image, in JPEG, in another format, or none."""
    what = pick(rng, ("empty", "text", ".png", ".bmp", ".webp", "other", "behind", "size", "way"))
    seed = int(rng.integers(1000))
    if what == "empty":
        return b""
    if what == "text":
        return b"this is no image"
    if what in ("other", "behind"):
        return other if what == "other" else raw[:2] + other
    if what in ("size", "way"):
        more = int(rng.integers(-2, 3)) if what == "size" else 0
        return picture(64, 48 + more, seed)
    return cv2.imencode(what, np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
