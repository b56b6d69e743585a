"""Changes of MATLAB files, v7.3 (HDF5) and v5: of their variables, their structure and bytes."""

import io
import re
import struct
import zlib
from functools import cache

import h5py
import numpy as np
import scipy.io

from tests.datamodules.fuzz import contents, raw_bytes
from tests.datamodules.fuzz.raw_bytes import odd_number, pick

_HEAD = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM"
# what parts of an HDF5 file begin with
_SIGNATURES = re.compile(rb"\x89HDF|TREE|HEAP|SNOD|OHDR|OCHK|BTHD|FRHP|GCOL|FADB|FSHD")
_PACKING = (
    *({}, {}, {"chunks": True}, {"compression": "gzip"}, {"compression": "gzip", "shuffle": True}),
    *({"compression": "gzip", "chunks": "small"}, {"compression": "lzf"}, {"maxshape": True}),
)


def pack_v73(variables, packing=(), libver="earliest", extra=lambda file: None):
    """Bytes of a v7.3 file; axes are already in HDF5's order."""
    stream = io.BytesIO()
    with h5py.File(stream, "w", userblock_size=512, libver=libver) as file:
        for name, array in variables.items():
            options = dict(packing) if np.size(array) else {}
            if options.get("chunks") == "small" and np.ndim(array):
                options["chunks"] = (min(3, len(array)), *np.shape(array)[1:])
            if options.pop("maxshape", False):
                options["maxshape"] = (None,) * np.ndim(array)
            file.create_dataset(name, data=array, **(options if np.ndim(array) else {}))
        extra(file)
    return _HEAD.ljust(512, b"\0") + stream.getvalue()[512:]


def pack_v5(variables, compressed):
    stream = io.BytesIO()
    scipy.io.savemat(stream, variables, do_compression=compressed)
    return stream.getvalue()


def change_v73(variables, rng):
    level = pick(rng, ("variables", "extra", "structure", "structure", "structure", "bytes"))
    packing, libver = pick(rng, _PACKING), pick(rng, ("earliest", "earliest", "latest"))
    if level == "variables":
        return pack_v73(_storable(contents.change(variables, rng)), packing, libver)
    if level == "extra":
        extra = pick(rng, (_links, _virtual, _cyclic, _types, _sparse, _chunked))
        return pack_v73(variables, packing, libver, extra)
    raw = pack_v73(variables, packing, libver)
    if level == "bytes":
        return raw_bytes.change(raw, rng)
    for _ in range(pick(rng, (1, 1, 2, 4))):
        raw = _change_structure(raw, rng)
    return raw


@cache
def _bomb_v5():
    """A file of an array of 2**28 zeros, which is a thousandth of that packed."""
    small = pack_v5({"annot2": np.zeros((1, 2), np.uint8)}, False)
    head, body, count = small[:128], small[136:-8], 2**28
    # the shape, and behind the name the type and the length of what follows
    body = body[:24] + struct.pack("<II", 1, count) + body[32:-8] + body[-8:]
    body = body[: body.index(b"annot2") + 8] + struct.pack("<II", 2, count)
    packing = zlib.compressobj()
    packed = packing.compress(struct.pack("<II", 14, len(body) + count) + body)
    # piece by piece, so that the peak of memory stays the reader's
    packed += b"".join(packing.compress(bytes(2**20)) for _ in range(count // 2**20))
    packed += packing.flush()
    return head + struct.pack("<II", 15, len(packed)) + packed


def change_v5(variables, rng):
    compressed = rng.random() < 0.5
    if rng.random() < 0.01:
        return _bomb_v5()
    if rng.random() < 0.3:
        return pack_v5(_storable(contents.change(variables, rng)), compressed)
    raw = pack_v5(variables, compressed)
    if rng.random() < 0.5:
        return raw_bytes.change(raw, rng)
    # the tags that say type and length of what follows stand at multiples of eight
    for _ in range(pick(rng, (1, 1, 2, 4))):
        at = 8 * int(rng.integers(len(raw) // 8 if rng.random() < 0.3 else 60))
        at += pick(rng, (0, 4))
        near = int.from_bytes(raw[at : at + 4], "little")
        raw = raw[:at] + odd_number(rng, 4, near) + raw[at + 4 :]
    return raw


def _change_structure(raw, rng):
    found = [match.start() for match in _SIGNATURES.finditer(raw)]
    # all that is not arrays stands early, or close behind a signature
    start = pick(rng, [*found, 512]) if rng.random() < 0.6 else int(rng.integers(512, 4000))
    at = start + int(rng.integers(pick(rng, (16, 64, 512))))
    if rng.random() < 0.4:
        return raw[:at] + rng.bytes(1) + raw[at + 1 :]
    width = pick(rng, (1, 2, 4, 8))
    near = int.from_bytes(raw[at : at + width], "little")
    return raw[:at] + odd_number(rng, width, near) + raw[at + width :]


def _storable(variables):
    """Those variables that a file of the format can hold."""
    held = {}
    for name, array in variables.items():
        if not isinstance(name, str) or not name.isidentifier() or len(name) > 30:
            continue
        if isinstance(array, np.ndarray) and array.dtype.kind in "biufcS" and array.ndim < 30:
            held[name] = array
        elif isinstance(array, str):
            held[name] = array.encode("ascii", "replace").decode()
        elif isinstance(array, float):
            held[name] = array
    return held


def _links(file):
    for name, link in (
        ("annot2", h5py.SoftLink("/univ_annot3")),
        ("univ_annot3", h5py.ExternalLink("/etc/hostname", "/a")),
        ("valid_frame", h5py.SoftLink("/nowhere")),
    ):
        del file[name]
        file[name] = link


def _virtual(file):
    shape = file["annot2"].shape
    del file["annot2"], file["univ_annot3"]
    layout = h5py.VirtualLayout(shape, "f8")
    layout[...] = h5py.VirtualSource("/etc/hostname", "a", shape)
    file.create_virtual_dataset("annot2", layout)
    shape = (*shape[:-1], 3)
    file.create_dataset("univ_annot3", shape, "f8", external=[("/etc/hostname", 0, 8 * 10**4)])


def _cyclic(file):
    file["annot2"].attrs["self"] = file["annot2"].ref
    file["/group/again"] = file["/"]
    del file["valid_frame"]
    file["valid_frame"] = file["/group"]


def _sparse(file):
    """Gigabytes of zeros that are not there."""
    del file["annot2"]
    file.create_dataset("annot2", (2**25, 1, 17, 2), "f8", chunks=(1, 1, 17, 2))


def _chunked(file):
    """Millions of pieces that are not there."""
    del file["valid_frame"]
    file.create_dataset("valid_frame", (2**26, 1), "u1", chunks=(1, 1))


def _types(file):
    shape = file["annot2"].shape
    frames = file["valid_frame"].shape
    del file["annot2"], file["valid_frame"]
    file.create_dataset("annot2", shape, h5py.string_dtype())
    file.create_dataset("valid_frame", frames, h5py.ref_dtype)
    # as large as it says, and none of it there
    file.create_dataset("huge", (2**40,), "f8", chunks=(2**20,))
