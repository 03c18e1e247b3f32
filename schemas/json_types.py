"""Checks parsed JSON values against types, and turns them into values of these types."""

import collections.abc
import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias, Union

_LARGEST = 1 << 63
_SHOWN = 60


class WrongValueError(ValueError):
    """A value that is not what its annotation says; the message follows the value's path.

    Attributes:
      path: Where it stands, from the inside to the outside; keys and list indices.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.path: list[str] = []


Read: TypeAlias = Callable[[Any], Any]


@functools.cache
def reader_of(kind: Any) -> Read:
    """Returns the function that checks and converts values of a type."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return functools.partial(_read_limited, reader_of(arguments[0]), arguments[1:])
    if origin in {Union, types.UnionType}:
        return functools.partial(_read_union, [reader_of(each) for each in arguments])
    if origin is Literal:
        return functools.partial(_read_literal, arguments)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return functools.partial(_read_fixed, [reader_of(each) for each in arguments])
    if origin in {list, tuple, collections.abc.Sequence}:
        make = list if origin is list else tuple
        return functools.partial(_read_list, reader_of(arguments[0]), make)
    if origin in {dict, collections.abc.Mapping}:
        return functools.partial(_read_mapping, *map(reader_of, arguments))
    if kind in _PLAIN:
        return _PLAIN[kind]
    if dataclasses.is_dataclass(kind):
        # A closure, since a dataclass may hold values of its own kind.
        return lambda value: _read_dataclass(kind, value)
    raise TypeError(f"JSON cannot be read into {kind}")


def _read_limited(read: Read, limits: Iterable[Callable[[Any], None]], value: Any) -> Any:
    found = read(value)
    try:
        for limit in limits:
            limit(found)
    except ValueError as error:
        raise WrongValueError(f"{error}, got {shown(value)}") from error
    return found


def _read_union(readers: Sequence[Read], value: Any) -> Any:
    problems = []
    for read in readers:
        try:
            return read(value)
        except WrongValueError as error:  # noqa: PERF203 - there are two or three alternatives
            problems.append(error)
    # The alternative that got furthest into the value says best what is wrong.
    raise max(problems, key=lambda error: len(error.path))


def _read_literal(choices: Sequence[Any], value: Any) -> Any:
    for choice in choices:
        if type(value) is type(choice) and value == choice:
            return choice
    known = ", ".join(map(shown, choices))
    raise WrongValueError(f"must be one of {known}, got {shown(value)}")


def _read_list(read: Read, make: Callable[[Iterable[Any]], Any], value: Any) -> Any:
    if type(value) is not list:
        raise WrongValueError(f"must be a list, got {shown(value)}")
    return make(_read_all(map(read, value)))


def _read_fixed(readers: Sequence[Read], value: Any) -> Any:
    if type(value) is not list or len(value) != len(readers):
        raise WrongValueError(f"must be a list of {len(readers)}, got {shown(value)}")
    return tuple(_read_all(read(each) for read, each in zip(readers, value, strict=True)))


def _read_all(values: Iterable[Any]) -> list[Any]:
    """Reads the values of a list; an error says which of them it is about."""
    found: list[Any] = []
    try:
        found.extend(values)
    except WrongValueError as error:
        # Those before it are in the list.
        error.path.append(f"[{len(found)}]")
        raise
    return found


def _read_mapping(read_name: Read, read: Read, value: Any) -> dict[str, Any]:
    found = _expect_object(value)
    values = _read_values(found, lambda name, value: (read_name(name), read(value)))
    return dict(values.values())


@functools.cache
def _fields_of(kind: Any) -> tuple[dict[str, Read], frozenset[str]]:
    """Returns the readers of a dataclass's fields, and the names that must be there."""
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = [field for field in dataclasses.fields(kind) if field.init]
    missing = dataclasses.MISSING
    required = {
        field.name
        for field in fields
        if field.default is missing and field.default_factory is missing
    }
    return {field.name: reader_of(hints[field.name]) for field in fields}, frozenset(required)


def _read_dataclass(kind: Any, value: Any) -> Any:
    found = _expect_object(value)
    readers, required = _fields_of(kind)
    for name in found:
        if name not in readers:
            raise WrongValueError(f"has an unknown key {shown(name)}")
    if missing := required - found.keys():
        raise WrongValueError(f"lacks {', '.join(map(shown, sorted(missing)))}")
    values = _read_values(found, lambda name, each: readers[name](each))
    try:
        return kind(**values)
    except WrongValueError:
        raise
    except ValueError as error:
        raise WrongValueError(f"cannot be: {error}") from error


def _read_values(pairs: Mapping[str, Any], read: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Reads the values of an object; an error says under which name its value is."""
    found = {}
    name = ""
    try:
        for name, value in pairs.items():
            found[name] = read(name, value)
    except WrongValueError as error:
        error.path.append(f".{_key(name)}")
        raise
    return found


def _expect_object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise WrongValueError(f"must be an object, got {shown(value)}")
    return value


def _read_text(value: Any) -> str:
    if type(value) is not str:
        raise WrongValueError(f"must be a text, got {shown(value)}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise WrongValueError("must be a text, and half a character stands in it") from error
    return value


def _read_integer(value: Any) -> int:
    if type(value) is not int or not -_LARGEST <= value < 2 * _LARGEST:
        raise WrongValueError(f"must be a whole number of at most 64 bits, got {shown(value)}")
    return value


def _read_float(value: Any) -> float:
    if type(value) is int:
        value = _read_integer(value)
    elif type(value) is not float or not math.isfinite(value):
        raise WrongValueError(f"must be a finite number, got {shown(value)}")
    return float(value)


def _read_bool(value: Any) -> bool:
    if type(value) is not bool:
        raise WrongValueError(f"must be true or false, got {shown(value)}")
    return value


def _read_none(value: Any) -> None:
    if value is not None:
        raise WrongValueError(f"must be null, got {shown(value)}")


def _read_any(value: Any) -> Any:
    """Accepts every JSON value whose strings can be encoded and whose numbers are finite."""
    if type(value) is dict:
        return _read_mapping(_read_text, _read_any, value)
    if type(value) is list:
        return _read_list(_read_any, list, value)
    plain = {str: _read_text, int: _read_integer, float: _read_float}
    return plain[type(value)](value) if type(value) in plain else value


_PLAIN: dict[Any, Read] = {
    str: _read_text,
    int: _read_integer,
    float: _read_float,
    bool: _read_bool,
    type(None): _read_none,
    Any: _read_any,
}


def _key(name: str) -> str:
    return name if len(name) <= _SHOWN and name.isprintable() and name else shown(name)


def shown(value: Any) -> str:
    """Returns a short form of a value, of printable characters alone."""
    if type(value) in {dict, list}:
        return f"{'an object' if type(value) is dict else 'a list'} of {len(value)}"
    text = json.dumps(value).replace("\x7f", "\\u007f")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
