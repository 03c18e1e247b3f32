"""Detects JSON in files that are named as text, and the lack of it in files named as JSON."""

import itertools
import json
import re
from collections.abc import Sequence
from typing import Any

from transforms.detect.lines import first_lines
from transforms.records.json_values import SEPARATORS

LINES, OBJECTS, NO_OBJECTS = "JSON lines", "JSON", "JSON without objects"

_MAX_LINES = 50
# An error so close to the end, in characters, may be due to truncation.
_CUT = 200
_CLOSING = {"{": "}", "[": "]", '"': '"'}
_OPENING = re.compile(r'\[\s*["\[{]|\{\s*"(?:[^"\\\n]|\\.)*"\s*:')


def json_kind(text: str, *, whole: bool) -> str | None:
    r"""Returns the kind of JSON that a text is, None if it is not JSON.

    >>> json_kind('{"text": "a"}\n{"text": "b"}\n', whole=True)
    'JSON lines'
    >>> json_kind('[{"text": "a"}, {"te', whole=False)
    'JSON'
    >>> json_kind('["a", "b"]', whole=True)
    'JSON without objects'
    >>> json_kind("[a] is a note, {b} is not.", whole=True) is None
    True

    Args:
      text: The beginning of a file.
      whole: Whether this is the whole file; otherwise it may end inside a value.

    Returns:
      `LINES`, `OBJECTS`, or `NO_OBJECTS`, which no format reads.
    """
    lines, kinds, others = list[str](), list[type | None](), 0
    for line in itertools.islice(first_lines(text, whole=whole), _MAX_LINES):
        lines.append(line.strip())
        kinds.append(_kind_of_line(lines[-1]))
        others += kinds[-1] is None
        if others * 5 > _MAX_LINES:
            # Of any number of lines that is looked at these are too many without JSON.
            break
    if _are_most(kinds, dict):
        return LINES
    if len(lines) > 1 and (
        _are_most(kinds, list) or (_are_most(kinds, str) and any("\\" in line for line in lines))
    ):
        return NO_OBJECTS
    body = text.lstrip()
    return _values_of(body, whole=whole) if _OPENING.match(body) else None


def _are_most(kinds: Sequence[type | None], kind: type) -> bool:
    """Whether all lines have this type; of several lines, a few may be broken."""
    count = kinds.count(kind)
    return count == len(kinds) > 0 or (count > 1 and count * 5 >= len(kinds) * 4)


def has_json(text: str) -> bool:
    """Whether any line begins like an object or array."""
    return any(
        line.lstrip()[:1] in ("{", "[") for line in re.split(r"[\r\n]+", text) if line.strip()
    )


def first_objects(text: str) -> list[dict[str, Any]]:
    """Returns the first objects of JSON lines, of an array, or of concatenated JSON."""
    body = text.lstrip()
    decoder, found = json.JSONDecoder(), list[dict[str, Any]]()
    place = _after_space(body, 1) if body.startswith("[") else 0
    while place < len(body) and len(found) < _MAX_LINES:
        try:
            value, place = decoder.raw_decode(body, place)
        except (ValueError, RecursionError):
            break
        if not isinstance(value, dict):
            break
        found.append(value)
        place = _after_space(body, place)
    return found


def _kind_of_line(line: str) -> type | None:
    """Returns the type of the JSON value in a line, None if it is not JSON or has no text."""
    if line[-1] != _CLOSING.get(line[0]):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list):
        return list if any(isinstance(item, (str, dict)) for item in value) else None
    return type(value) if value else None


def _values_of(text: str, *, whole: bool) -> str | None:
    """Returns the kind of a single value or of concatenated objects, None if it is neither."""
    decoder, place, found = json.JSONDecoder(), 0, 0
    objects = text.startswith("{") or re.match(r"\[\s*\{", text) is not None
    name = OBJECTS if objects else NO_OBJECTS
    while place < len(text):
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            at_end = getattr(error, "pos", 0) > len(text) - _CUT or "Unterminated" in str(error)
            return name if not whole and at_end else None
        if found and not isinstance(value, dict):
            return None
        found += 1
        place = _after_space(text, place)
    return name


def _after_space(text: str, place: int) -> int:
    found = SEPARATORS.match(text, place)
    return found.end() if found else place
