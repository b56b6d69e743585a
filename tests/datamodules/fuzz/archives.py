"""Changes of .npz files: of the archive, of its members, and of the pickles in them."""

import io
import pickle
import pickletools
import re
import warnings
import zipfile
from functools import cache

import numpy as np

from tests.datamodules.fuzz import contents, raw_bytes
from tests.datamodules.fuzz.raw_bytes import odd_number, pick

_SHELL = b"Vtouch poseproof-was-run\n"
# what a pickle may hold instead of, or beside, what it should
_SNIPPETS = (
    *(b"cos\nsystem\n(" + _SHELL + b"tR", b"(" + _SHELL + b"ios\nsystem\n", b"cbuiltins\neval\n"),
    *(
        b"\x8c\x02os\x8c\x06system\x93" + _SHELL + b"\x85R",
        b"csubprocess\nPopen\n(" + _SHELL + b"tR",
    ),
    *(
        b"cnumpy\nloadtxt\n" + _SHELL + b"\x85R",
        b"cnumpy\nndarray\n",
        b"cnumpy.core.multiarray\nscalar\n",
    ),
    *(b"c_codecs\nencode\n(Vab\nVlatin1\ntR", b"c_codecs\nencode\n(Vab\nVrot13\ntR"),
    *(
        b"r\xff\xff\xff\x7f",
        b"j\xff\xff\xff\x7f",
        b"\x95" + b"\xff" * 7 + b"\x7f",
        b"\x94",
        b"Pout\n",
    ),
    *(b"\x96" + (2**38).to_bytes(8, "little"), b"\x8e" + (2**38).to_bytes(8, "little") + b"ab"),
    *(b"B\xff\xff\xff\x7f", b"\x8b\xff\xff\xff\x7f1", b"I" + b"9" * 5000 + b"\n", b"\x82\x01"),
    *(b"N" + b"\x85" * 100_000, b"N" + b"\x85" * 300_000 + b"N\x86}\x8c\x01aNsb", b"](" * 2000),
    *(
        b"(N" + b"\x85" * 300_000 + b"\x91",
        b"}N" + b"\x85" * 300_000 + b"Ns",
        b"\x8f(N\x90",
        b"0",
        b"1",
    ),
    b"]\x94"
    + b"".join(b"](j" + bytes([n, 0, 0, 0]) * 2 + b"er" + bytes([n, 0, 0, 0]) for n in range(40)),
)


def pack(members, method=zipfile.ZIP_DEFLATED):
    """Member -> bytes, as an archive."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", method, compresslevel=1) as archive,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        for name, raw in members:
            held = zipfile.ZipInfo(name.encode("utf-8", "replace").decode())
            archive.writestr(held, raw, method)
    return stream.getvalue()


def members_of(held, protocol=4):
    """What `numpy.savez` would write: (member, bytes) of every key."""
    return [(f"{key}.npy", _npy(value, protocol)) for key, value in held.items()]


def _npy(value, protocol):
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        stream = io.BytesIO()
        np.lib.format.write_array(stream, value)
        return stream.getvalue()
    array = value if isinstance(value, np.ndarray) else np.empty((), object)
    if array is not value:
        array[()] = value
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(array))
    return stream.getvalue() + pickle.dumps(array, protocol)


def change(held, rng, other=b""):
    """Bytes of an .npz file that holds `held`, changed at one of its levels."""
    level = pick(rng, ("contents", "contents", "contents", "archive", "member", "pickle", "zip"))
    protocol = pick(rng, (2, 3, 4, 4, 5))
    method = pick(rng, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    if level == "contents":
        return pack(members_of(contents.change(held, rng), protocol), method)
    members = members_of(held, protocol)
    if level == "archive":
        return raw_bytes.change(pack(members, method), rng, other)
    if level == "zip":
        return _change_zip(members, method, rng)
    number = int(rng.integers(len(members)))
    name, raw = members[number]
    change_member = _change_pickle if level == "pickle" and b"'|O'" in raw else _change_member
    members[number] = name, change_member(raw, rng)
    return pack(members, method)


def _change_member(raw, rng):
    head = raw.index(b"\n") + 1
    # the header's text as often as all that follows
    if rng.random() < 0.4:
        return raw_bytes.change(raw[:head], rng) + raw[head:]
    return raw[:head] + raw_bytes.change(raw[head:], rng)


def _change_pickle(raw, rng):
    start = raw.index(b"\x80")
    pickled = raw[start:]
    places = [at for _, _, at in pickletools.genops(pickled)]
    for _ in range(pick(rng, (1, 1, 2))):
        number = int(rng.integers(len(places) - 1))
        at, stop = places[number], places[number + 1]
        what = pick(rng, ("snippet", "snippet", "replace", "delete", "twice", "opcode", "argument"))
        opcode = pickled[at:stop]
        if what in ("snippet", "replace"):
            opcode = pick(rng, _SNIPPETS) + (opcode if what == "snippet" else b"")
        elif what == "delete":
            opcode = b""
        elif what == "twice":
            opcode *= 2
        elif what == "opcode":
            opcode = pick(rng, pickletools.opcodes).code.encode("latin1") + opcode[1:]
        else:
            width = min(8, 1 << max(len(opcode) - 2, 0).bit_length())
            opcode = (
                opcode[:1] + odd_number(rng, width, opcode[1] if opcode[1:] else 0) + opcode[9:]
            )
        pickled = pickled[:at] + opcode + pickled[stop:]
        places = places[: number + 1]
        if len(places) < 2:
            break
    return raw[:start] + pickled


@cache
def _bomb():
    """An archive of an array of 2**28 zeros, which is a thousandth of that packed."""
    stream, head = io.BytesIO(), io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (2**28,)}
    np.lib.format.write_array_header_1_0(head, header)
    archive = zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED)
    with archive, archive.open("positions_3d.npy", "w") as member:
        member.write(head.getvalue())
        # piece by piece, so that the peak of memory stays the reader's
        for _ in range(256):
            member.write(bytes(2**20))
    return stream.getvalue()


def _change_zip(members, method, rng):
    what = pick(rng, ("field", "field", "field", "field", "method", "members", "around", "bomb"))
    if what == "method":
        return pack(members, pick(rng, (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))
    if what == "bomb":
        raw = _bomb()
        size = pick(rng, (300, 2**20, 2**26, 2**28, 2**32 - 2))
        at = raw.index(b"PK\x01\x02") + 24
        return raw[:at] + size.to_bytes(4, "little") + raw[at + 4 :]
    if what == "members":
        name, raw = pick(rng, members)
        odd = (name, name[:-4], "", "a\nb.npy", "../../a.npy", "\x00", ".npy" * 999, "b.npy")
        at = int(rng.integers(len(members) + 1))
        extra = [(pick(rng, odd), pick(rng, (raw, b"", b"text", raw[:50])))]
        return pack(members[:at] + extra + members[at:], method)
    raw = pack(members, method)
    if what == "around":
        return pick(rng, (b"", rng.bytes(9))) + raw + pick(rng, (b"", rng.bytes(9), raw))
    mark = pick(rng, (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"))
    at = pick(rng, [found.start() for found in re.finditer(re.escape(mark), raw)])
    at += int(rng.integers(4, 48))
    width = pick(rng, (2, 4))
    near = int.from_bytes(raw[at : at + width], "little")
    return raw[:at] + odd_number(rng, width, near) + raw[at + width :]
