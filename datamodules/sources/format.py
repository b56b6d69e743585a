"""Format: what the suite knows of a public format besides how to read it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from datamodules.sources.source import Source

OPTIONS = "--data.init_args.source.init_args"
CONFIGS = "experiments/configs/sources"
VIDEOPOSE3D = "made by the scripts of github.com/facebookresearch/VideoPose3D (DATASETS.md)"


@dataclass(frozen=True)
class Reading:
    """One thing that can be read of a data set: one kind of 2D keypoints, or one of its sets.

    Attributes:
        files: files that it needs, whether they exist or not.
        source: source that reads those files.
        use: command-line options that choose this source.
    """

    files: list[Path]
    source: Source
    use: str


@dataclass(frozen=True)
class DataSet:
    """A data set in a folder, complete or not.

    Attributes:
        name: name of the data set, such as "Human3.6M" or "PoseNpz cmu17".
        folder: folder that its files are in.
        readings: label, such as "gt 2D" -> what can be read under that label.
    """

    name: str
    folder: Path
    readings: Mapping[str, Reading]


@dataclass(frozen=True)
class Format:
    """A public format: what its package says of it, in the constant `FORMAT`.

    Attributes:
        title: name of the format, with which the names of its data sets begin.
        available: where the files are available, and on what terms.
        data: name for `DATA=` and `--data`, that of its YAML in `experiments/configs/sources`;
            empty when no table can be made from the format.
        options: options that `--data` needs for it: "root" (a folder), "name" (in file names).
        find: function that finds this format's data sets in one folder; None when it has no files.
        folders: names of folders inside a data set, which are not searched for data sets.
    """

    title: str
    available: str
    data: str = ""
    options: tuple[str, ...] = ()
    find: Callable[[Path], Iterator[DataSet]] | None = None
    folders: tuple[str, ...] = ()


def readings_by_keypoints(
    folder: Path, name: str, data: str, source: Callable[[str, str], Source]
) -> dict[str, Reading]:
    """Find one 3D file and its 2D files, one for each kind of keypoints, in the public layout.

    Args:
        folder: folder to look in.
        name: name of the data set in the file names.
        data: `make` variables that choose the ground-truth 2D, such as "DATA=h36m H36M=dir".
        source: function that makes a source from the folder and a kind of keypoints.

    Returns:
        Label -> reading; empty when none of the files exist.
    """
    file_3d, start = folder / f"data_3d_{name}.npz", f"data_2d_{name}_"
    kinds = [path.stem.removeprefix(start) for path in sorted(folder.glob(f"{start}*.npz"))]
    root = quote(str(folder))
    return {
        f"{kind} 2D": Reading(
            [file_3d, folder / f"{start}{kind}.npz"],
            source(str(folder), kind),
            f"make reproduce {data}"
            if kind == "gt"
            else f"lightning fit … {OPTIONS}.root {root} {OPTIONS}.keypoints {quote(kind)}",
        )
        for kind in kinds or ["gt"] * file_3d.is_file()
    }
