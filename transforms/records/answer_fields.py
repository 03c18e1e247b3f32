"""Fields of records of a question, a context and an answer that stands in it."""

import dataclasses
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from schemas.label_kinds import SPAN
from transforms.records.anchors import MARKERS
from transforms.records.json_fields import field_of
from transforms.records.record_fields import (
    MISSING_LABEL,
    WRONG_LABEL,
    Parsed,
    RecordFields,
    on_lines,
    texts_of,
)
from transforms.text.normalize import WHITE

ELSEWHERE, SPLITS = "answer_not_there", "answer_splits_character"
NO_ANSWER = (-1.0, -1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnswerFields(RecordFields):
    """A question, a context, and an answer by its text and its first character in the context.

    An answer is {"text": ["..."], "answer_start": [7]} as SQuAD has it, of which the first is
    taken, or a list of {"text": "...", "answer_start": 7}; an empty list is no answer. Or it is two
    fields, of a text (empty for no answer) and of a number.

    Attributes:
      start: The field with the first character; "" if the field of the label has it.
    """

    kind: ClassVar[str] = SPAN
    example: ClassVar[str] = "question,context,answers or question,context,answer,answer_start"

    start: str = ""

    @classmethod
    def of(cls, names: Sequence[str], *, labelled: bool) -> "AnswerFields":
        if len(names) not in ((3, 4) if labelled else (2,)):
            raise ValueError(f"{len(names)} names")
        return cls(
            texts=tuple(names[:2]),
            label=names[2] if labelled else None,
            start=names[3] if len(names) == 4 else "",
        )

    @property
    def given(self) -> tuple[str, ...]:
        return (*super().given, *((self.start,) if self.start else ()))

    def expand(self, record: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """Returns the questions of a file of SQuAD or CMRC: of data, paragraphs and qas."""
        if not isinstance(record.get("data"), list):
            return (record,)
        return list(_questions(record["data"]))

    def parse(self, record: Mapping[str, Any]) -> Parsed:
        lines, reason = texts_of(record, self.texts)
        if reason:
            return Parsed(reason=reason, lines=lines)
        return dataclasses.replace(self._answered(record, lines), group=lines[1])

    def _answered(self, record: Mapping[str, Any], lines: list[str]) -> Parsed:
        if self.label is None:
            return Parsed(lines=lines)
        value = field_of(record, self.label)
        if value is None:
            return Parsed(reason=MISSING_LABEL)
        answer = _answer(value, field_of(record, self.start) if self.start else None)
        if answer is None:
            return Parsed(reason=WRONG_LABEL)
        text, start = answer
        if not text.strip(WHITE):
            return Parsed(lines=lines, numbers=NO_ANSWER)
        return _marked(lines, field_of(record, self.texts[1]), text, start)

    def finish(self, text: bytes, parsed: Parsed) -> tuple[bytes, Sequence[float]]:
        """Returns the text without markers, and which bytes of its second line they enclosed."""
        if not parsed.marker:
            return text, parsed.numbers
        marker = parsed.marker.encode()
        question, _, context = text.partition(b"\n")
        before, answer, after = context.split(marker)
        found = [float(len(before)), float(len(before) + len(answer))]
        return b"\n".join([question, before + answer + after]), found


def _questions(articles: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    """Yields the questions of articles with their contexts; nothing of what is none."""
    for article in articles:
        for paragraph in _objects(article, "paragraphs"):
            for asked in _objects(paragraph, "qas"):
                yield {**asked, "context": paragraph.get("context")}


def _objects(value: Any, name: str) -> list[Mapping[str, Any]]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _answer(value: Any, start: Any) -> tuple[str, int] | None:
    """Returns the text of an answer and its first character; None if the value is none.

    >>> _answer({"text": ["a"], "answer_start": [3]}, None), _answer([], None), _answer("a", "3")
    (('a', 3), ('', 0), ('a', 3))
    """
    if isinstance(value, list):
        if not value:
            return "", 0
        value = value[0]
    if isinstance(value, Mapping):
        value, start = value.get("text"), value.get("answer_start")
        if isinstance(value, list) and isinstance(start, list) and len(value) == len(start):
            value, start = (value[0], start[0]) if value else ("", 0)
    if isinstance(start, str) and start.isascii() and start.isdigit() and len(start) < 20:
        start = int(start)
    if value == "":
        return "", 0
    good = isinstance(value, str) and type(start) is int
    return (value, start) if good else None


def _marked(lines: Sequence[str], context: str, text: str, start: int) -> Parsed:
    """Returns what a record with an answer says: the context has a marker at each of its ends."""
    if start < 0 or context[start : start + len(text)] != text:
        return Parsed(reason=ELSEWHERE)
    start += len(text) - len(text.lstrip(WHITE))
    end = start + len(text.strip(WHITE))
    pieces = context[:start], context[start:end], context[end:]
    whole = unicodedata.normalize("NFC", context)
    if whole != "".join(unicodedata.normalize("NFC", piece) for piece in pieces):
        return Parsed(reason=SPLITS)
    marker = next((each for each in MARKERS if each not in context), "")
    if not marker:
        return Parsed(reason=ELSEWHERE)
    flat, _ = on_lines([marker.join(pieces)])
    return Parsed(lines=[lines[0], flat[0]], marker=marker)
