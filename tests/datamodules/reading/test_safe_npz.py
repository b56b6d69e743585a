"""Pickled arrays and dicts are read, and whatever else a file holds is refused and not run."""

import io
import os
import pickle
import pickletools
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from datamodules.reading.safe_npz import load_npz
from datamodules.reading.safe_pickle import load_pickle
from poseproof.errors import DataError

# what NumPy pickles an array with: of numpy.core.numeric, or numpy._core.numeric from NumPy 2 on
FROM_BUFFER = np.zeros(1).__reduce_ex__(5)[0]
HELD = {
    "S1": {"Walking 1": np.arange(24, dtype=np.float32).reshape(2, 4, 3)},
    "nested": [[4, 5], (1, 2.5, None, True), {"name": "x\u00e9", "bytes": b"\x00\xff"}],
    "scalar": np.float64(2.5),
    "ragged": np.array([np.zeros(2), np.ones((3, 2)), None], dtype=object),
    "text": np.array(["a", "bcd"]),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}


def npy(held, protocol=4):
    """An object array of no dimensions, as `numpy.savez` would write it."""
    array = np.empty((), dtype=object)
    array[()] = held
    return npy_of_pickle(pickle.dumps(array, protocol))


def npy_of_pickle(pickled, header=b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"):
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + pickled


def npz(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, raw in enumerate(members):
            archive.writestr(f"held{number}.npy", raw)
    return path


def refused(path):
    """The message of the refusal: one sentence, which names the file."""
    with pytest.raises(DataError) as error:
        load_npz(path)
    message = str(error.value)
    assert message.startswith(str(path))
    assert message.endswith(".")
    assert "\n" not in message
    return message.removeprefix(str(path))


def assert_same(got, expected):
    assert type(got) is type(expected)
    if isinstance(expected, dict):
        assert list(got) == list(expected)
        for key in expected:
            assert_same(got[key], expected[key])
    elif isinstance(expected, list | tuple) or getattr(expected, "dtype", None) is np.dtype(object):
        assert len(got) == len(expected)
        for left, right in zip(got, expected, strict=True):
            assert_same(left, right)
    else:
        np.testing.assert_array_equal(got, expected)
        assert getattr(got, "dtype", None) == getattr(expected, "dtype", None)


def test_reads_what_numpy_saves(tmp_path):
    plain = np.arange(6.0).reshape(2, 3)
    np.savez_compressed(tmp_path / "a.npz", held=HELD, plain=plain, listed=HELD["ragged"])
    contents = load_npz(str(tmp_path / "a.npz"))
    assert list(contents) == ["held", "plain", "listed"]
    assert_same(contents["held"], HELD)
    assert_same(contents["plain"], plain)
    assert_same(contents["listed"], HELD["ragged"])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_reads_every_pickle_protocol(tmp_path, protocol):
    assert_same(load_npz(npz(tmp_path / "a.npz", npy(HELD, protocol)))["held0"], HELD)


TEXT, WHOLE = st.text(), st.integers()
# no empty bytes: protocols before 3 call a function to make them
SCALARS = (
    TEXT | st.binary(min_size=1) | st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False)
)
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(TEXT | WHOLE, inner),
)


@settings(deadline=None, derandomize=True)
@given(held=NESTED, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_data_are_read_as_python_reads_them(held, protocol):
    pickled = pickle.dumps([held, held], protocol)
    assert_same(load_pickle(io.BytesIO(pickled)), pickle.loads(pickled))  # noqa: S301


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_is_shared_or_circular_stays_so(protocol):
    shared, array = [1], np.arange(3)
    held = {"a": shared, "b": (shared, array), "c": array}
    held["itself"] = held
    got = load_pickle(io.BytesIO(pickle.dumps(held, protocol)))
    assert got["itself"] is got
    assert got["b"][0] is got["a"] == [1]
    assert got["b"][1] is got["c"]
    np.testing.assert_array_equal(got["c"], array)


def renamed(protocol, core):
    """HELD as a NumPy pickles it whose modules stand in the package `core`."""
    held = {key: HELD[key] for key in ("S1", "nested", "scalar", "fortran")}
    written = FROM_BUFFER.__module__.removesuffix(".numeric").encode()
    if protocol < 4:
        return held, npy(held, protocol).replace(b"c" + written, b"c" + core)
    raw = npy(held, protocol)
    start = raw.index(b"\x80" + bytes([protocol]))
    pickled = raw[start:]
    # without its frame, whose length would no longer be right
    assert pickled[2:3] == pickle.FRAME
    pickled = pickled[:2] + pickled[11:]
    for module in (b".multiarray", b".numeric"):
        old, new = written + module, core + module
        pickled = pickled.replace(
            pickle.SHORT_BINUNICODE + bytes([len(old)]) + old,
            pickle.SHORT_BINUNICODE + bytes([len(new)]) + new,
        )
    return held, npy_of_pickle(pickled)


@pytest.mark.filterwarnings("ignore:numpy.core:DeprecationWarning")
@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_reads_the_pickles_of_numpy_1_and_2(tmp_path, protocol, core):
    held, raw = renamed(protocol, core)
    assert core + b".multiarray" in raw
    other = {b"numpy.core": b"numpy._core", b"numpy._core": b"numpy.core"}[core]
    assert other + b"." not in raw
    assert_same(load_npz(npz(tmp_path / "a.npz", raw))["held0"], held)


class Reduced:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Outside:
    """Pickled as something that lies outside of the pickle."""


class OutsidePickler(pickle.Pickler):
    def persistent_id(self, obj):
        return "somewhere else" if isinstance(obj, Outside) else None


def outside():
    stream = io.BytesIO()
    OutsidePickler(stream, 4).dump([Outside()])
    return stream.getvalue()


def hostile(marker):
    """Name -> a pickle that would make the file `marker`, or reaches for what could."""
    shell = f"touch {marker}"
    quoted = f"V{shell}\n".encode()
    python = f"Vopen({str(marker)!r}, 'w')\n".encode()
    return {
        "os.system": pickle.dumps(Reduced(os.system, shell)),
        "subprocess": pickle.dumps(Reduced(subprocess.check_output, ["touch", str(marker)])),
        "eval": pickle.dumps(Reduced(eval, f"open({str(marker)!r}, 'w')")),
        "open": pickle.dumps(Reduced(open, str(marker), "w")),
        "inside a dict of arrays": pickle.dumps({"S1": [np.ones(3), Reduced(os.system, shell)]}),
        "inside an array": pickle.dumps(np.array([1, Reduced(os.system, shell)], dtype=object)),
        "REDUCE of protocol 0": b"cos\nsystem\n(" + quoted + b"tR.",
        "INST": b"(" + quoted + b"ios\nsystem\n.",
        "OBJ": b"(cos\nsystem\n" + quoted + b"o.",
        "NEWOBJ": b"\x80\x02csubprocess\nPopen\n(" + quoted + b"I0\nNNNNI1\nI1\nt\x81.",
        "eval of protocol 0": b"cbuiltins\neval\n(" + python + b"tR.",
        "eval by its Python 2 name": b"c__builtin__\neval\n(" + python + b"tR.",
        "STACK_GLOBAL": b"\x80\x04Vos\nVsystem\n\x93(" + quoted + b"tR.",
        "a dotted name": b"\x80\x04Vnumpy\nVndarray.__class__\n\x93.",
        "a module that numpy imports": b"\x80\x04Vnumpy\nV_core.multiarray.os.system\n\x93.",
        "numpy.loadtxt": b"cnumpy\nloadtxt\n(" + quoted + b"tR.",
        "numpy.memmap": b"cnumpy\nmemmap\n(V" + str(marker).encode() + b"\nVb\nVw+\nI0\n(I4\ntttR.",
        "numpy.core of another name": b"cnumpy.core.multiarray\nfromfile\n(" + quoted + b"tR.",
        "runstring": b"cnumpy.testing._private.utils\nrunstring\n(" + python + b"}tR.",
        "getattr": b"cbuiltins\ngetattr\n(cnumpy\nndarray\nV__class__\ntR.",
        "other codecs": b"c_codecs\nencode\n(VPK\nVzip\ntR.",
        "decode": b"c_codecs\ndecode\n(VPK\nVzip\ntR.",
        "copyreg": b"ccopyreg\n_reconstructor\n(cnumpy\nndarray\ncbuiltins\nobject\nNtR.",
        "BUILD of a type": b"cnumpy\nndarray\n(N}Vtolist\nI1\nstb.",
        "extension registry": b"\x82\x01.",
        "persistent id": outside(),
        "persistent id of protocol 0": b"Psomewhere\n.",
    }


@pytest.mark.parametrize("name", hostile(Path("marker")))
def test_hostile_pickles_are_refused_and_not_run(tmp_path, name):
    marker = tmp_path / "marker"
    pickled = hostile(marker)[name]
    assert [*pickletools.genops(pickled)], "a pickle that can be read to its end"
    message = refused(npz(tmp_path / "a.npz", npy_of_pickle(pickled)))
    assert "nothing of it was run" in message
    assert not marker.exists()


def test_the_hostile_pickles_would_do_harm_elsewhere(tmp_path):
    marker = tmp_path / "marker"
    harmful = set()
    for name in ("os.system", "subprocess", "eval", "REDUCE of protocol 0", "INST", "OBJ"):
        pickle.loads(hostile(marker)[name])  # noqa: S301
        harmful |= {name} & ({name} if marker.exists() else set())
        marker.unlink(missing_ok=True)
    assert len(harmful) == 6


@pytest.mark.filterwarnings("ignore:numpy.core:DeprecationWarning")
@pytest.mark.parametrize("package", ["core", "_core"])
def test_a_pickle_cannot_change_the_functions_that_it_may_call(tmp_path, package):
    before = FROM_BUFFER.__defaults__, dict(vars(FROM_BUFFER))
    named = b"cnumpy." + package.encode() + b".numeric\n_frombuffer\n"
    refused(
        npz(tmp_path / "a.npz", npy_of_pickle(named + b"(}Vmark\nI1\ns}V__defaults__\n(I7\ntstb."))
    )
    assert (FROM_BUFFER.__defaults__, dict(vars(FROM_BUFFER))) == before


def test_a_pickle_that_is_no_array_is_refused(tmp_path):
    assert "does not fit" in refused(npz(tmp_path / "a.npz", npy_of_pickle(pickle.dumps({}))))
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }"
    wrong = npy_of_pickle(pickle.dumps(np.array([1, None])), header)
    assert "does not fit" in refused(npz(tmp_path / "b.npz", wrong))


PLAIN = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x93NUMPY",
        b"not an array at all",
        b"\x93NUMPY\x03\x00" + npy_of_pickle(b"")[8:],
        b"\x93NUMPY\x01\x00\xff\xff{'descr'",
        npy_of_pickle(bytes(16), PLAIN.replace(b"<f8", b"<q9")),
        npy_of_pickle(bytes(16), PLAIN.replace(b"(2,)", b"(2,")),
        npy_of_pickle(bytes(16), PLAIN.replace(b"(2,)", b"'two'")),
        npy_of_pickle(bytes(16), PLAIN.replace(b"(2,)", b"(-2,)")),
        npy_of_pickle(bytes(16), PLAIN.replace(b"(2,)", b"(3,)")),
        npy_of_pickle(bytes(16), PLAIN.replace(b"(2,)", b"(1000000000000000,)")),
        npy_of_pickle(bytes(16), b"{'descr': ("),
        npy_of_pickle(bytes(16), b"  {\n 'descr'\n  1"),
        npy_of_pickle(bytes(16), b"__import__('os').getcwd()"),
        npy_of_pickle(bytes(16), b"(" * 90),
        npy_of_pickle(bytes(16), b"'''"),
        npy_of_pickle(b""),
        npy_of_pickle(b"(" * 5000 + b"."),
        npy_of_pickle(pickle.dumps(np.array(None))[:-4]),
    ],
)
def test_members_that_are_no_arrays_are_refused(tmp_path, raw):
    refused(npz(tmp_path / "a.npz", npy({"a": 1}), raw))


def test_what_is_no_archive_is_refused(tmp_path):
    assert "is not there" in refused(tmp_path / "none.npz")
    assert "is not there" in refused(tmp_path)
    for name, content in (("empty", b""), ("text", b"x y z\n1 2 3\n"), ("npy", npy({}))):
        (tmp_path / name).write_bytes(content)
        assert "damaged or no .npz archive" in refused(tmp_path / name)


def test_an_archive_cut_short_anywhere_is_refused(tmp_path):
    raw = npz(tmp_path / "a.npz", npy(HELD), npy([1])).read_bytes()
    for length in sorted({*range(0, len(raw), 41), 1, 4, 30, len(raw) - 22, len(raw) - 1}):
        (tmp_path / "cut.npz").write_bytes(raw[:length])
        assert "damaged or no .npz archive" in refused(tmp_path / "cut.npz")


def declaring(raw, size):
    """The archive with another uncompressed size in its directory."""
    start = raw.index(b"PK\x01\x02")
    while start >= 0:
        raw = raw[: start + 24] + size.to_bytes(4, "little") + raw[start + 28 :]
        start = raw.find(b"PK\x01\x02", start + 4)
    return raw


def test_an_archive_that_would_fill_the_memory_is_refused(tmp_path):
    path = npz(tmp_path / "bomb.npz", *[npy({})] * 3)
    path.write_bytes(declaring(path.read_bytes(), 0xFFFFFF00))
    assert "unpacks to more than 8 GiB" in refused(path)


def test_an_archive_that_declares_too_little_is_refused(tmp_path):
    path = npz(tmp_path / "bomb.npz", npy_of_pickle(bytes(2**24), PLAIN))
    assert path.stat().st_size < 2**16
    path.write_bytes(declaring(path.read_bytes(), 300))
    assert "damaged" in refused(path)


def test_an_archive_with_a_password_is_refused(tmp_path):
    path = npz(tmp_path / "a.npz", npy({}))
    raw = bytearray(path.read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    refused(path)


def bytes_of_archive():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("held.npy", npy(HELD, 2))
    return stream.getvalue()


ARCHIVE = bytes_of_archive()
MEMBERS = [npy(HELD, 2), npy(HELD, 5), npy_of_pickle(bytes(16), PLAIN)]
changes = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=4), st.integers(0, 3)),
    min_size=1,
    max_size=4,
)
quick = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def changed(raw, edits):
    """Replace a few bytes at each place (a fraction of the length) by others."""
    for place, new, gone in edits:
        at = int(place * len(raw))
        raw = raw[:at] + new + raw[at + gone :]
    return raw


def read_or_refused(path):
    try:
        load_npz(path)
    except DataError as error:
        assert "\n" not in str(error)


@quick
@example(edits=[(0.0, b"", 3)])
@given(edits=changes)
def test_changed_archives_are_read_or_refused(tmp_path, edits):
    path = tmp_path / "a.npz"
    path.write_bytes(changed(ARCHIVE, edits))
    read_or_refused(path)


@pytest.mark.filterwarnings("ignore")
@quick
@given(member=st.sampled_from(MEMBERS), edits=changes)
def test_changed_members_are_read_or_refused(tmp_path, member, edits):
    read_or_refused(npz(tmp_path / "a.npz", changed(member, edits)))


@pytest.mark.filterwarnings("ignore")
@quick
@given(member=st.sampled_from(MEMBERS), edits=changes)
def test_changed_headers_are_read_or_refused(tmp_path, member, edits):
    read_or_refused(npz(tmp_path / "a.npz", changed(member[:70], edits) + member[70:]))
