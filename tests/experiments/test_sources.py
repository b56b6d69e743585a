"""Every config of a source: `lightning fit` and `test` on small files in the public layouts."""

import json

import pytest

from experiments.cli import main
from experiments.tables import CONFIGS
from tests.datamodules.fuzz.targets import TARGETS, write

# config -> the files it reads, and what it leaves to the user
SOURCES = {
    "h36m": ("human36m", {}),
    "npz": ("pose_npz", {"name": "own"}),
    "cmu": ("amc", {"test_subjects": "[S02]"}),
    "humaneva": ("humaneva", {}),
    "3dhp": ("mpi_inf_3dhp_mat", {}),
}
TINY = [
    "--trainer.max_epochs=1",
    "--trainer.limit_train_batches=2",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
    "--model.init_args.width=32",
    "--data.init_args.batch_size=16",
]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def configs(*names):
    return [f"--config={CONFIGS / name}.yaml" for name in names]


def metrics(folder):
    (written,) = folder.glob("runs/version_*/metrics.json")
    return json.loads(written.read_text())


def test_every_source_has_files_here():
    # test_image_sources.py
    images = {"synthetic_images", "npz_images", "cmu_images", "h36m_images", "mpii"}
    assert {*SOURCES, *images, "synthetic"} == {
        path.stem for path in (CONFIGS / "sources").glob("*.yaml")
    }


@pytest.mark.parametrize("source", sorted({*SOURCES} - {"3dhp"}))
def test_every_source_fits_and_tests(source, tmp_path):
    files, own = SOURCES[source]
    write(TARGETS[files].valid(), tmp_path / "data")
    options = {"root": tmp_path / "data"} | own
    given = [f"--data.init_args.source.init_args.{key}={value}" for key, value in options.items()]
    args = [*configs("methods/srnet", f"sources/{source}", "presets/paper"), *given, *TINY]
    main(["fit", *args])
    (checkpoint,) = tmp_path.glob("runs/*/checkpoints/last.ckpt")
    main(["test", *args, f"--ckpt_path={checkpoint}"])
    held = metrics(tmp_path)
    assert 0 < held["test/pa_mpjpe"] < held["test/mpjpe"] < 2000
    assert 0 <= held["test/auc"] <= held["test/pck"] <= 100


def test_mpi_inf_3dhp_is_tested_on_by_scene(tmp_path):
    write(TARGETS["mpi_inf_3dhp_mat"].valid(), tmp_path / "data")
    other = {"class_path": "datamodules.MPIINF3DHP", "init_args": {"root": str(tmp_path / "data")}}
    args = [
        *configs("methods/srnet", "protocols/cross_dataset", "presets/paper"),
        f"--data.init_args.test_source={json.dumps(other)}",
        "--data.init_args.source=datamodules.SyntheticMocap",
        "--data.init_args.source.init_args.frames=12",
        *TINY,
    ]
    main(["test", *args])
    held = metrics(tmp_path)
    scenes = [held[f"test/pck_by_scene/{scene}"] for scene in ("GS", "noGS", "outdoor")]
    assert min(scenes) <= held["test/pck"] <= max(scenes)
    assert held["test/pck"] < held["test/pck_17"] + 100 / 17


def test_mpi_inf_3dhps_test_set_trains_nothing(tmp_path, capsys):
    write(TARGETS["mpi_inf_3dhp_mat"].valid(), tmp_path / "data")
    args = [*configs("methods/srnet", "sources/3dhp"), *TINY]
    with pytest.raises(SystemExit) as stopped:
        main(["fit", *args, f"--data.init_args.source.init_args.root={tmp_path / 'data'}"])
    assert stopped.value.code == 2
    (sentence,) = [s for s in capsys.readouterr().err.splitlines() if s.startswith("error: ")]
    assert "train" in sentence
    assert not (tmp_path / "runs").exists()
