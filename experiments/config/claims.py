"""What a table may claim: kinds of comparisons, each of which says which differences are positive.

A kind of a user's own is a class like those below, named by its dotted path.
"""

from abc import abstractmethod
from collections.abc import Iterator
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, Field, ValidationInfo

from experiments.config.schema import (
    ColumnName,
    ColumnNames,
    RowName,
    RowNames,
    Schema,
    choice,
    imported,
    named,
)

# names of two rows or columns or more, in their order
RowSeries = Annotated[tuple[RowName, ...], Field(strict=False, min_length=2)]
ColumnSeries = Annotated[tuple[ColumnName, ...], Field(strict=False, min_length=2)]
# a figure with all of its seeds; figures can be added, subtracted and multiplied by a number
Figure = Any


class Figures(Protocol):
    """The figures that a table's runs have measured."""

    def figure(self, row: str, column: str) -> Figure:
        """The figure of a row in a column."""

    def score(self, row: str, column: str) -> Figure:
        """The same, negated in columns where a smaller figure is better: larger is better."""

    def gain(self, better: str, worse: str, column: str) -> Figure:
        """By how much one row is better than another: positive where it is."""

    def gain_name(self, better: str, worse: str, column: str) -> str:
        """The gain for people: the larger figure minus the smaller one, if the row is better."""

    def constant(self, value: float) -> Figure:
        """A number as a figure, the same with every seed."""


class Comparison(Schema):
    """A kind of comparison: its fields are what the YAML says, beside `kind`.

    Fields of the types `RowName`, `RowNames`, `ColumnName` and `ColumnNames` are checked against
    the table's own rows and columns.
    """

    @abstractmethod
    def differences(self, figures: Figures) -> Iterator[tuple[str, Figure]]:
        """The differences that are positive if the claim is true.

        Args:
            figures: figures that were measured.

        Yields:
            A name for people, and the difference.
        """


class Pair(Schema):
    """Two rows of which one should be better.

    Attributes:
        better: name of the row that should be better.
        worse: name of the row that should be worse.
    """

    better: RowName
    worse: RowName


class Order(Comparison):
    """One row is better than others.

    Attributes:
        better: name of the row that should be better.
        worse: names of the rows that it is compared with, one by one.
        columns: names of the columns that it is compared in.
    """

    better: RowName
    worse: RowNames
    columns: ColumnNames

    def differences(self, figures: Figures) -> Iterator[tuple[str, Figure]]:
        """The gain over every other row in every column."""
        for worse in self.worse:
            for column in self.columns:
                name = figures.gain_name(self.better, worse, column)
                yield f"{name}, {column}", figures.gain(self.better, worse, column)


class GrowingGain(Comparison):
    """The gain of one row over another grows from column to column.

    Attributes:
        better: name of the row that should be better.
        worse: name of the row that should be worse.
        along: names of the columns, in the order in which the gain grows.
    """

    better: RowName
    worse: RowName
    along: ColumnSeries

    def differences(self, figures: Figures) -> Iterator[tuple[str, Figure]]:
        """The growth of the gain from each column to the next."""
        pair = self.better, self.worse
        for first, second in pairwise(self.along):
            growth = figures.gain(*pair, second) - figures.gain(*pair, first)
            yield f"{figures.gain_name(*pair, first)}, {second} against {first}", growth


class LargerGain(Comparison):
    """The gain of one row over another is larger than that of a third over a fourth.

    Attributes:
        more: pair of rows whose gain should be larger.
        less: pair of rows whose gain should be smaller.
        columns: names of the columns that the gains are compared in.
    """

    more: Pair
    less: Pair
    columns: ColumnNames

    def differences(self, figures: Figures) -> Iterator[tuple[str, Figure]]:
        """The difference of the gains in every column."""
        pairs = [(pair.better, pair.worse) for pair in (self.more, self.less)]
        for column in self.columns:
            more, less = (figures.gain_name(*pair, column) for pair in pairs)
            gains = [figures.gain(*pair, column) for pair in pairs]
            yield f"({more}) - ({less}), {column}", gains[0] - gains[1]


class Rise(Comparison):
    """The figures of a row grow from column to column.

    Attributes:
        rows: names of the rows whose figures grow.
        along: names of the columns, in the order in which the figures grow.
    """

    rows: RowNames
    along: ColumnSeries

    def differences(self, figures: Figures) -> Iterator[tuple[str, Figure]]:
        """The growth of every row's figure from each column to the next."""
        for row in self.rows:
            for first, second in pairwise(self.along):
                growth = figures.figure(row, second) - figures.figure(row, first)
                yield f"{row}, {second} against {first}", growth


class Trend(Comparison):
    """Rows get better in their order, by the slope of a straight line through their figures.

    Attributes:
        rows: names of the rows, the worst one first.
        columns: names of the columns that they are compared in.
    """

    rows: RowSeries
    columns: ColumnNames

    def differences(self, figures: Figures) -> Iterator[tuple[str, Figure]]:
        """The gain a row, in every column: the slope of the least-squares line."""
        middle = (len(self.rows) - 1) / 2
        places = [place - middle for place in range(len(self.rows))]
        squares = sum(place**2 for place in places)
        for column in self.columns:
            parts = [
                figures.score(row, column) * (place / squares)
                for row, place in zip(self.rows, places, strict=True)
            ]
            name = f"gain a row from {self.rows[0]} to {self.rows[-1]}, {column}"
            yield name, reduce(add, parts)


class Below(Comparison):
    """Figures stay below a limit.

    Attributes:
        rows: names of the rows that are compared with the limit.
        columns: names of the columns that they are compared in.
        limit: number that every figure should be below, in the column's unit.
    """

    rows: RowNames
    columns: ColumnNames
    limit: float

    def differences(self, figures: Figures) -> Iterator[tuple[str, Figure]]:
        """By how much every figure is below the limit."""
        for row in self.rows:
            for column in self.columns:
                left = figures.constant(self.limit) - figures.figure(row, column)
                yield f"{self.limit} - {row}, {column}", left


KINDS: dict[str, type[Comparison]] = {
    "order": Order,
    "growing_gain": GrowingGain,
    "larger_gain": LargerGain,
    "rise": Rise,
    "trend": Trend,
    "below": Below,
}


def _of_its_kind(data: Any, info: ValidationInfo) -> Any:  # noqa: ANN401
    """A comparison of the kind that it names."""
    if isinstance(data, Comparison):
        return data
    fields = dict(named(data))
    kind = fields.pop("kind", None)
    if not isinstance(kind, str):
        raise ValueError(f"its kind is missing; choose one of {', '.join(KINDS)}.")
    if "." in kind:
        return imported(kind, Comparison).model_validate(fields, context=info.context)
    if kind not in KINDS:
        raise ValueError(f"there is no kind {kind!r} of comparison; {choice(kind, KINDS)}")
    return KINDS[kind].model_validate(fields, context=info.context)


class Claim(Schema):
    """A sentence that a paper says of its table, and what has to be so if it is true.

    Attributes:
        text: sentence for people.
        comparisons: comparisons of which all must hold; each names its `kind`.
    """

    text: str
    comparisons: Annotated[
        tuple[Annotated[Comparison, BeforeValidator(_of_its_kind)], ...],
        Field(strict=False, min_length=1),
    ]
