"""Says what differs between what a folder holds and what shall be made there."""

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any

_WHEN_GIVEN = frozenset({"document_separator", "filters", "records", "sources"})
"""What an identity has only where an option was given: without it something else is made."""


def differences(wanted: Any, found: Any, path: str = "") -> Iterator[str]:
    """Yields what differs between two identities, a line each.

    Args:
      wanted: An identity.
      found: Another one, or a manifest, which says more.
      path: Of both in what they are part of.
    """
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        whole = path in _WHEN_GIVEN
        more = [
            name
            for name in found
            if name not in wanted and found[name] and (whole or (name in _WHEN_GIVEN and not path))
        ]
        for name in [*wanted, *more]:
            place = f"{path}.{name}".lstrip(".")
            yield from differences(wanted.get(name), found.get(name), place)
    elif isinstance(wanted, list) and isinstance(found, list):
        for item in [item for item in found if item not in wanted]:
            yield f"{path}: there {_short(item)}, not here"
        for item in [item for item in wanted if item not in found]:
            yield f"{path}: here {_short(item)}, not there"
        if wanted != found and sorted(map(str, wanted)) == sorted(map(str, found)):
            yield f"{path}: there {_short(found)}, here {_short(wanted)}"
    elif wanted != found:
        yield f"{path}: there {_short(found)}, here {_short(wanted)}"


def _short(value: Any) -> str:
    if isinstance(value, Mapping) and "path" in value:
        written = datetime.datetime.fromtimestamp(value.get("modified", 0), datetime.timezone.utc)
        return f"{value['path']} ({value.get('size')} bytes, written {written:%Y-%m-%d %H:%M:%S})"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
