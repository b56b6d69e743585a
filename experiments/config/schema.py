"""What every YAML of the suite's has in common: models, names that are looked up, and messages."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails

from poseproof.errors import UserError

Parsed = TypeVar("Parsed", bound="Schema")

_NOT_TEXT = "the name {} is not text in YAML: put it in quotes."
_MAPPING = "a mapping of names to values"
# what pydantic calls a kind of error -> what is needed instead
_NEEDED = {
    "string_type": "text",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "model_type": _MAPPING,
    "too_short": "a list of {min_length} or more",
    "greater_than": "a number above {gt}",
}
# fields that hold things by name or in order -> what one of them is called in a message
_ONE_OF = {
    "rows": "row",
    "columns": "column",
    "curves": "curve",
    "claims": "claim",
    "comparisons": "comparison",
    "published": "published row",
}


@dataclass(frozen=True)
class Context:
    """What a YAML's names are checked against.

    Attributes:
        path: path of the YAML, which other files are named relative to.
        rows: names of the rows that it has.
        columns: names of the columns that it has.
    """

    path: Path
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


class Schema(BaseModel):
    """A mapping in a YAML: fields of fixed names and types, which cannot be changed once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, data: Any) -> Any:  # noqa: ANN401
        if isinstance(data, cls):
            return data
        for key in named(data):
            if key not in cls.model_fields:
                raise ValueError(f"{key!r} means nothing here; {choice(key, cls.model_fields)}")
        return data


def named(data: Any) -> dict[str, Any]:  # noqa: ANN401
    """Check that a value of a YAML is a mapping whose keys are text.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(data, dict):
        raise ValueError(f"{_shown(data)} is given where {_MAPPING} is needed.")
    for key in data:
        if not isinstance(key, str):
            raise ValueError(_NOT_TEXT.format(_shown(key)))
    return data


def choice(name: str, known: Iterable[str]) -> str:
    """The end of a message on an unknown name: the nearest known name, or all of them."""
    known = list(known)
    if near := get_close_matches(name, known, n=1):
        return f"did you mean {near[0]}?"
    return f"choose one of {', '.join(known)}."


def _one_name(name: Any) -> Any:  # noqa: ANN401
    if not isinstance(name, str):
        raise ValueError(f"{_shown(name)} is given where one name is needed.")
    return name


def _row(name: str, info: ValidationInfo) -> str:
    if info.context and name not in info.context.rows:
        raise ValueError(f"the table has no row {name!r}; {choice(name, info.context.rows)}")
    return name


def _column(name: str, info: ValidationInfo) -> str:
    if info.context and name not in info.context.columns:
        raise ValueError(f"the table has no column {name!r}; {choice(name, info.context.columns)}")
    return name


# names that the YAML must have given to one of its rows or columns
RowName = Annotated[str, BeforeValidator(_one_name), AfterValidator(_row)]
ColumnName = Annotated[str, BeforeValidator(_one_name), AfterValidator(_column)]
# lists of them, of one name or more
RowNames = Annotated[tuple[RowName, ...], Field(strict=False, min_length=1)]
ColumnNames = Annotated[tuple[ColumnName, ...], Field(strict=False, min_length=1)]


def imported(path: str, base: type) -> Any:  # noqa: ANN401
    """A class of a user's own.

    Args:
        path: dotted path of the class, such as `my_module.MyClass`.
        base: class that it must inherit from.

    Raises:
        ValueError: there is no such class.
    """
    module, name = path.rsplit(".", 1)
    try:
        found = getattr(import_module(module), name, None)
    except ModuleNotFoundError as error:
        if error.name != module.split(".")[0] and error.name != module:
            raise
        raise ValueError(
            f"Python finds no module {module!r}: set PYTHONPATH to the folder that it lies in."
        ) from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ValueError(
            f"{path!r} is not a class that inherits from {base.__module__}.{base.__qualname__}."
        )
    return found


def read_yaml(path: Path) -> dict[str, Any]:
    """The contents of a YAML file that maps names to values.

    Raises:
        UserError: it cannot be read, or has other contents.
    """
    try:
        return named(yaml.safe_load(path.read_text()))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from error
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error


def parse(schema: type[Parsed], data: dict[str, Any], context: Context) -> Parsed:
    """An instance of a schema from the contents of a YAML.

    Raises:
        UserError: one sentence on the first mistake: the file, the place in it, and what to do.
    """
    try:
        return schema.model_validate(data, context=context)
    except ValidationError as error:
        first, *others = error.errors()
        if first["type"] == "missing":
            # the same place may lack several
            missing = [each for each in (first, *others) if each["type"] == "missing"]
            names = [str(e["loc"][-1]) for e in missing if e["loc"][:-1] == first["loc"][:-1]]
            first["loc"] = first["loc"][:-1]
            sentence = f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} missing."
        else:
            sentence = _sentence(first)
        place = ", ".join([context.path.name, *_words(first["loc"])])
        raise UserError(f"{place}: {sentence}") from error


def _sentence(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])
    if error["loc"][-1:] == ("[key]",):
        return _NOT_TEXT.format(_shown(error["input"]))
    needed = _NEEDED.get(error["type"])
    if needed is None:
        return f"{_shown(error['input'])} is refused: {error['msg']}."
    hint = ""
    if needed == "a list" and isinstance(error["input"], str):
        hint = f": write [{error['input']}]"
    return f"{_shown(error['input'])} is given where {needed.format(**context)} is needed{hint}."


def _words(place: tuple[int | str, ...]) -> Iterable[str]:
    """A place in a YAML for people: `("rows", "FC", "set")` is row 'FC', set."""
    steps = list(place[:-2] if place[-1:] == ("[key]",) else place)
    if len(steps) > 1 and steps[0] in _ONE_OF:
        yield _one_of(steps.pop(0), steps.pop(0))
    while steps:
        step = steps.pop(0)
        if step == "comparisons" and steps:
            yield _one_of(step, steps.pop(0))
        elif isinstance(step, str):
            yield step


def _one_of(field: int | str, which: int | str) -> str:
    return f"{_ONE_OF[str(field)]} {which + 1 if isinstance(which, int) else repr(which)}"


def _shown(value: Any) -> str:  # noqa: ANN401
    return "nothing" if value is None else repr(value)
