"""The entities that tokens can be aligned with: ids in a file, numbered by their lines."""

import hashlib
from collections.abc import Iterable, Sequence

ENTITIES = "entities.txt"
"""Name of the file: an id a line, in the order of code points; the first has the number 0."""


def entities_text(ids: Iterable[str]) -> str:
    """Returns the content of the file for some ids; "" is none."""
    return "".join(f"{name}\n" for name in sorted(set(ids) - {""}))


def read_entities(text: str) -> tuple[str, ...]:
    """Returns the ids in the file, in the order of their numbers."""
    return tuple(text.removesuffix("\n").split("\n")) if text else ()


def entities_sha256(ids: Sequence[str]) -> str:
    """Returns the sha256 of the file for some ids."""
    return hashlib.sha256(entities_text(ids).encode()).hexdigest()


def is_entity_id(name: str) -> bool:
    """Returns whether an id fits on a line of the file."""
    return bool(name) and name == name.strip() and len(name.splitlines()) == 1
