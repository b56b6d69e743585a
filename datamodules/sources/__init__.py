"""One file a public format, and what is read where none is named."""

from datamodules.sources.source import Source


def default_source() -> Source:
    """What a protocol reads where no source is given: generated motion, which needs no files."""
    from datamodules.sources.synthetic.source import SyntheticMocap

    return SyntheticMocap()
