"""What is wrong with a table's YAML, in one sentence, before anything is run."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

from poseproof.errors import DataError

if TYPE_CHECKING:
    from experiments.config.tables import Table

Made = TypeVar("Made")

# kind of claim -> what it says; `orders` and `gains` are lists of such
_CLAIMS = {
    "orders": {"better", "worse", "columns"},
    "gain": {"better", "worse", "along"},
    "rise": {"rows", "along"},
    "trend": {"rows", "columns"},
    "below": {"rows", "columns", "limit"},
    "gains": {"more", "less", "columns"},
}
_WORDS: dict[Any, str] = {
    str: "text",
    float: "a number",
    bool: "true or false",
    tuple: "a list",
    list: "a list",
    dict: "a mapping",
    Mapping: "a mapping",
}
_PAIR = {"better", "worse"}
_ROWS, _COLUMNS = ("better", "worse", "rows"), ("along", "columns")


def read_yaml(path: Path) -> dict[str, Any]:
    """The contents of a YAML file of names and values.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    try:
        held = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise DataError(f"{path} is no YAML: {said}.") from error
    return names_in(held, str(path))


def names_in(held: Any, where: str) -> dict[str, Any]:  # noqa: ANN401
    """A mapping whose keys are text.

    Raises:
        DataError: it is something else.
    """
    if not isinstance(held, dict):
        raise DataError(f"{where} needs a mapping of names to values, not {held!r}.")
    if others := [key for key in held if not isinstance(key, str)]:
        raise DataError(f"{where} has the name {others[0]!r}, which is no text in YAML: quote it.")
    return held


def made(cls: type[Made], held: Any, where: str) -> Made:  # noqa: ANN401
    """An instance of a dataclass from what a YAML says of it.

    Raises:
        DataError: a name that it does not have, one that it needs, or a value of another type.
    """
    hints = get_type_hints(cls)
    needed = {
        field.name
        for field in fields(cls)  # type: ignore[arg-type]
        if field.default is MISSING and field.default_factory is MISSING
    }
    for key, value in names_in(held, where).items():
        if key not in hints:
            raise DataError(f"{where} has {key!r}, which means nothing: choose {_list(hints)}.")
        if not _fits(value, hints[key]):
            raise DataError(f"{where} has {key}: {value!r}, but {_kind(hints[key])} is needed.")
    if missing := needed - set(held):
        raise DataError(f"{where} lacks {_list(sorted(missing))}.")
    return cls(**held)


def config_named(name: Any, suite: Path, table: Path) -> Any:  # noqa: ANN401
    """The name of a config as `Training` says, from what a table says of it.

    Args:
        name: of one of the suite's, or the path of a YAML relative to the table; what is no text is
            left to be refused for its type.
        suite: folder of the suite's.
        table: path of the table.

    Raises:
        DataError: there is no such config.
    """
    if not isinstance(name, str):
        return name
    own = name.endswith(".yaml")
    path = (table.parent / name).resolve() if own else suite / f"{name}.yaml"
    if not path.exists():
        known = _list(sorted(each.stem for each in suite.glob("*.yaml")))
        raise DataError(
            f"{table.name} names the config {name!r} of {suite.name}, which there is not: give a "
            f"YAML beside the table, or one of {known}."
        )
    return str(path.with_suffix("")) if own else name


def check_names(table: "Table", where: str) -> None:
    """Check that a table speaks of rows and columns that it has.

    Raises:
        DataError: it does not.
    """
    before: set[str] = set()
    for column, held in table.columns.items():
        place = f"{where}, column {column!r}"
        _among(held.mean, table.columns, "column", place)
        if not before.issuperset(held.mean):
            raise DataError(f"{place} is a mean of columns that must stand before it.")
        before.add(column)
        if bool(held.mean) == bool(held.protocol):
            raise DataError(f"{place} needs a protocol and a metric, or the mean of columns.")
        if held.protocol and not held.metric:
            raise DataError(f"{place} lacks its metric, such as mpjpe.")
    for row, figures in table.published.items():
        _among(figures, table.columns, "column", f"{where}, published {row!r}")
    for name, curve in table.curves.items():
        place = f"{where}, curve {name!r}"
        rows = [row for points in curve.lines.values() for row in points.values()]
        _among([*curve.rows, *rows], table.rows, "row", place)
        columns = [*curve.columns.values(), *([curve.column] if curve.lines else [])]
        _among(columns, table.columns, "column", place)
    for number, claim in enumerate(table.claims, start=1):
        _check_claim(claim, table, f"{where}, claim {number}")


def _check_claim(claim: dict[str, Any], table: "Table", where: str) -> None:
    kinds = [kind for kind in names_in(claim, where) if kind != "text"]
    if not isinstance(claim.get("text"), str) or not kinds:
        raise DataError(f"{where} needs a text and one of {_list(_CLAIMS)}.")
    for kind in kinds:
        if kind not in _CLAIMS:
            raise DataError(f"{where} has {kind!r}, which means nothing: choose {_list(_CLAIMS)}.")
        parts = claim[kind] if kind in ("orders", "gains") else [claim[kind]]
        for part in parts if isinstance(parts, list) else [None]:
            if not isinstance(part, dict) or set(part) != _CLAIMS[kind]:
                raise DataError(f"{where}: {kind} needs {_list(sorted(_CLAIMS[kind]))}.")
            pairs = [part[key] for key in ("more", "less") if key in part]
            if any(not isinstance(pair, dict) or set(pair) != _PAIR for pair in pairs):
                raise DataError(f"{where}: more and less each need better and worse.")
            if not isinstance(part.get("limit", 0), int | float):
                raise DataError(f"{where}: limit needs a number.")
            series = part.get("rows" if kind == "trend" else "along", "several")
            if isinstance(series, list) and len(series) < 2:
                raise DataError(f"{where}: {kind} needs two or more to go along.")
            for key, names in [item for held in (part, *pairs) for item in held.items()]:
                if key in (*_ROWS, *_COLUMNS):
                    single = key in _PAIR and (kind, key) != ("orders", "worse")
                    _check_form(names, single, f"{where} has {key}")
                if key in _ROWS:
                    _among(names, table.rows, "row", where)
                if key in _COLUMNS:
                    _among(names, table.columns, "column", where)


def _check_form(names: Any, single: bool, where: str) -> None:  # noqa: ANN401
    all_ = [names] if single else names
    if not isinstance(all_, list) or not all_ or not all(isinstance(each, str) for each in all_):
        needed = "one name" if single else "a list of names"
        raise DataError(f"{where}: {names!r}, but {needed} is needed.")


def _among(names: Any, known: Mapping[str, Any], kind: str, where: str) -> None:  # noqa: ANN401
    for name in [names] if isinstance(names, str) else names:
        if name not in known:
            raise DataError(f"{where} names the {kind} {name!r}, but there are {_list(known)}.")


def _fits(value: Any, hint: Any) -> bool:  # noqa: ANN401
    """Whether a value is of an annotated type; a number without a point may stand for a float."""
    kind, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if kind is UnionType:
        return any(_fits(value, each) for each in inner)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind in (dict, Mapping):
        return isinstance(value, dict) and all(
            _fits(key, inner[0]) and _fits(each, inner[1]) for key, each in value.items()
        )
    if kind in (list, tuple):
        return isinstance(value, list | tuple) and all(_fits(each, inner[0]) for each in value)
    return isinstance(value, hint)


def _kind(hint: Any) -> str:  # noqa: ANN401
    """A type in words."""
    if get_origin(hint) is UnionType:
        return _kind(get_args(hint)[0])
    return _WORDS.get(get_origin(hint) or hint, "something else")


def _list(names: Any) -> str:  # noqa: ANN401
    return ", ".join(names)
