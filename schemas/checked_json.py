"""Reads JSON that our programs wrote: everything in it is checked before anything is used.

A file on a disk is not to be trusted: it may be cut off, edited, or of another version, and a
checksum inside it proves nothing about who wrote both. So a file is read into a frozen dataclass,
whose annotations say what may stand in it, and no code reads our files by keys. Limits beyond
the type are part of the annotation:

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Entry:
        path: RelativePath
        rows: Count
        share: float | None = None
"""

import collections
import dataclasses
import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NoReturn, TypeVar, cast

from schemas.json_types import WrongValueError, reader_of, shown
from schemas.regular_files import read_regular

T = TypeVar("T")

_WHEN_USED = "when used"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:")


class DamagedError(ValueError):
    """A file of ours that is not as our programs write it; the message names it and what to do."""


def relative_path(path: str) -> None:
    """Raises ValueError unless a path names something inside its folder, in one spelling."""
    parts = path.split("/")
    if (
        any(part in {"", ".", ".."} for part in parts)
        or "\\" in path
        or _WINDOWS_DRIVE.match(path)
        or any(ord(letter) < 32 or ord(letter) == 127 for letter in path)
    ):
        raise ValueError("must be a path inside the folder, without '.', '..' and empty parts")


def file_name(name: str) -> None:
    """Raises ValueError unless a name is a single part of a path."""
    relative_path(name)
    if "/" in name:
        raise ValueError("must be a single name, without '/'")


def not_negative(number: float) -> None:
    """Raises ValueError unless a number is at least 0."""
    if number < 0:
        raise ValueError("must be at least 0")


def positive(number: float) -> None:
    """Raises ValueError unless a number is above 0."""
    if number <= 0:
        raise ValueError("must be above 0")


def hex_sha256(digest: str) -> None:
    """Raises ValueError unless a text is a sha256 as we write it."""
    if not _SHA256.fullmatch(digest):
        raise ValueError("must be a sha256: 64 hexadecimal digits")


RelativePath = Annotated[str, relative_path]
"""A path that stays in its folder."""
FileName = Annotated[str, file_name]
"""A name of a file or folder inside its folder."""
Count = Annotated[int, not_negative]
"""A whole number of at least 0."""
PositiveCount = Annotated[int, positive]
"""A whole number of at least 1."""
PositiveFloat = Annotated[float, positive]
"""A finite number above 0."""
Sha256 = Annotated[str, hex_sha256]
"""64 hexadecimal digits in lower case."""


def read_json(content: str | bytes, kind: type[T], where: str | os.PathLike[str]) -> T:
    """Reads JSON into a value of some type.

    Args:
      content: The text of a file, or its bytes, which must be UTF-8.
      kind: A frozen dataclass, or any other type that `from_json_value` knows.
      where: The file, for messages.

    Raises:
      DamagedError: if it is not JSON, or not what the type says.
    """
    return from_json_value(parse_json(content, where), kind, where)


def read_json_file(path: str | os.PathLike[str], kind: type[T]) -> T:
    """Reads a file on a local disk; see `read_json`.

    Raises:
      DamagedError: if it is not JSON, or not what the type says.
      OSError: if it cannot be read.
    """
    return read_json(read_regular(path), kind, path)


def parse_json(content: str | bytes, where: str | os.PathLike[str]) -> Any:
    """Parses JSON strictly: UTF-8, no key twice in an object, no NaN or infinity, no deep nesting.

    Raises:
      DamagedError: if it is anything else.
    """
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise _damaged(where, f"it is not UTF-8 (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise _damaged(where, f"it is not JSON: {error}") from error
    except RecursionError as error:
        raise _damaged(where, "its lists or objects are nested too deeply") from error
    except ValueError as error:
        raise _damaged(where, str(error)) from error


def from_json_value(value: Any, kind: type[T], where: str | os.PathLike[str]) -> T:
    """Turns a parsed JSON value into a value of a type, and checks all of it.

    Types are str, int (not bool), float (finite; a whole number is one, too), bool, None, Any,
    unions, Literal, list, tuple, Sequence (which becomes a tuple), dict and Mapping of strings,
    dataclasses (all keys known, none missing without a default), and Annotated with functions that
    raise ValueError for what is not allowed.

    Raises:
      DamagedError: if it is not of the type; the message says where in it.
    """
    try:
        # mypy takes no type for a hashable value.
        read: T = reader_of(cast(Any, kind))(value)
    except WrongValueError as error:
        path = "".join(reversed(error.path)).removeprefix(".")
        raise _damaged(where, f"{path} {error}" if path else f"its content {error}") from error
    except RecursionError as error:
        raise _damaged(where, "its lists or objects are nested too deeply") from error
    return read


def when_used(empty: Callable[[], Any]) -> Any:
    """Returns a field of a dataclass that is left out of its JSON while it is empty.

    What a file says of an option stands in it only where the option was given, so that other files
    stay as they were before there was the option.

    Args:
      empty: Makes the empty value, such as `dict` or `str`.
    """
    return dataclasses.field(default_factory=empty, metadata={_WHEN_USED: True})


def to_json_value(value: Any) -> Any:
    """Returns what `json.dumps` takes for a value of a dataclass, fields in their order."""
    if dataclasses.is_dataclass(value):
        return {
            field.name: to_json_value(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if getattr(value, field.name) or not field.metadata.get(_WHEN_USED)
        }
    if isinstance(value, Mapping):
        return {name: to_json_value(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_json_value(each) for each in value]
    return value


def _damaged(where: str | os.PathLike[str], problem: str) -> DamagedError:
    return DamagedError(f"{os.fspath(where)} is damaged: {problem}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = collections.Counter(name for name, _ in pairs)
        name = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"the key {shown(name)} comes twice in an object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


def _integer(digits: str) -> int:
    # Checked before the conversion, whose time is quadratic in the digits.
    if len(digits) > 20:
        raise ValueError(f"the number {digits[:20]}... is too large")
    return int(digits)
