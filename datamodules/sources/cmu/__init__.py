"""The CMU motion capture database: how its files are recognised and chosen."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from datamodules.sources.cmu.source import CMUMocap
from datamodules.sources.format import DataSet, Format, Reading


def _find(folder: Path) -> Iterator[DataSet]:
    tree = folder / "subjects" if (folder / "subjects").is_dir() else folder
    homes = sorted({path.parent for end in ("asf", "amc") for path in tree.glob(f"*/*.{end}")})
    if homes:
        files = [home / f"{home.name}.asf" for home in homes]
        use = f"make reproduce DATA=cmu CMU={quote(str(folder))}"
        motion = Reading(files, CMUMocap(str(folder)), use)
        yield DataSet(FORMAT.title, folder, {"motion": motion})


FORMAT = Format(
    title="CMU",
    available="free at mocap.cs.cmu.edu, the ASF and AMC files of each subject",
    data="cmu",
    options=("root",),
    find=_find,
    folders=("subjects",),
)
