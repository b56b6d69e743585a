"""Generated motion and drawn pictures, which need no files."""

from datamodules.sources.format import Format

FORMAT = Format(
    title="SyntheticMocap",
    available="generated on first use, with nothing to download",
    data="synthetic",
)
