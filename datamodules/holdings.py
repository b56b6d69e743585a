"""The data sets that a folder holds, at least in part, by the names of its files."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from datamodules.sources.cmu.source import CMUMocap
from datamodules.sources.human36m.images import Human36MImages
from datamodules.sources.human36m.source import Human36M
from datamodules.sources.humaneva.source import HumanEva
from datamodules.sources.mpi_inf_3dhp.files import TESTS, TRAININGS
from datamodules.sources.mpi_inf_3dhp.source import MPIINF3DHP
from datamodules.sources.mpii.source import MPII
from datamodules.sources.pose_npz.source import PoseNpz
from datamodules.sources.source import Source

_SET = "--data.init_args.source.init_args"
_CONFIGS = "experiments/configs/sources"


@dataclass(frozen=True)
class Part:
    """What can be read by itself: a kind of 2D, or a set.

    Attributes:
        files: that it needs; those of a data set that has one of them.
        source: what reads it.
        use: the options that choose it.
    """

    files: list[Path]
    source: Source
    use: str


@dataclass(frozen=True)
class Holding:
    """A data set in a folder: its name, the folder, its parts."""

    name: str
    home: Path
    parts: Mapping[str, Part]


def holdings_of(home: Path) -> Iterator[Holding]:
    """The data sets that have a file in this very folder, or in their own layout under it."""
    there = quote(str(home))
    h36m, humaneva = f"DATA=h36m H36M={there}", f"DATA=humaneva HUMANEVA={there}"
    found = {
        "Human3.6M": _kinds(home, "h36m", h36m, Human36M) | _human36m_images(home, there),
        "HumanEva": _kinds(home, "humaneva15", humaneva, HumanEva),
        "MPI-INF-3DHP": _mpi_inf_3dhp(home, there),
        "MPII": _mpii(home, there),
        "CMU": _cmu(home, there),
    }
    for name, parts in found.items():
        if parts:
            yield Holding(name, home, parts)
    for name in _names(home):
        files = [home / f"data_3d_{name}.npz", home / f"data_2d_{name}_gt.npz"]
        use = f"make reproduce DATA=npz NPZ={there} NAME={quote(name)}"
        yield Holding(
            f"PoseNpz {name}", home, {"gt 2D": Part(files, PoseNpz(str(home), name), use)}
        )


def _kinds(
    home: Path, name: str, options: str, source: Callable[[str, str], Source]
) -> dict[str, Part]:
    """Human3.6M or HumanEva: one 3D file, and a 2D file of each kind; tables take `gt`."""
    deep = home / f"data_3d_{name}.npz"
    start = f"data_2d_{name}_"
    kinds = [path.stem.removeprefix(start) for path in sorted(home.glob(f"{start}*.npz"))]
    return {
        f"{kind} 2D": Part(
            [deep, home / f"{start}{kind}.npz"],
            source(str(home), kind),
            f"make reproduce {options}"
            if kind == "gt"
            else f"lightning fit … {_SET}.root {quote(str(home))} {_SET}.keypoints {quote(kind)}",
        )
        for kind in kinds or ["gt"] * deep.is_file()
    }


def _human36m_images(home: Path, there: str) -> dict[str, Part]:
    """Human3.6M's images, in the folder `images` beside its poses."""
    images = home / "images"
    if next(images.glob("s_*_act_*_subact_*_ca_*"), None) is None:
        return {}
    files = [home / "data_3d_h36m.npz", home / "data_2d_h36m_gt.npz"]
    use = (
        f"lightning fit --config {_CONFIGS}/h36m_images.yaml … {_SET}.root {there} "
        f"{_SET}.images {quote(str(images))}"
    )
    return {"images": Part(files, Human36MImages(str(home), str(images)), use)}


def _names(home: Path) -> list[str]:
    """Of the sets of PoseNpz that have one of the two files."""
    deep = {path.stem.removeprefix("data_3d_") for path in home.glob("data_3d_*.npz")}
    flat = {path.stem.removeprefix("data_2d_") for path in home.glob("data_2d_*_gt.npz")}
    return sorted((deep | {stem.removesuffix("_gt") for stem in flat}) - {"h36m", "humaneva15"})


def _mpi_inf_3dhp(home: Path, there: str) -> dict[str, Part]:
    """The test set and the training set, each as official files or one .npz file."""
    tests = home / "mpi_inf_3dhp_test_set"
    tests = tests if tests.is_dir() else home
    official = {
        "test": [tests / name / "annot_data.mat" for name in TESTS],
        "train": [home / name.replace(" ", "/") / "annot.mat" for name in TRAININGS],
    }
    uses = {
        "test": f"make reproduce DATA=3dhp MPI3DHP={there}, or TEST=3dhp beside other DATA",
        "train": f"lightning fit … {_SET}.root {there} {_SET}.split train",
    }
    parts: dict[str, Part] = {}
    for split, files in official.items():
        packed = [home / f"data_{split}_3dhp.npz"]
        for used in (files, packed):
            if any(map(Path.is_file, used)):
                source = MPIINF3DHP(str(home), split)  # type: ignore[arg-type]
                parts.setdefault(f"{split} set", Part(used, source, uses[split]))
    return parts


def _mpii(home: Path, there: str) -> dict[str, Part]:
    files = [home / "annot" / f"{name}.json" for name in ("train", "valid")]
    use = f"lightning fit --config {_CONFIGS}/mpii.yaml … {_SET}.root {there}"
    found = any(map(Path.is_file, files))
    return {"2D truth": Part(files, MPII(str(home)), use)} if found else {}


def _cmu(home: Path, there: str) -> dict[str, Part]:
    tree = home / "subjects" if (home / "subjects").is_dir() else home
    folders = sorted({path.parent for end in ("asf", "amc") for path in tree.glob(f"*/*.{end}")})
    files = [folder / f"{folder.name}.asf" for folder in folders]
    use = f"make reproduce DATA=cmu CMU={there}"
    return {"motion": Part(files, CMUMocap(str(home)), use)} if files else {}
