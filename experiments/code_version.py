"""The version of the code that determines figures."""

from functools import cache
from hashlib import blake2b
from pathlib import Path

_PACKAGES = ("lightning_modules", "datamodules", "metrics")


@cache
def code_version() -> str:
    """A hash of the packages whose code a figure depends on, as this process found it."""
    digest = blake2b(digest_size=8)
    root = Path(__file__).parent.parent
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
