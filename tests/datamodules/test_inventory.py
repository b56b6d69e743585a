"""`python -m datamodules FOLDER`: what it finds, reads, misses, and its exit code."""

import shutil

import numpy as np
import pytest

from datamodules.__main__ import main
from datamodules.inventory import files_of, take_stock
from datamodules.sources.registry import formats
from tests.datamodules.image_writers import write_human36m_images, write_mpii
from tests.datamodules.sources import conftest as writers
from tests.datamodules.sources.cmu.test_source import amc_text, angles_of, asf_text


@pytest.fixture
def check(capsys, monkeypatch):
    """Runs the command; its exit code and its output with single spaces."""
    monkeypatch.setenv("COLUMNS", "300")

    def run(folder):
        code = main([str(folder)])
        return code, " ".join(capsys.readouterr().out.split())

    return run


AVAILABLE = {format.title: format.available for format in formats() if format.find}


def lacks(output, *names):
    """Whether exactly these data sets are output to be absent, each with where it is available."""
    for name, available in AVAILABLE.items():
        assert (f"{name} not found; {available}" in output) == (name in names)


def test_human36m_with_its_ground_truth(check, human36m_files):
    folder = human36m_files.write()
    code, output = check(folder)
    assert code == 0
    assert f"Human3.6M in {folder}" in output
    assert "found data_3d_h36m.npz, data_2d_h36m_gt.npz gt 2D can be read" in output
    assert "missing" not in output
    cameras = "cameras 54138969, 55011271, 58860488, 60457274"
    assert f"{4 * (7 * 63 - 20):,} frames, 80 sequences at 50 fps, {cameras}, 17 joints" in output
    assert "7 subjects: train on S1, S5, S6, S7, S8; test on S9, S11" in output
    assert "2 actions: Directions, WalkDog" in output
    assert f"use make reproduce DATA=h36m H36M={folder}" in output
    lacks(output, "HumanEva", "MPI-INF-3DHP", "MPII", "CMU", "PoseNpz")


def test_human36m_with_other_2d_says_how_to_choose_it(check, human36m_files):
    detected = [
        [np.concatenate([p, np.ones((*p.shape[:2], 1))], -1) for p in seen]
        for takes in human36m_files.two["positions_2d"].values()
        for seen in takes.values()
    ]
    for takes in human36m_files.two["positions_2d"].values():
        for take in takes:
            takes[take] = detected.pop(0)
    human36m_files.names = ("data_3d_h36m.npz", "data_2d_h36m_cpn_ft_h36m_dbb.npz")
    code, output = check(human36m_files.write())
    assert code == 0
    assert "cpn_ft_h36m_dbb 2D can be read" in output
    assert "17 joints, a score for each keypoint" in output
    assert "source.init_args.keypoints cpn_ft_h36m_dbb" in output
    assert "make reproduce" not in output


def test_a_missing_file_is_named_with_where_it_is_available(check, human36m_files):
    folder = human36m_files.write()
    (human36m_files.folder / "data_3d_h36m.npz").unlink()
    code, output = check(folder)
    assert code == 1
    assert f"missing data_3d_h36m.npz available {AVAILABLE['Human3.6M']}" in output
    assert "data_3d_h36m.npz is not there" in output
    assert " use make" not in output


def test_poses_without_keypoints_lack_a_file(check, human36m_files):
    human36m_files.write()
    (human36m_files.folder / "data_2d_h36m_gt.npz").unlink()
    code, output = check(human36m_files.folder)
    assert code == 1
    assert "missing data_2d_h36m_gt.npz" in output


def test_what_is_wrong_is_listed_after_what_can_be_read(check, pose_npz_files, tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad data"
    for folder in (good, bad):
        folder.mkdir()
        pose_npz_files.folder = folder
        if folder == bad:
            pose_npz_files.three["positions_3d"]["B"]["Sitting"] *= 1000
        pose_npz_files.write()
    assert check(good)[0] == 0
    code, output = check(tmp_path)
    assert code == 1
    assert f"make reproduce DATA=npz NPZ={good} NAME=own" in output
    assert f"PoseNpz own in {bad}" in output
    assert "a person reaches" in output
    assert f"NPZ='{bad}'" not in output


def test_a_folder_with_a_blank_is_quoted(check, pose_npz_files, tmp_path):
    pose_npz_files.folder = tmp_path / "my data"
    pose_npz_files.folder.mkdir()
    pose_npz_files.write()
    assert f"NPZ='{pose_npz_files.folder}' NAME=own" in check(tmp_path)[1]


def test_humaneva(check, tmp_path):
    code, output = check(writers.humaneva(tmp_path, frames=4).write())
    assert code == 0
    assert f"make reproduce DATA=humaneva HUMANEVA={tmp_path}" in output
    assert "at 60 fps" in output
    assert "15 joints" in output
    people = "Box S1, Box S2, Box S3, Jog S1, Jog S2, Jog S3, Walking S1, Walking S2, Walking S3"
    assert f"9 actions: {people}" in output


def test_3dhp_test_set_as_official_files(check, tmp_path):
    annotated = writers.annotated_tests(10)
    writers.write_tests(tmp_path / "mpi_inf_3dhp_test_set", annotated)
    code, output = check(tmp_path)
    assert code == 0
    assert f"make reproduce DATA=3dhp MPI3DHP={tmp_path}" in output
    frames = sum(10 + n for n in range(6))
    judged = sum(int(a.valid.sum()) for a in annotated.values())
    assert f"{frames} frames, {judged} of them valid for testing, 6 sequences" in output
    shutil.rmtree(tmp_path / "mpi_inf_3dhp_test_set/TS4")
    code, output = check(tmp_path)
    assert code == 1
    assert "missing mpi_inf_3dhp_test_set/TS4/annot_data.mat" in output
    assert "lacks TS4" in output


def test_3dhp_as_npz_files(check, tmp_path):
    writers.write_tests_npz(tmp_path, writers.annotated_tests(10))
    writers.write_training_npz(tmp_path, writers.annotated_training(3))
    code, output = check(tmp_path)
    assert code == 0
    assert "found data_test_3dhp.npz, data_train_3dhp.npz" in output
    assert "source.init_args.split train" in output


def test_cmu(check, tmp_path):
    for subject in ("01", "02", "03"):
        home = tmp_path / "subjects" / subject
        home.mkdir(parents=True)
        (home / f"{subject}.asf").write_text(asf_text())
        (home / f"{subject}_01.amc").write_text(amc_text(angles_of(int(subject))))
    code, output = check(tmp_path)
    assert code == 0
    assert output.count(f"CMU in {tmp_path}") == 1
    assert f"make reproduce DATA=cmu CMU={tmp_path}" in output
    assert "3 subjects: train on S01; test on S02, S03" in output
    (tmp_path / "subjects/02/02.asf").unlink()
    code, output = check(tmp_path)
    assert code == 1
    assert "missing subjects/02/02.asf" in output
    assert "02.asf is missing" in output


def test_mpii(check, tmp_path):
    write_mpii(tmp_path)
    code, output = check(tmp_path)
    assert code == 0
    assert "found annot/train.json, annot/valid.json 2D truth can be read" in output
    assert "a score for each keypoint, an image for each frame, no 3D truth" in output
    assert f"sources/mpii.yaml … --data.init_args.source.init_args.root {tmp_path}" in output
    (tmp_path / "images/000000003.jpg").unlink()
    code, output = check(tmp_path)
    assert code == 1
    assert "000000003.jpg cannot be read" in output


def test_human36m_with_its_images(check, human36m_files, tmp_path):
    write_human36m_images(human36m_files, tmp_path / "images", stride=50)
    code, output = check(tmp_path)
    assert code == 0
    assert "images can be read 56 frames, 56 sequences at 1 fps" in output
    assert f"source.init_args.images {tmp_path}/images" in output
    (image,) = (tmp_path / "images/s_11_act_15_subact_02_ca_04").iterdir()
    image.unlink()
    code, output = check(tmp_path)
    assert code == 1
    assert "gt 2D can be read" in output
    assert f"{image} is not there" in output


def test_nothing_to_use(check, tmp_path):
    code, output = check(tmp_path)
    assert code == 1
    lacks(output, *AVAILABLE)
    code, output = check(tmp_path / "nowhere")
    assert code == 1
    assert "nowhere is not a folder that can be read" in output


def test_names_of_files_are_printed_as_they_are(check, tmp_path):
    (tmp_path / "data_3d_[bold].npz").write_bytes(b"")
    code, output = check(tmp_path)
    assert code == 1
    assert (
        "data_3d_[bold].npz is damaged" in output or "data_2d_[bold]_gt.npz is not there" in output
    )


def test_folders_in_the_folder_are_searched_and_no_deeper(tmp_path, pose_npz_files):
    pose_npz_files.folder = tmp_path / "one" / "two"
    pose_npz_files.folder.mkdir(parents=True)
    pose_npz_files.write()
    assert list(take_stock(tmp_path)) == []
    for folder in (tmp_path / "one", pose_npz_files.folder):
        [(format, data_set)] = take_stock(folder)
        assert (format.data, data_set.name) == ("npz", "PoseNpz own")
        assert data_set.folder == pose_npz_files.folder
        assert files_of(data_set) == (["data_3d_own.npz", "data_2d_own_gt.npz"], [])


def test_folders_that_cannot_be_read_are_passed_by(tmp_path, pose_npz_files, monkeypatch, check):
    for name in ("data", "lost+found"):
        pose_npz_files.folder = tmp_path / name
        pose_npz_files.folder.mkdir()
        pose_npz_files.write()
    # as root, who runs tests in a container, may read all
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path / "lost+found")
    assert [data_set.folder.name for _, data_set in take_stock(tmp_path)] == ["data"]
    code, output = check(tmp_path / "lost+found")
    assert code == 1
    assert "not a folder that can be read" in output
