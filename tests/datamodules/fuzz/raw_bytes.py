"""Changes of bytes that know nothing of the format."""

import struct

# what a length or an offset may be replaced by, and what is added to it
_ODD = (
    0,
    1,
    2,
    0x7F,
    0xFF,
    0x7FFF,
    0xFFFF,
    2**24,
    2**31 - 1,
    2**32 - 1,
    2**40,
    2**63 - 1,
    2**64 - 1,
)
_WIDTHS = ((1, "B"), (2, "H"), (4, "I"), (8, "Q"))


def pick(rng, options):
    """One of a sequence, whatever its items are."""
    return options[int(rng.integers(len(options)))]


def odd_number(rng, width, near=0):
    """Little-endian bytes of a number that a reader may not expect, or of one near another."""
    code = dict(_WIDTHS)[width]
    value = pick(rng, _ODD) if rng.random() < 0.6 else near + int(rng.integers(-3, 4))
    return struct.pack(f"<{code}", value % 256**width)


def change(raw, rng, other=b""):
    """One to four changes of `raw`; `other` is what pieces are taken from."""
    raw = bytes(raw)
    for _ in range(pick(rng, (1, 1, 1, 2, 4))):
        raw = pick(rng, _CHANGES)(raw, rng, other or raw)
    return raw


def _place(raw, rng):
    return int(rng.integers(len(raw) + 1))


def _piece(raw, rng):
    start = _place(raw, rng)
    return raw[start : start + int(rng.integers(1, pick(rng, (3, 17, 257, 4097))))]


def _flip(raw, rng, _):
    at = _place(raw, rng)
    return (
        raw[:at] + bytes([raw[at] ^ 1 << int(rng.integers(8))]) + raw[at + 1 :] if raw[at:] else raw
    )


def _overwrite(raw, rng, other):
    at, new = _place(raw, rng), _piece(other, rng)
    return raw[:at] + new + raw[at + len(new) :]


def _insert(raw, rng, other):
    at = _place(raw, rng)
    return raw[:at] + _piece(other, rng) + raw[at:]


def _noise(raw, rng, _):
    at, new = _place(raw, rng), rng.bytes(int(rng.integers(1, 9)))
    return raw[:at] + new + raw[at + len(new) :]


def _delete(raw, rng, _):
    at = _place(raw, rng)
    return raw[:at] + raw[at + len(_piece(raw[at:] or b"0", rng)) :]


def _cut(raw, rng, _):
    return raw[: _place(raw, rng)]


def _number(raw, rng, _):
    at, (width, _) = _place(raw, rng), pick(rng, _WIDTHS)
    near = int.from_bytes(raw[at : at + width], "little")
    return raw[:at] + odd_number(rng, width, near) + raw[at + width :]


_CHANGES = (_flip, _flip, _overwrite, _insert, _noise, _delete, _cut, _number, _number)
