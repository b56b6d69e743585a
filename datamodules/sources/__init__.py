"""Sources: a package for each public format, which its `FORMAT` describes."""

from datamodules.sources.source import Source


def default_source() -> Source:
    """The source of a protocol that is given none: generated motion, which needs no files."""
    from datamodules.sources.synthetic.source import SyntheticMocap

    return SyntheticMocap()
