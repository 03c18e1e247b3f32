"""Says what differs between what a folder holds and what shall be made there."""

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any


def differences(wanted: Any, found: Any, path: str = "") -> Iterator[str]:
    """Yields what differs between two identities, a line each."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for name in wanted:
            yield from differences(wanted[name], found.get(name), f"{path}.{name}".lstrip("."))
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
