"""Fields of labelled records: which are the texts, which is the label, and what labels mean.

A record becomes a document of a line for each of its texts, or words. What is known of its label
are numbers, see `schemas.documents.LABELLED_SCHEMA`: the number of a class, or the number itself.
"""

import abc
import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from schemas.label_kinds import CLASS, NUMBER
from transforms.records.json_fields import field_of
from transforms.text.normalize import LINE_ENDS, WHITE

MISSING_FIELD, EMPTY_TEXT = "missing_field", "empty_text"
MISSING_LABEL, WRONG_LABEL, UNKNOWN_LABEL = "missing_label", "wrong_label", "unknown_label"
# Half a character, which no file of text can hold.
_SURROGATES = re.compile("[\ud800-\udfff]")
_LINE_ENDS = re.compile(f"[{re.escape(LINE_ENDS)}]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a record says.

    Attributes:
      reason: Why it is rejected; "" if it is not.
      lines: Its texts, each without a line end.
      numbers: What is known of its label.
      marker: A character that stands at the borders of what the label is of; "" if none does.
      group: The text that it shares with records that belong together; "" for its whole text.
    """

    reason: str = ""
    lines: Sequence[str] = ()
    numbers: Sequence[float] = ()
    marker: str = ""
    group: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordFields(abc.ABC):
    """How records are read.

    Attributes:
      kind: What a label is, one of `schemas.label_kinds.KINDS`.
      example: What `--fields` may be, for messages; the last name is the label.
      has_classes: Whether labels are classes.
      texts: Names of the fields with text, or paths such as data.text.
      label: Name of the field with the label; None if records have none.
      names: Of the classes, by number.
    """

    kind: ClassVar[str]
    example: ClassVar[str]
    has_classes: ClassVar[bool] = False
    _counts: ClassVar[tuple[int, ...]] = (1, 2)

    texts: tuple[str, ...]
    label: str | None
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Sequence[str], *, labelled: bool) -> "RecordFields":
        """Returns the fields of these names.

        Raises:
          ValueError: if there is another number of them than the kind has.
        """
        texts = tuple(names[:-1] if labelled else names)
        if len(texts) not in cls._counts:
            raise ValueError(f"{len(names)} names")
        return cls(texts=texts, label=names[-1] if labelled else None)

    @property
    def given(self) -> tuple[str, ...]:
        """The names as they were given."""
        return (*self.texts, *(() if self.label is None else (self.label,)))

    @property
    def needed(self) -> tuple[str, ...]:
        """The fields that are read."""
        return self.given

    @property
    def settings(self) -> dict[str, str]:
        """What they decide of a recipe."""
        return {}

    @abc.abstractmethod
    def parse(self, record: Mapping[str, Any]) -> Parsed:
        """Returns what a record says."""

    def expand(self, record: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """Returns the records that a record of a file holds: itself."""
        return (record,)

    def finish(self, text: bytes, parsed: Parsed) -> tuple[bytes, Sequence[float]]:
        """Returns the text of the document, of its normalised lines, and what is known of it."""
        return text, parsed.numbers

    def labels(self, record: Mapping[str, Any]) -> Iterable[Any]:
        """Returns the labels of a record that are there, of kinds with classes."""
        found = None if self.label is None else field_of(record, self.label)
        return () if found is None else (found,)


def texts_of(record: Mapping[str, Any], names: Iterable[str]) -> tuple[list[str], str]:
    """Returns the text of each field on a line, and the reason for rejecting the record or ""."""
    found = [field_of(record, name) for name in names]
    if not all(isinstance(each, str) for each in found):
        return [], MISSING_FIELD
    return on_lines(found)


def on_lines(texts: Iterable[str]) -> tuple[list[str], str]:
    """Returns texts on a line each, and the reason for rejecting a record of them or ""."""
    lines = [_LINE_ENDS.sub(" ", each) for each in texts]
    return lines, "" if all(line.strip(WHITE) for line in lines) else EMPTY_TEXT


def class_name(value: Any) -> str | None:
    """Returns the name of a class as a record has it; None if it is nothing that can be one.

    >>> class_name(" not  ok "), class_name(1), class_name(True), class_name(0.5)
    ('not ok', '1', 'true', None)
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str) or _SURROGATES.search(value):
        return None
    return " ".join(value.split()) or None


def class_number(value: Any, names: tuple[str, ...]) -> tuple[float, str]:
    """Returns the number of a class, and the reason for rejecting its record or ""."""
    name = class_name(value)
    if name is None:
        return 0.0, WRONG_LABEL
    return (float(names.index(name)), "") if name in names else (0.0, UNKNOWN_LABEL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _TextFields(RecordFields):
    """Fields of one text or two, and of one value for the record."""

    example: ClassVar[str] = "text,label or text_a,text_b,label"

    @property
    def settings(self) -> dict[str, str]:
        return {"pair": "TwoTexts" if len(self.texts) == 2 else "OneText"}

    def parse(self, record: Mapping[str, Any]) -> Parsed:
        lines, reason = texts_of(record, self.texts)
        if reason or self.label is None:
            return Parsed(reason=reason, lines=lines)
        value = field_of(record, self.label)
        if value is None:
            return Parsed(reason=MISSING_LABEL)
        number, reason = self._number(value)
        return Parsed(reason=reason, lines=lines, numbers=[number])

    @abc.abstractmethod
    def _number(self, value: Any) -> tuple[float, str]:
        """Returns the number of a label, and the reason for rejecting its record or ""."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassFields(_TextFields):
    """Records with a class."""

    kind: ClassVar[str] = CLASS
    has_classes: ClassVar[bool] = True

    def _number(self, value: Any) -> tuple[float, str]:
        return class_number(value, self.names)


_LARGEST = 3.4028234663852886e38
"""The largest number of single precision."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NumberFields(_TextFields):
    """Records with a number."""

    kind: ClassVar[str] = NUMBER

    def _number(self, value: Any) -> tuple[float, str]:
        """Reads a number, also one that a table holds as text."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return 0.0, WRONG_LABEL
        try:
            found = float(value)
        except (OverflowError, ValueError):
            return 0.0, WRONG_LABEL
        good = math.isfinite(found) and abs(found) <= _LARGEST
        return (found, "") if good else (0.0, WRONG_LABEL)
