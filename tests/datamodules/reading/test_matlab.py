"""MATLAB files: v5 against SciPy's writer, v7.3 against h5py's, and changed bytes of both."""

import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from datamodules.reading import matlab_v5
from datamodules.reading.matlab import read_mat
from poseproof.errors import DataError
from tests.datamodules.sources.conftest import as_cells, write_v5, write_v73

quick = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
KINDS = ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]
numbers = st.sampled_from(KINDS).flatmap(
    lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=2, max_dims=4, max_side=5))
)


@quick
@given(array=numbers, name=st.sampled_from(["a", "annot2", "univ_annot3"]), compress=st.booleans())
def test_v5_holds_what_scipy_wrote(array, name, compress, tmp_path):
    path = tmp_path / "a.mat"
    write_v5(path, {"before": "text", name: array, "after": {"a": 1}}, compress)
    read = read_mat(path, [name])
    assert list(read) == [name]
    assert read[name].shape == array.shape
    np.testing.assert_array_equal(read[name], array)


@quick
@given(held=st.lists(numbers, min_size=1, max_size=5), compress=st.booleans())
def test_cells_of_v5_hold_what_scipy_wrote(held, compress, tmp_path):
    path = tmp_path / "a.mat"
    write_v5(path, {"a": as_cells(*held)}, compress)
    read = read_mat(path, ["a"])["a"]
    assert len(read) == len(held)
    for ours, theirs in zip(read, held, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@quick
@given(array=numbers)
def test_v73_holds_what_h5py_wrote(array, tmp_path):
    path = tmp_path / "a.mat"
    write_v73(path, {"a": array})
    np.testing.assert_array_equal(read_mat(path, ["a"])["a"], array)


@pytest.mark.parametrize("value", ["text", {"a": 1}, as_cells("a"), np.array([[1j]])])
def test_anything_but_numbers_is_refused(value, tmp_path):
    path = tmp_path / "a.mat"
    write_v5(path, {"a": value, "b": np.ones((1, 2))})
    assert list(read_mat(path, ["b"])) == ["b"]
    with pytest.raises(DataError, match="'a' is not an array of numbers"):
        read_mat(path, ["a"])


def test_a_bomb_is_not_inflated(tmp_path, monkeypatch):
    path = tmp_path / "a.mat"
    write_v5(path, {"a": np.zeros((1000, 1000))})
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(matlab_v5, "_LARGEST", 2**20)
    with pytest.raises(DataError, match="an element is cut short"):
        read_mat(path, ["a"])


@settings(quick, max_examples=150)
@given(
    kind=st.sampled_from(["v5", "v5 compressed", "v73"]),
    place=st.floats(0, 1, exclude_max=True),
    junk=st.none() | st.binary(min_size=1, max_size=8) | st.sampled_from([b"\xff" * 4, b"\0" * 4]),
)
def test_changed_bytes_are_read_or_refused_in_one_sentence(kind, place, junk, tmp_path):
    path = tmp_path / "a.mat"
    held = {"a": np.arange(60.0).reshape(3, 4, 5), "valid_frame": np.ones((1, 5), np.uint8)}
    if kind == "v73":
        write_v73(path, held)
    else:
        write_v5(path, held, kind == "v5 compressed")
    raw = bytearray(path.read_bytes())
    at = int(place * len(raw))
    raw[at:] = b"" if junk is None else junk + raw[at + len(junk) :]
    path.write_bytes(raw)
    try:
        read = read_mat(path, list(held))
    except DataError as told:
        assert "\n" not in str(told)
        assert len(str(told)) < 500
    else:
        assert all(isinstance(array, np.ndarray | list) for array in read.values())


def test_a_compressed_file_that_is_changed_inside_is_refused(tmp_path):
    """Its checksum tells."""
    path = tmp_path / "a.mat"
    write_v5(path, {"a": np.arange(60.0).reshape(3, 20)})
    raw = path.read_bytes()
    inflated = bytearray(zlib.decompress(raw[136:]))
    inflated[-8] ^= 1
    squeezed = zlib.compress(bytes(inflated))[:-4] + raw[-4:]
    path.write_bytes(raw[:132] + len(squeezed).to_bytes(4, "little") + squeezed)
    with pytest.raises(DataError, match="incorrect data check"):
        read_mat(path, ["a"])
