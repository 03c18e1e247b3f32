"""What is selected as a whole: the phrases or entities of a text, and words elsewhere."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.columns import WORDS
from schemas.records import Bool, Examples
from schemas.vocabulary import Vocabulary
from transforms.arrays.marks import marked_spans
from transforms.arrays.ragged import flagged_positions
from transforms.checks.selection import examine_special
from transforms.checks.words import examine_word_starts
from transforms.contract.oracle import Findings
from transforms.contract.part import Part
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.contract.unit_table import UnitTable
from transforms.corruption.units import WordUnits


class _SpanUnits(Part):
    """Annotated spans of one kind, and whole words outside them.

    A span begins and ends a unit, also where that cuts a word: what a word has outside the span is
    a unit of its own on each side. A special token cuts spans, as it stands between two segments.
    """

    kind: ClassVar[str]

    words: ClassVar[bool] = True

    def as_words(self, batch: StoredBatch, rules: RowRules) -> StoredBatch:
        begins = unit_starts(batch.examples(rules), self.kind)
        return dataclasses.replace(batch, word_starts=flagged_positions(begins, batch.offsets))

    def find(self, examples: Examples) -> UnitTable:
        if examples.word_starts is None or self.kind not in examples.annotations:
            raise ValueError(
                f"{self.kind} were asked for, and these examples have no word starts or "
                f"no {self.kind}"
            )
        begins = unit_starts(examples, self.kind)
        return WordUnits().find(dataclasses.replace(examples, word_starts=begins))

    @property
    def special(self) -> bool:
        return False

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_special(batch, self.special) + examine_word_starts(batch, rules, vocabulary)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhraseUnits(_SpanUnits):
    """Whole phrases, and whole words outside them; a word is cut at the boundary of a phrase.

    Source: Sun et al. 2019, 3.2.2 (ERNIE 1.0); PaddlePaddle/ERNIE, branch repro, README.md:904-918
      (seg_labels).
    Differs: the tool that found the phrases was not published.
    """

    kind: ClassVar[str] = "phrases"
    needs: ClassVar[frozenset[str]] = frozenset({WORDS, "phrases"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class EntityUnits(_SpanUnits):
    """Whole named entities, and whole words outside them; a word is cut at an entity's boundary.

    Source: Sun et al. 2019, 3.2.3 (ERNIE 1.0); PaddlePaddle/ERNIE, branch repro, README.md:904-918
      (seg_labels).
    Differs: the tool that found the entities was not published, and the paper does not say what is
      a unit outside entities; we take words.
    """

    kind: ClassVar[str] = "entities"
    needs: ClassVar[frozenset[str]] = frozenset({WORDS, "entities"})


def unit_starts(examples: Examples, kind: str) -> Bool:
    """Returns bool[T]: where units begin, besides the first token of a row.

    Example, words [New] [York] [er ##s] and an entity on the tokens New York er:
      units begin at New, where the entity does, and at ##s, behind its end inside a word.

    Args:
      examples: With word starts.
      kind: Of the spans, a key of the annotations.
    """
    spans = marked_spans(examples.annotations[kind], examples.offsets)
    begins = np.zeros(len(examples.ids) + 1, np.bool_)
    if examples.word_starts is not None:
        begins[:-1] = examples.word_starts
    begins[spans.positions()] = False
    begins[spans.starts] = True
    begins[spans.ends] = True
    return begins[:-1]
