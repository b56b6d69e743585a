"""Every config of a source: `lightning fit` and `test` on small files in the public layouts."""

import json

import pytest

from experiments.cli.lightning import main
from experiments.config.tables import CONFIGS
from tests.datamodules.fuzz.targets import TARGETS, write
from tests.experiments.conftest import (
    SHORT,
    checkpoint,
    configs,
    data,
    metrics,
    model,
    refused,
    source,
    trainer,
)

# config -> the files it reads, and what it leaves to the user
SOURCES = {
    "h36m": ("human36m", {}),
    "npz": ("pose_npz", {"name": "own"}),
    "cmu": ("amc", {"test_subjects": "[S02]"}),
    "humaneva": ("humaneva", {}),
    "3dhp": ("mpi_inf_3dhp_mat", {}),
}
TINY = [*SHORT, *trainer(max_epochs=1), *model(width=32), *data(batch_size=16)]
PICTURES = ("images", "cutouts")


def test_every_source_has_files_here():
    # test_image_sources.py, and of cutouts test_cli.py
    drawn = {f"{name}_{kind}" for name in ("synthetic", "npz", "cmu") for kind in PICTURES}
    images = {*drawn, "h36m_images", "mpii"}
    assert {*SOURCES, *images, "synthetic"} == {
        path.stem for path in (CONFIGS / "sources").glob("*.yaml")
    }


@pytest.mark.parametrize("name", sorted({*SOURCES} - {"3dhp"}))
def test_every_source_fits_and_tests(name, tmp_path):
    files, own = SOURCES[name]
    write(TARGETS[files].valid(), tmp_path / "data")
    args = configs("methods/srnet", f"sources/{name}", "presets/paper")
    args += [*source(root=tmp_path / "data", **own), *TINY]
    main(["fit", *args])
    main(["test", *args, checkpoint(tmp_path)])
    held = metrics(tmp_path)
    assert 0 < held["test/pa_mpjpe"] < held["test/mpjpe"] < 2000
    assert 0 <= held["test/auc"] <= held["test/pck"] <= 100


def test_mpi_inf_3dhp_is_tested_on_by_scene(tiny_motion, tmp_path):
    write(TARGETS["mpi_inf_3dhp_mat"].valid(), tmp_path / "data")
    other = {"class_path": "datamodules.MPIINF3DHP", "init_args": {"root": str(tmp_path / "data")}}
    args = [
        *configs("methods/srnet", "protocols/cross_dataset", "presets/paper"),
        *data(test_source=json.dumps(other), source="datamodules.SyntheticMocap"),
        *tiny_motion,
        *TINY,
    ]
    main(["test", *args])
    held = metrics(tmp_path)
    scenes = [held[f"test/pck_by_scene/{scene}"] for scene in ("GS", "noGS", "outdoor")]
    assert min(scenes) <= held["test/pck"] <= max(scenes)
    assert held["test/pck"] < held["test/pck_17"] + 100 / 17


def test_mpi_inf_3dhps_test_set_trains_nothing(tmp_path, capsys):
    write(TARGETS["mpi_inf_3dhp_mat"].valid(), tmp_path / "data")
    args = [*configs("methods/srnet", "sources/3dhp"), *source(root=tmp_path / "data"), *TINY]
    assert "train" in refused(capsys, ["fit", *args])
    assert not (tmp_path / "runs").exists()
