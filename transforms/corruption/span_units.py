"""What is selected as a whole: the phrases or entities of a text, and words elsewhere."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.columns import WORDS
from schemas.records import Bytes
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples
from transforms.arrays.ragged import flagged_positions
from transforms.checks.selection import examine_special
from transforms.checks.words import examine_word_starts
from transforms.contract.oracle import Findings
from transforms.contract.part import Part
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.units import BEGINS


class _SpanUnits(Part):
    """Annotated spans of one kind, and whole words outside them.

    A span begins and ends a unit, also where that cuts a word: what a word has outside the span is
    a unit of its own on each side. A special token cuts spans, as it stands between two segments.
    """

    kind: ClassVar[str]

    words: ClassVar[bool] = True

    def as_words(self, batch: StoredBatch, rules: RowRules) -> StoredBatch:
        begins = self.marks(batch.examples(rules)) == BEGINS
        return dataclasses.replace(batch, word_starts=flagged_positions(begins, batch.offsets))

    def marks(self, examples: Examples) -> Bytes:
        from transforms.kernels.units import mark_spans

        if examples.word_starts is None or self.kind not in examples.annotations:
            raise ValueError(
                f"{self.kind} were asked for, and these examples have no word starts or "
                f"no {self.kind}"
            )
        spans, marks = examples.annotations[self.kind], np.empty(len(examples.ids), np.uint8)
        mark_spans(examples.offsets, examples.special, examples.word_starts, spans, marks)
        return marks

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
