"""Finds the entities of a list in text: patterns of spaCy's EntityRuler, and surface forms."""

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
"""Label of entities that are given by their surface forms."""

_LEXICAL = frozenset(
    {
        *("ORTH", "TEXT", "NORM", "LOWER", "LENGTH", "SHAPE", "PREFIX", "SUFFIX", "OP", "SPACY"),
        *("IS_ALPHA", "IS_ASCII", "IS_DIGIT", "IS_LOWER", "IS_UPPER", "IS_TITLE", "IS_PUNCT"),
        *("IS_SPACE", "IS_STOP", "IS_BRACKET", "IS_QUOTE", "IS_LEFT_PUNCT", "IS_RIGHT_PUNCT"),
        *("IS_CURRENCY", "LIKE_NUM", "LIKE_URL", "LIKE_EMAIL"),
    }
)
# Every ideograph, kana, and mark of Chinese and typographic punctuation is a token.
_ALONE = (
    r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f\u3001-\u30ff\uff01-\uff65"
    r"\u2014\u2018-\u201f\u2026\u00b7]"
)
# Of these, those that are part of no longer prefix or suffix.
_SINGLE = _ALONE.replace(r"\u2014\u2018-\u201f\u2026\u00b7", "")


class GazetteerError(AnnotationError):
    """A gazetteer that cannot be read; the message says where and why."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gazetteer:
    """A list of entities.

    Text is cut into words as spaCy cuts English, and every ideograph is a word of its own: so a
    surface form is found wherever it stands in Chinese, and never inside a longer Latin word. Of
    matches that overlap the longest stays, then the first.

    Attributes:
      patterns: Content of a JSON lines file: patterns of spaCy's EntityRuler, whose "pattern" is a
        surface form or a list of words with lexical attributes (TEXT, LOWER, IS_DIGIT, OP, ...).
      surfaces: Content of a text file: a surface form, a tab and an id a line. Where a form has
        several ids the first counts.
      ignore_case: Whether surface forms match in any letter case.
    """

    patterns: str = ""
    surfaces: str = ""
    ignore_case: bool = False

    def ids(self) -> frozenset[str]:
        """Returns the ids that it gives.

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
        # The limit is for parsers, which this pipeline has not.
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
                f"--gazetteer: line {number} asks for {', '.join(sorted(unknown))}, which is not "
                f"known of a word alone; allowed are {', '.join(sorted(_LEXICAL))}"
            )
        name = str(entry.get("id", ""))
        if name and not is_entity_id(name):
            raise GazetteerError(
                f"--gazetteer: line {number}: an id has no line break, and no white space around "
                f"it: {name!r}"
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
    """Drops surface forms that were given before, and ids of nothing."""
    kept: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(patterns):
        form = entry["pattern"]
        name = form if isinstance(form, str) else f"\t{number}"
        name = name.lower() if ignore_case else name
        kept.setdefault(name, {key: value for key, value in entry.items() if value != ""})
    return list(kept.values())
