"""MPI-INF-3DHP: how its files are recognised and chosen."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Literal

from datamodules.sources.format import OPTIONS, DataSet, Format, Reading
from datamodules.sources.mpi_inf_3dhp.files import TESTS, TRAININGS
from datamodules.sources.mpi_inf_3dhp.source import MPIINF3DHP


def _find(folder: Path) -> Iterator[DataSet]:
    """The test set and the training set, each as official files or as one .npz file."""
    tests = folder / "mpi_inf_3dhp_test_set"
    tests = tests if tests.is_dir() else folder
    root = quote(str(folder))
    test = [tests / name / "annot_data.mat" for name in TESTS]
    train = [folder / name.replace(" ", "/") / "annot.mat" for name in TRAININGS]
    readings = _set(
        folder, "test", test, f"make reproduce DATA=3dhp MPI3DHP={root}, or TEST=3dhp with any DATA"
    ) | _set(folder, "train", train, f"lightning fit … {OPTIONS}.root {root} {OPTIONS}.split train")
    if readings:
        yield DataSet(FORMAT.title, folder, readings)


def _set(
    folder: Path, split: Literal["test", "train"], official: list[Path], use: str
) -> dict[str, Reading]:
    for files in (official, [folder / f"data_{split}_3dhp.npz"]):
        if any(map(Path.is_file, files)):
            return {f"{split} set": Reading(files, MPIINF3DHP(str(folder), split), use)}
    return {}


FORMAT = Format(
    title="MPI-INF-3DHP",
    available="licence and files at vcai.mpi-inf.mpg.de/3dhp-dataset; .npz files made by the "
    "scripts of github.com/paTRICK-swk/P-STMO",
    data="3dhp",
    options=("root",),
    find=_find,
    folders=("mpi_inf_3dhp_test_set",),
)
