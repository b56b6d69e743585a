"""All public formats: each is the constant `FORMAT` of a package beside this file."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

from datamodules import sources
from datamodules.sources.format import Format


@cache
def formats() -> tuple[Format, ...]:
    """The formats, in the alphabetical order of their packages."""
    packages = [
        import_module(f"{sources.__name__}.{module.name}")
        for module in pkgutil.iter_modules(sources.__path__)
        if module.ispkg
    ]
    return tuple(package.FORMAT for package in packages if hasattr(package, "FORMAT"))


def data_options() -> Mapping[str, tuple[str, ...]]:
    """Name for `--data` -> options that it needs, for each format that has such a name."""
    return {format.data: format.options for format in formats() if format.data}
