"""Finds the entities of a gazetteer: patterns of spaCy's EntityRuler, and surface forms."""

import dataclasses
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from schemas.annotations import AnnotationError
from schemas.entities import is_entity_id
from transforms.annotate.spacy_words import LinearTokenizer

if TYPE_CHECKING:
    from spacy.language import Language

ENTITY = "ENTITY"
"""Label of entities that are given by surface forms."""

_LEXICAL = frozenset(
    {
        *("ORTH", "TEXT", "NORM", "LOWER", "LENGTH", "SHAPE", "PREFIX", "SUFFIX", "OP", "SPACY"),
        *("IS_ALPHA", "IS_ASCII", "IS_DIGIT", "IS_LOWER", "IS_UPPER", "IS_TITLE", "IS_PUNCT"),
        *("IS_SPACE", "IS_STOP", "IS_BRACKET", "IS_QUOTE", "IS_LEFT_PUNCT", "IS_RIGHT_PUNCT"),
        *("IS_CURRENCY", "LIKE_NUM", "LIKE_URL", "LIKE_EMAIL"),
    }
)
# Every ideograph, kana, and Chinese or typographic punctuation mark is a token of its own.
_ALONE = (
    r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f\u3001-\u30ff\uff01-\uff65"
    r"\u2014\u2018-\u201f\u2026\u00b7]"
)
# Those of them that are never part of a longer prefix or suffix.
_SINGLE = _ALONE.replace(r"\u2014\u2018-\u201f\u2026\u00b7", "")


class GazetteerError(AnnotationError):
    """A gazetteer that cannot be read; the message says where and why."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gazetteer:
    """A list of entities.

    Text is tokenized with spaCy's rules for English, and every ideograph is a token of its own. So
    a surface form matches anywhere in Chinese text, but never inside a longer Latin word. Of
    overlapping matches the longest is kept, of equally long ones the first.

    Attributes:
      patterns: Content of a JSON lines file of patterns for spaCy's EntityRuler. A "pattern" is a
        surface form, or a list of words with lexical attributes (TEXT, LOWER, IS_DIGIT, OP, ...).
      surfaces: Content of a text file with a surface form, a tab and an id per line. If a form has
        several ids, the first one is used.
      ignore_case: Whether surface forms match in any letter case.
    """

    patterns: str = ""
    surfaces: str = ""
    ignore_case: bool = False

    def ids(self) -> frozenset[str]:
        """Returns the ids of the entities.

        Raises:
          GazetteerError: if a line cannot be read.
        """
        return frozenset(entry.get("id", "") for entry in self._entries()) - {""}

    def _entries(self) -> list[dict[str, Any]]:
        found = [*_read_patterns(self.patterns), *_read_surfaces(self.surfaces)]
        return _first_of_each(found, self.ignore_case)

    def __bool__(self) -> bool:
        return bool(self.patterns.strip() or self.surfaces.strip())

    def load(self) -> "Language":
        """Returns a spaCy pipeline that finds the entities.

        Raises:
          GazetteerError: if a line cannot be read.
        """
        import spacy
        from spacy.util import compile_infix_regex, compile_prefix_regex, compile_suffix_regex

        nlp = spacy.blank("en")
        words: Any = nlp.tokenizer
        rules: Any = nlp.Defaults
        words.prefix_search = compile_prefix_regex([*rules.prefixes, _ALONE]).search
        words.suffix_search = compile_suffix_regex([*rules.suffixes, _ALONE]).search
        words.infix_finditer = compile_infix_regex([*rules.infixes, _ALONE]).finditer
        attribute = "LOWER" if self.ignore_case else "ORTH"
        ruler: Any = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": attribute})
        entries = self._entries()
        try:
            ruler.add_patterns(entries)
        except (ValueError, TypeError) as error:
            raise GazetteerError(f"--gazetteer: spaCy refuses a pattern: {error}") from error
        nlp.tokenizer = LinearTokenizer(words, _SINGLE)
        # The limit protects parsers, and this pipeline has none.
        nlp.max_length = sys.maxsize
        return nlp


def _read_patterns(content: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            label, pattern = entry["label"], entry["pattern"]
        except (ValueError, KeyError, TypeError) as error:
            raise GazetteerError(
                f"--gazetteer: line {number} is not a pattern such as "
                f'{{"label": "ORG", "pattern": "UN"}}: {line[:80]!r}'
            ) from error
        words = [] if isinstance(pattern, str) else pattern
        unknown = {name.upper() for word in words for name in word} - _LEXICAL
        if unknown:
            raise GazetteerError(
                f"--gazetteer: line {number} uses {', '.join(sorted(unknown))}, which is not a "
                f"lexical attribute of a word; allowed are {', '.join(sorted(_LEXICAL))}"
            )
        name = str(entry.get("id", ""))
        if name and not is_entity_id(name):
            raise GazetteerError(
                f"--gazetteer: line {number}: an id must not contain a line break, or begin or end "
                f"with white space, got {name!r}"
            )
        yield {"label": str(label), "pattern": pattern, "id": name}


def _read_surfaces(content: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        surface, tab, name = line.partition("\t")
        if not tab or not surface.strip() or not name.strip():
            raise GazetteerError(
                f"--entities: line {number} is not a surface form, a tab and an id: {line[:80]!r}"
            )
        yield {"label": ENTITY, "pattern": surface.strip(), "id": name.strip()}


def _first_of_each(patterns: list[dict[str, Any]], ignore_case: bool) -> list[dict[str, Any]]:
    """Drops repeated surface forms, and empty ids."""
    kept: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(patterns):
        form = entry["pattern"]
        name = form if isinstance(form, str) else f"\t{number}"
        name = name.lower() if ignore_case else name
        kept.setdefault(name, {key: value for key, value in entry.items() if value != ""})
    return list(kept.values())
