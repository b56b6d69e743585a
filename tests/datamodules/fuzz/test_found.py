"""What fuzzing found in the readers, kept; each of these crashed, hung, or was read wrong."""

import io
import tracemalloc
import zipfile
import zlib

import h5py
import numpy as np
import pytest

from datamodules.reading.matlab import read_mat
from datamodules.reading.safe_npz import load_npz
from datamodules.sources.human36m.source import Human36M
from datamodules.sources.mpi_inf_3dhp.source import MPIINF3DHP
from datamodules.sources.pose_npz.source import PoseNpz
from poseproof.errors import DataError
from tests.datamodules.fuzz.archives import pack
from tests.datamodules.fuzz.contents import _shared
from tests.datamodules.sources.conftest import (
    annotated_tests,
    annotated_training,
    write_tests_npz,
    write_training_npz,
    write_v5,
    write_v73,
)

HEADER = b"\x93NUMPY\x01\x00\x76\x00"
OBJECT = HEADER + b"{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(117) + b"\n"


def told(path, read=load_npz):
    """What the refusal says; it takes little memory to say it."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as error:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 2**28
    finally:
        tracemalloc.stop()
    message = str(error.value)
    assert message.isprintable()
    assert message.endswith(".")
    assert len(message) < 500
    return message


def archive(path, *members, method=zipfile.ZIP_DEFLATED):
    path.write_bytes(pack(members, method))
    return path


@pytest.mark.parametrize(
    ("pickled", "words"),
    [
        # hashing a deep tuple overflowed the stack: the interpreter crashed
        (b"\x80\x04}N" + b"\x85" * 200_000 + b"Ns.", "a key is neither"),
        (b"\x80\x04}(N" + b"\x85" * 200_000 + b"Nu.", "a key is neither"),
        (b"\x80\x04(N" + b"\x85" * 200_000 + b"Nd.", "a key is neither"),
        (b"\x80\x04(N" + b"\x85" * 200_000 + b"\x91.", "a class, a set"),
        # the message wrote out 2 ** 40 lists
        (
            b"\x80\x04]\x94"
            + b"".join(b"]\x94(" + b"h" + bytes([n]) + b"h" + bytes([n]) + b"e" for n in range(40))
            + b"Q.",
            "a class, a set or an outside object",
        ),
        # as much memory as the pickle names
        (b"\x80\x05\x96" + (2**33).to_bytes(8, "little") + b".", "damaged"),
        # lines and escapes in the message
        (b"cos\n\x1b[2J\x0b\n.", "it asks for os.?[2J?"),
    ],
)
def test_pickles(pickled, words, tmp_path):
    assert words in told(archive(tmp_path / "a.npz", ("a.npy", OBJECT + pickled)))


def test_the_shape_of_a_pickled_array_is_a_list_of_lengths(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array({"b": np.zeros((2, 3))}))
    with zipfile.ZipFile(tmp_path / "a.npz") as saved:
        raw = saved.read("a.npy")
    assert raw.count(b"K\x02K\x03\x86") == 1
    # (2, -1), which NumPy itself refuses
    raw = raw.replace(b"K\x02K\x03\x86", b"K\x02J\xff\xff\xff\xff\x86")
    # NumPy 2 writes protocol 4, whose frame has a length
    if (start := raw.find(b"\x95")) >= 0:
        raw = raw[:start] + raw[start + 9 :]
    assert "not a list of lengths" in told(archive(tmp_path / "b.npz", ("a.npy", raw)))


def test_two_arrays_of_one_name(tmp_path):
    raw = OBJECT + b"\x80\x04N."
    assert "one name" in told(archive(tmp_path / "a.npz", ("a.npy", NPY), ("a", NPY)))
    assert "does not fit" in told(archive(tmp_path / "b.npz", ("a.npy", raw)))


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


NPY = npy(np.arange(3.0))


@pytest.mark.parametrize(
    "raw",
    [
        NPY.replace(b"(3,)", b"(2,)"),
        NPY.replace(b"(3,)", b"(9,)"),
        # gigabytes that are not there
        NPY.replace(b"(3,), }        ", b"(999999999,), }"),
        npy(np.zeros(3, "m8[s]")),
    ],
)
def test_arrays_that_are_not_of_their_header(raw, tmp_path):
    assert "does not fit its header" in told(archive(tmp_path / "a.npz", ("a.npy", raw)))


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (zipfile.ZIP_DEFLATED, "over 100 times its size"),
        # unpacked whole, whatever size is declared
        (zipfile.ZIP_BZIP2, "NumPy does not pack"),
        (zipfile.ZIP_LZMA, "NumPy does not pack"),
    ],
)
def test_bombs(method, words, tmp_path):
    size = 2**26 if method == zipfile.ZIP_DEFLATED else 2**20
    path = archive(tmp_path / "a.npz", ("a.npy", npy(np.zeros(size, np.uint8))), method=method)
    assert words in told(path)


def test_a_bomb_that_declares_little_is_inflated_as_far_as_it_declares(tmp_path):
    raw = pack([("a.npy", npy(np.zeros(2**28, np.uint8)))])
    at = raw.index(b"PK\x01\x02") + 24
    (tmp_path / "a.npz").write_bytes(raw[:at] + (300).to_bytes(4, "little") + raw[at + 4 :])
    assert "damaged" in told(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        # comparing, or writing out, lists that hold one another
        (("metadata", "fps"), _shared(40), "not a number of frames per second"),
        (("metadata", "layout_name"), _shared(40), "unnamed joint order"),
        (("metadata", "layout_name"), np.array(["h36m", "coco"]), "unnamed joint order"),
        (("cameras", "A"), _shared(40), "not described in full"),
        (("cameras", "A", 0, "id"), _shared(40), "id is not a name"),
        (("cameras", "A", 0, "center"), _shared(40), "finite numbers"),
        # tracebacks
        (("metadata", "fps"), np.complex64(1j), "not a number of frames per second"),
        (("metadata", "fps"), 10**400, "not a number of frames per second"),
        (("metadata", "fps"), float("inf"), "not a number of frames per second"),
        (("cameras", "A", 0, "res_w"), 10**400, "pixels of an image"),
        (("metadata", "splits", "train"), np.array("A"), "one list each"),
        (("metadata", "splits", "train"), ["A", ["B"]], "one list each"),
        (("positions_2d", 3), {"Sitting": []}, "not one line of text"),
        # poses that are a third of a millimetre smaller
        (("cameras", "A", 0, "orientation"), [0.6, 0.0, 0.0, 0.79975], "to six digits"),
        # lines in messages and reports
        (("positions_2d", "A\nB"), {}, "not one line of text"),
        (("positions_2d", "A", "Sit\nting"), [], "not one line of text"),
        (("cameras", "A", 0, "id"), "54\n13", "id is not a name"),
        # read as something else
        (("cameras", "A", 0, "res_w"), "1000", "pixels of an image"),
        (("cameras", "A", 0, "center"), np.array([1j, 2]), "finite numbers"),
    ],
)
def test_contents(keys, value, words, pose_npz_files):
    held = pose_npz_files.two
    for key in keys[:-1]:
        held = held[key]
    held[keys[-1]] = value
    folder = pose_npz_files.write()
    assert words in told(folder, lambda _: PoseNpz(folder, "own").read())


def test_numbers_that_32_bits_cannot_tell_apart(pose_npz_files):
    pose_npz_files.three["positions_3d"]["A"]["Sitting"][2, 3, 1] = 1e30
    folder = pose_npz_files.write()
    assert "not below a million" in told(folder, lambda _: PoseNpz(folder, "own").read())


def test_scores_for_some_keypoints_alone(human36m_files):
    seen = human36m_files.two["positions_2d"]["S6"]["WalkDog"]
    seen[2] = np.concatenate([seen[2], seen[2][..., :1]], -1)
    folder = human36m_files.write()
    assert "has scores for some" in told(folder, lambda _: Human36M(folder).read())


@pytest.mark.parametrize(
    ("shape", "chunks"), [((2**27, 1), None), ((2**27, 1), (2**20, 1)), ((2**24, 1), (1, 1))]
)
def test_numbers_and_pieces_that_are_not_in_the_file(shape, chunks, tmp_path):
    path = tmp_path / "a.mat"
    write_v73(path, {"b": np.ones((2, 3))})
    with h5py.File(path, "r+") as file:
        file.create_dataset("a", shape, "u1", chunks=chunks)
    assert "'a' is not an array of numbers" in told(path, lambda _: read_mat(path, ["a"]))
    np.testing.assert_array_equal(read_mat(path, ["b"])["b"], np.ones((2, 3)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        # h5py's own filter, which says nothing of what it did not unpack
        ({"compression": "lzf"}, "packed as MATLAB does not pack"),
        ({"fletcher32": True}, "packed as MATLAB does not pack"),
        ({"dtype": bool}, "no plain numbers"),
    ],
)
def test_packing_that_matlab_does_not_do(options, words, tmp_path):
    options = dict(options)
    path = tmp_path / "a.mat"
    write_v73(path, {})
    with h5py.File(path, "r+") as file:
        held = np.ones((20, 3), options.pop("dtype", float))
        file.create_dataset("a", data=held, **options)
    assert words in told(path, lambda _: read_mat(path, ["a"]))


@pytest.mark.parametrize(
    "piece",
    [
        # HDF5 reads all of these, and gives what its memory held before for what is missing
        lambda whole: zlib.compress(whole[:-80]),
        lambda whole: zlib.compress(whole)[:-4],
        lambda whole: zlib.compress(whole)[:-4] + b"1234",
        lambda whole: zlib.compress(whole + bytes(8)),
        lambda whole: whole[:100],
    ],
)
@pytest.mark.parametrize("skipped", [0, 1])
def test_a_packed_piece_that_is_not_whole(piece, skipped, tmp_path):
    path = tmp_path / "a.mat"
    write_v73(path, {})
    held = np.arange(60.0).reshape(20, 3)
    with h5py.File(path, "r+") as file:
        made = file.create_dataset("a", held.shape, "f8", chunks=held.shape, compression="gzip")
        made.id.write_direct_chunk((0, 0), zlib.compress(held.tobytes()))
    np.testing.assert_array_equal(read_mat(path, ["a"])["a"], held.T)
    with h5py.File(path, "r+") as file:
        file["a"].id.write_direct_chunk((0, 0), piece(held.tobytes()), skipped)
    assert str(path) in told(path, lambda _: read_mat(path, ["a"]))


def test_a_plain_piece_that_is_not_whole(tmp_path):
    path = tmp_path / "a.mat"
    write_v73(path, {})
    held = np.arange(60.0).reshape(20, 3)
    with h5py.File(path, "r+") as file:
        made = file.create_dataset("a", held.shape, "f8", chunks=held.shape)
        made.id.write_direct_chunk((0, 0), held[:15].tobytes())
    assert "a piece is not whole" in told(path, lambda _: read_mat(path, ["a"]))


@pytest.mark.parametrize("chunks", [(20, 3), (7, 2), (1, 1), None])
@pytest.mark.parametrize("packing", [{}, {"compression": "gzip"}, {"shuffle": True}])
@pytest.mark.parametrize("kind", ["f8", ">f4", "u1", "i2"])
def test_pieces_are_joined_as_h5py_joins_them(chunks, packing, kind, tmp_path):
    path = tmp_path / "a.mat"
    write_v73(path, {})
    held = np.arange(60).reshape(20, 3).astype(kind)
    with h5py.File(path, "r+") as file:
        if "shuffle" in packing:
            packing = {"shuffle": True, "compression": "gzip"}
        file.create_dataset("a", data=held, chunks=chunks, **packing)
    np.testing.assert_array_equal(read_mat(path, ["a"])["a"], held.T)


@pytest.mark.parametrize(
    "valid",
    [
        # a comparison of arrays in arrays
        np.array([np.ones(10), None], object),
        _shared(40),
        np.full(10, 0.5),
        np.full(10, np.nan),
        np.full(10, "1"),
    ],
)
def test_marks_of_valid_frames(valid, tmp_path):
    annotated = annotated_tests(10)
    write_tests_npz(tmp_path, annotated)
    held = load_npz(tmp_path / "data_test_3dhp.npz")
    held["data"]["TS1"]["valid"] = valid
    np.savez(tmp_path / "data_test_3dhp.npz", **held)
    words = "The marks of the valid frames of TS1 are not an array of 0 and 1"
    assert words in told(str(tmp_path), lambda folder: MPIINF3DHP(folder).read())


@pytest.mark.parametrize("held", [np.array(3), np.zeros((0, 2)), None, 5, {"0": {}}])
def test_training_sequences_that_are_not_lists(held, tmp_path):
    write_training_npz(tmp_path, annotated_training(2))
    contents = load_npz(tmp_path / "data_train_3dhp.npz")
    contents["data"]["S2 Seq1"] = held
    np.savez(tmp_path / "data_train_3dhp.npz", **contents)
    words = "The annotations of S2 Seq1 are not of the form camera -> data"
    assert words in told(str(tmp_path), lambda folder: MPIINF3DHP(folder, "train").read())


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "a.mat"
    write_v73(path, {"a": np.ones((2, 3))})

    def closed(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", closed)
    assert "Permission denied" in told(path, lambda _: read_mat(path, ["a"]))


def test_a_bomb_of_matlab(tmp_path):
    path = tmp_path / "a.mat"
    write_v5(path, {"a": np.zeros(2**24)})
    assert path.stat().st_size < 2**18
    assert "cut short" in told(path, lambda _: read_mat(path, ["a"]))
