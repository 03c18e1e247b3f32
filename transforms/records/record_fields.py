"""Fields of labelled records: which are the texts, which is the label, and what labels mean.

A record becomes a document of a line for each of its texts. What is known of its label are numbers,
see `schemas.documents.LABELLED_SCHEMA`: the number of a class, or the number itself.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from schemas.label_kinds import CLASS, NUMBER
from transforms.records.json_fields import field_of
from transforms.text.normalize import LINE_ENDS, WHITE

MISSING_FIELD, EMPTY_TEXT = "missing_field", "empty_text"
MISSING_LABEL, WRONG_LABEL, UNKNOWN_LABEL = "missing_label", "wrong_label", "unknown_label"
_LINE_ENDS = re.compile(f"[{re.escape(LINE_ENDS)}]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordFields:
    """How records are read.

    Attributes:
      kind: What a label is, one of `schemas.label_kinds.KINDS`.
      texts: Names of the fields with text, or paths such as data.text; one or two.
      label: Name of the field with the label; None if records have none.
      names: Of the classes, by number.
    """

    kind: str
    texts: tuple[str, ...]
    label: str | None
    names: tuple[str, ...] = ()

    def lines(self, record: Mapping[str, Any]) -> tuple[list[str], str]:
        """Returns a line for each text, and the reason for rejecting the record or ""."""
        found = [field_of(record, name) for name in self.texts]
        if not all(isinstance(each, str) for each in found):
            return [], MISSING_FIELD
        lines = [_LINE_ENDS.sub(" ", each) for each in found]
        return lines, "" if all(line.strip(WHITE) for line in lines) else EMPTY_TEXT

    def labels(self, record: Mapping[str, Any]) -> tuple[list[float], str]:
        """Returns what is known of the label, and the reason for rejecting the record or ""."""
        if self.label is None:
            return [], ""
        value = field_of(record, self.label)
        return ([], MISSING_LABEL) if value is None else LABELS[self.kind](value, self.names)


def class_name(value: Any) -> str | None:
    """Returns the name of a class as a record has it; None if it is nothing that can be one.

    >>> class_name(" not  ok "), class_name(1), class_name(True), class_name(0.5)
    ('not ok', '1', 'true', None)
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return " ".join(value.split()) or None if isinstance(value, str) else None


def _class(value: Any, names: tuple[str, ...]) -> tuple[list[float], str]:
    name = class_name(value)
    if name is None:
        return [], WRONG_LABEL
    return ([float(names.index(name))], "") if name in names else ([], UNKNOWN_LABEL)


def _number(value: Any, _names: tuple[str, ...]) -> tuple[list[float], str]:
    """Reads a number, also one that a table holds as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return [], WRONG_LABEL
    try:
        found = float(value)
    except (OverflowError, ValueError):
        return [], WRONG_LABEL
    return ([found], "") if math.isfinite(found) else ([], WRONG_LABEL)


LABELS: Mapping[str, Callable[[Any, tuple[str, ...]], tuple[list[float], str]]] = {
    CLASS: _class,
    NUMBER: _number,
}
"""By the kind of a label: reads its value."""
