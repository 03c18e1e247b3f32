"""Fields of records of words with a class each."""

import dataclasses
import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from schemas.label_kinds import TAGS
from transforms.records.json_fields import field_of
from transforms.records.record_fields import (
    EMPTY_TEXT,
    MISSING_FIELD,
    MISSING_LABEL,
    WRONG_LABEL,
    Parsed,
    RecordFields,
    class_number,
    on_lines,
)
from transforms.text.normalize import WHITE

OTHER_LENGTH = "other_length"
NOT_SPLIT = "text_not_split_into_words"
# Chinese and Japanese are written without spaces.
_EAST_ASIAN = re.compile(
    "[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0002fa1f]"
)
_SIDE_BY_SIDE = re.compile(f"{_EAST_ASIAN.pattern}{{2}}")
_SPACED = re.compile(rf"{_EAST_ASIAN.pattern} {_EAST_ASIAN.pattern}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordFields(RecordFields):
    """A list of words, and a list of as many classes; in a table, words with spaces between them.

    A word becomes a line. Lines after the first begin with a space where text has one, so that
    tokens are those of running text: between two words neither of which is Chinese or Japanese
    there. Words of white space are left out, with their class. Without classes, which would be as
    many, a text with Chinese or Japanese characters side by side, and nowhere a space between two
    of them, is no words.
    """

    kind: ClassVar[str] = TAGS
    example: ClassVar[str] = "words,tags"
    has_classes: ClassVar[bool] = True
    _counts: ClassVar[tuple[int, ...]] = (1,)

    def parse(self, record: Mapping[str, Any]) -> Parsed:
        words = list_of_texts(field_of(record, self.texts[0]))
        if words is None:
            return Parsed(reason=MISSING_FIELD)
        if self.label is None and _is_running_text(field_of(record, self.texts[0])):
            return Parsed(reason=NOT_SPLIT)
        kept = [number for number, word in enumerate(words) if word.strip(WHITE)]
        if not kept:
            return Parsed(reason=EMPTY_TEXT)
        lines, _ = on_lines(words[number] for number in kept)
        if self.label is None:
            return Parsed(lines=lines)
        value = field_of(record, self.label)
        if value is None:
            return Parsed(reason=MISSING_LABEL)
        tags = _list(value)
        if tags is None:
            return Parsed(reason=WRONG_LABEL)
        if len(tags) != len(words):
            return Parsed(reason=OTHER_LENGTH)
        found = [class_number(tags[number], self.names) for number in kept]
        reason = next((reason for _, reason in found if reason), "")
        return Parsed(reason=reason, lines=lines, numbers=[number for number, _ in found])

    def finish(self, text: bytes, parsed: Parsed) -> tuple[bytes, list[float]]:
        return spaced(text.decode()).encode(), list(parsed.numbers)

    def labels(self, record: Mapping[str, Any]) -> Iterable[Any]:
        found = None if self.label is None else field_of(record, self.label)
        listed = None if found is None else _list(found)
        # What is no list is no class either.
        return () if found is None else [found] if listed is None else listed


def spaced(text: str) -> str:
    r"""Returns words, a line each, with the spaces that text has between them.

    >>> spaced("New\nYork\n的\n天")
    'New\n York\n的\n天'
    """
    words = text.split("\n")
    east = [(bool(_EAST_ASIAN.match(word)), bool(_EAST_ASIAN.match(word[-1]))) for word in words]
    spaces = ["" if one[1] or other[0] else " " for one, other in itertools.pairwise(east)]
    return "\n".join(
        [words[0], *(space + word for space, word in zip(spaces, words[1:], strict=True))]
    )


def _is_running_text(value: Any) -> bool:
    """Returns whether a value is a Chinese or Japanese text whose words nobody has told apart."""
    if not isinstance(value, str):
        return False
    words = value.split()
    return any(map(_SIDE_BY_SIDE.search, words)) and not _SPACED.search(" ".join(words))


def list_of_texts(value: Any) -> list[str] | None:
    """Returns the texts of a list, or the words of a text; None if it is something else."""
    found = _list(value)
    return found if found is not None and all(isinstance(each, str) for each in found) else None


def _list(value: Any) -> list[Any] | None:
    if isinstance(value, str):
        return list(value.split())
    return value if isinstance(value, list) else None
