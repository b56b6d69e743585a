"""Changed files of every format; and the judge, of readers that do what none may."""

import mmap
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from poseproof.errors import DataError
from tests.datamodules.fuzz import inputs
from tests.datamodules.fuzz.__main__ import main
from tests.datamodules.fuzz.targets import TARGETS, changed, write

VALID = TARGETS["pose_npz"]
# of the formats that take longer to read, having many sequences
FEW = {
    "human36m": 20,
    "humaneva": 20,
    "mpi_inf_3dhp_train": 12,
    "mpi_inf_3dhp_train_npz": 12,
    "asf": 20,
    "amc": 20,
    "human36m_images": 20,
    **dict.fromkeys(("own_npz", "own_coco", "own_alphapose", "own_mmpose", "own_openpose"), 20),
}


def read(folder):
    return VALID.read(folder)


@pytest.mark.parametrize("name", TARGETS)
def test_changed_files_are_told_or_read_right(name, tmp_path):
    count = FEW.get(name, 40)
    figures = inputs.fuzz(name, count, seed=2, saved=tmp_path)
    assert figures.failures == []
    assert figures.outcomes.total() == count
    assert figures.outcomes["rejected"] > count / 5
    assert figures.outcomes["right"] > 0


def test_an_input_depends_on_format_seed_and_number_alone():
    assert changed("asf", 0, 5) == changed("asf", 0, 5)
    assert len({str(changed("asf", seed, n)) for seed in (0, 1) for n in range(3)}) > 3


def wrong_by_a_millimetre(folder):
    sequences = read(folder)
    sequences.joints[3, 5, 0] += 1e-3
    return sequences


def mirrored(folder):
    sequences = read(folder)
    return replace(sequences, keypoints=-sequences.keypoints)


def without_a_sequence(folder):
    sequences = read(folder)
    stop = sequences.segments[-1].start
    return replace(
        sequences,
        segments=sequences.segments[:-1],
        joints=sequences.joints[:stop],
        keypoints=sequences.keypoints[:stop],
    )


def other_splits(folder):
    return replace(read(folder), splits={"train": ("B",), "test": ("A",)})


def not_finite(folder):
    sequences = read(folder)
    sequences.joints[0, 3] = np.nan
    return sequences


def of_another_type(folder):
    sequences = read(folder)
    return replace(sequences, joints=sequences.joints.astype(float))


def blunt(_):
    raise KeyError("positions_3d")


def of_two_lines(_):
    raise DataError("The file is broken.\nSubject A is missing.")


def terse(_):
    raise DataError("broken.")


def without_memory(_):
    try:
        raise MemoryError
    except MemoryError as error:
        raise DataError("There is not enough memory for this file.") from error


def leaving_a_file(folder):
    (Path(folder) / "left.txt").write_text("")
    return read(folder)


def running_a_process(folder):
    os.system("true")
    return read(folder)


def greedy(folder):
    # new memory, and not what the process has kept of what it had
    np.frombuffer(mmap.mmap(-1, 2**28 + 2**26), np.uint8)[:] = 1
    return read(folder)


def lost(_):
    os.kill(os.getpid(), signal.SIGKILL)


def stuck(_):
    while True:
        pass


def still(_):
    time.sleep(60)


def slow(folder):
    started = time.process_time()
    while time.process_time() < started + 0.6:
        pass
    return read(folder)


BAD = {
    wrong_by_a_millimetre: "m off",
    mirrored: "2D is",
    without_a_sequence: "sequences",
    other_splits: "splits",
    not_finite: "not finite",
    of_another_type: "types float64",
    blunt: "KeyError",
    of_two_lines: "not one sentence",
    terse: "not one sentence",
    without_memory: "more memory than there is",
    leaving_a_file: "it did open",
    running_a_process: "it did os.system",
    greedy: "MiB",
    lost: "ended with -9",
    stuck: "no end after",
    still: "it stood still",
    slow: "it took 0.",
}


@pytest.mark.parametrize("reader", BAD, ids=lambda reader: reader.__name__)
def test_a_bad_reader_fails(reader, tmp_path, monkeypatch):
    # good on the first, valid, reading, and bad from then on
    calls = []

    def bad(folder):
        calls.append(folder)
        return read(folder) if len(calls) == 1 else reader(folder)

    monkeypatch.setattr(inputs, "LONGEST", 1)
    monkeypatch.setattr(inputs, "STILL", 1.0 if reader is still else 60.0)
    monkeypatch.setattr("tests.datamodules.fuzz.judge.LONGEST", 0.5)
    target = replace(VALID, change=lambda rng: VALID.valid(), read=bad)
    monkeypatch.setitem(TARGETS, "pose_npz", target)
    figures = inputs.fuzz("pose_npz", 1, seed=0, saved=tmp_path)
    [(number, why, place)] = figures.failures
    assert number == 0
    assert BAD[reader] in why
    assert (place / "why.txt").read_text() == why
    assert (place / "data_3d_own.npz").read_bytes() == VALID.valid()["data_3d_own.npz"]


def test_the_run_goes_on_after_an_input_that_ends_the_process(tmp_path, monkeypatch):
    calls = []

    def bad(folder):
        calls.append(folder)
        return lost(folder) if len(calls) == 3 else read(folder)

    monkeypatch.setitem(
        TARGETS, "pose_npz", replace(VALID, change=lambda rng: VALID.valid(), read=bad)
    )
    figures = inputs.fuzz("pose_npz", 5, seed=0, saved=tmp_path)
    # the third call of the first process and of the second
    assert [number for number, *_ in figures.failures] == [1, 3]
    assert figures.outcomes["right"] == 3


def test_valid_files_are_right(tmp_path):
    for name, target in TARGETS.items():
        write(target.valid(), tmp_path / name)
        expected, splits = target.plain(tmp_path / name)
        result = target.read(tmp_path / name)
        assert len(expected) == len(result.segments)
        assert dict(result.splits) == splits


@pytest.mark.parametrize("name", ["mpii_jpeg", "human36m_images"])
def test_crops_that_are_not_right_are_told(name, tmp_path):
    target = TARGETS[name]
    write(target.valid(), tmp_path)
    plainly = target.plain(tmp_path)
    sequences = target.read(tmp_path)
    places, crops = vars(sequences.images).values()
    assert target.difference(sequences, *plainly) == ""
    for wrong in (
        {"crops": crops[..., ::-1]},
        {"crops": np.roll(crops, 1, axis=2)},
        {"crops": crops[:, :, ::-1]},
        {"crops": crops.astype(float)},
        {"crops": crops[:-1]},
        {"places": places + np.float32(1e-4)},
    ):
        images = SimpleNamespace(**{"places": places, "crops": crops} | wrong)
        assert "crops" in target.difference(replace(sequences, images=images), *plainly)


def test_the_command_tells_figures_and_saves_what_failed(tmp_path, monkeypatch, capsys):
    options = ["--inputs", "3", "--format", "pose_npz", "--saved", str(tmp_path)]
    assert main(options) == 0
    assert "pose_npz" in capsys.readouterr().out
    monkeypatch.setitem(
        TARGETS,
        "pose_npz",
        replace(VALID, change=lambda rng: VALID.valid(), plain=lambda folder: ([], {})),
    )
    assert main(options) == 1
    said = capsys.readouterr().out.replace("\n", "")
    assert "pose_npz-0-2: splits" in said
