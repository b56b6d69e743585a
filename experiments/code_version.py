"""The version of the code that determines figures."""

from hashlib import blake2b
from pathlib import Path

_PACKAGES = ("lightning_modules", "datamodules", "metrics")


def code_version() -> str:
    """A hash of the packages whose code a figure depends on."""
    digest = blake2b(digest_size=8)
    root = Path(__file__).parent.parent
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
