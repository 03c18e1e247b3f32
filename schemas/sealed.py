"""Small JSON files of a work in progress, each with a checksum of its own content."""

import json
import os
from typing import Any, TypeVar

from schemas.checked_json import DamagedError, from_json_value, parse_json, to_json_value
from schemas.manifest_file import checksum

T = TypeVar("T")
_CHECKSUM = "checksum"


def sealed_json(value: Any) -> bytes:
    """Returns the content of a file that holds a dataclass or a mapping, and its checksum."""
    content = to_json_value(value)
    return json.dumps({**content, _CHECKSUM: checksum(content)}, ensure_ascii=False).encode()


def open_sealed(content: bytes, kind: type[T], where: str | os.PathLike[str]) -> T:
    """Reads what `sealed_json` wrote.

    Raises:
      DamagedError: if the file was cut, edited, or is none of ours.
    """
    value = parse_json(content, where)
    if not isinstance(value, dict):
        raise DamagedError(f"{os.fspath(where)} is damaged: it holds no JSON object")
    stated = value.pop(_CHECKSUM, None)
    try:
        same = stated == checksum(value)
    except ValueError:
        same = False
    if not same:
        raise DamagedError(f"{os.fspath(where)} is damaged: its checksum differs")
    return from_json_value(value, kind, where)
