"""Names of classes in Arrow tables, where `datasets` keeps only the numbers in the rows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa


def class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Returns the names of classes by column, as `datasets` writes them into a file."""
    told = (schema.metadata or {}).get(b"huggingface", b"")
    try:
        features = json.loads(told)["info"]["features"].items()
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}
    found = {}
    for column, feature in features:
        # The feature of a list is inside another, or inside a list.
        inner = feature[0] if isinstance(feature, list) and feature else feature
        inner = inner.get("feature", inner) if isinstance(inner, dict) else {}
        names = inner.get("names") if isinstance(inner, dict) else None
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            found[column] = names
    return found


def with_class_names(row: dict[str, Any], classes: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Returns a row with the names of its classes in place of their numbers."""
    return {
        name: _named(value, classes[name]) if name in classes else value
        for name, value in row.items()
    }


def _named(value: Any, names: Sequence[str]) -> Any:
    """Returns the name of a class, or those of a list; None for a number that has none."""
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    known = isinstance(value, int) and 0 <= value < len(names)
    return names[value] if known else None
