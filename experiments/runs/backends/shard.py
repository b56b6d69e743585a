"""Shard: a share of runs, the same on every machine."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """Every so many of a list.

    Attributes:
        number: which one, from 1.
        count: of all.
    """

    number: int
    count: int

    @classmethod
    def named(cls, text: str) -> "Shard":
        """The shard that a command line calls `number/count`.

        Raises:
            ArgumentTypeError: there is no such shard.
        """
        number, _, count = text.partition("/")
        if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise argparse.ArgumentTypeError(f"{text} is no shard: give 1/8 to 8/8, for example")
        return cls(int(number), int(count))

    def of(self, items: Iterable[Item]) -> list[Item]:
        """Its share; that of all shards together is everything once."""
        return list(items)[self.number - 1 :: self.count]


ALL = Shard(1, 1)
