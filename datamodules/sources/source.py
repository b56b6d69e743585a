"""Source: the base class of all readers of data sets."""

from abc import ABC, abstractmethod
from functools import lru_cache

from datamodules.sequences import PoseSequences


class Source(ABC):
    """Reads one format into PoseSequences.

    Two sources of one class with equal arguments are equal, so that the experiments of a table,
    each of which names its own source, read and check the files once.
    """

    def load(self) -> PoseSequences:
        """Read and check the data; the last few data sets stay in memory.

        Raises:
            DataError: anything is wrong with the files.
        """
        return _load(self)

    @abstractmethod
    def read(self) -> PoseSequences:
        """Read and check the data."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), repr(sorted(vars(self).items()))))


# the Cross-Dataset Protocol needs two data sets and their join
@lru_cache(maxsize=3)
def _load(source: Source) -> PoseSequences:
    return source.read()
