"""Fields of records of a query and several candidates, one of which is the right one."""

import dataclasses
import string
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from schemas.label_kinds import CHOICE
from transforms.records.json_fields import field_of
from transforms.records.record_fields import (
    MISSING_FIELD,
    MISSING_LABEL,
    WRONG_LABEL,
    Parsed,
    RecordFields,
    on_lines,
    texts_of,
)

WRONG_NUMBER = "wrong_number_of_candidates"
MOST_CANDIDATES = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChoiceFields(RecordFields):
    """A query of one or two texts, candidates, and which is the right one.

    Candidates are a list of texts, or several fields with + between them. The label is the number
    of the right one, from 0, its letter, or its text.

    Attributes:
      candidates: The field with the list, or those with a text each.
    """

    kind: ClassVar[str] = CHOICE
    example: ClassVar[str] = "query,candidates,label or context,question,a+b+c+d,label"

    candidates: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Sequence[str], *, labelled: bool) -> "ChoiceFields":
        *texts, candidates = names[:-1] if labelled else names
        if len(texts) not in cls._counts:
            raise ValueError(f"{len(names)} names")
        return cls(
            texts=tuple(texts),
            label=names[-1] if labelled else None,
            candidates=tuple(name.strip() for name in candidates.split("+")),
        )

    @property
    def given(self) -> tuple[str, ...]:
        label = () if self.label is None else (self.label,)
        return (*self.texts, "+".join(self.candidates), *label)

    @property
    def needed(self) -> tuple[str, ...]:
        label = () if self.label is None else (self.label,)
        return (*self.texts, *self.candidates, *label)

    def parse(self, record: Mapping[str, Any]) -> Parsed:
        query, reason = texts_of(record, self.texts)
        if reason:
            return Parsed(reason=reason)
        texts = self._candidates(record)
        if texts is None:
            return Parsed(reason=MISSING_FIELD)
        if not 2 <= len(texts) <= MOST_CANDIDATES:
            return Parsed(reason=WRONG_NUMBER)
        lines, reason = on_lines(texts)
        numbers = [float(len(texts))]
        if self.label is not None:
            value = field_of(record, self.label)
            right = None if value is None else _right(value, texts)
            if right is None:
                return Parsed(reason=MISSING_LABEL if value is None else WRONG_LABEL)
            numbers.append(float(right))
        whole = [" ".join(query), *lines]
        return Parsed(reason=reason, lines=whole, numbers=numbers, group=query[0])

    def _candidates(self, record: Mapping[str, Any]) -> list[str] | None:
        found = [field_of(record, name) for name in self.candidates]
        texts = found[0] if len(found) == 1 else found
        good = isinstance(texts, list) and all(isinstance(each, str) for each in texts)
        return texts if good else None


def _right(value: Any, texts: Sequence[str]) -> int | None:
    """Returns the number of the right candidate; None if the label names none, or several.

    >>> [_right(value, ["no", "yes", "maybe"]) for value in (1, "1", "B", "yes", 3, True)]
    [1, 1, 1, 1, None, None]
    """
    if isinstance(value, str) and value in texts:
        return texts.index(value) if texts.count(value) == 1 else None
    if isinstance(value, str):
        letter = value.strip().upper()
        if len(letter) == 1 and letter in string.ascii_uppercase:
            value = string.ascii_uppercase.index(letter)
        elif letter.isascii() and letter.isdigit() and len(letter) < 20:
            value = int(letter)
    return value if type(value) is int and 0 <= value < len(texts) else None
