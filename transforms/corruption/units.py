"""What is selected as a whole: tokens, or words."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from schemas.columns import WORDS
from schemas.records import Bool, Examples, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.arrays.spans import Spans, spans_of_units
from transforms.checks.selection import examine_special, special_oracles
from transforms.checks.words import examine_word_starts
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.part import Part
from transforms.contract.stored import StoredBatch

if TYPE_CHECKING:
    from transforms.objectives.recipe import Recipe


@dataclasses.dataclass(frozen=True, eq=False)
class UnitTable:
    """The units of a batch of examples.

    Attributes:
      candidates: int64[M]; flat positions of the tokens that may be selected, ascending.
      starts: int64[U]; index into `candidates` of each unit's first token.
      lengths: int64[U]; tokens of each unit, or None where all have one.
      counts: int64[R]; units of each row.
    """

    candidates: Int64
    starts: Int64
    lengths: Int64 | None
    counts: Int64

    @functools.cached_property
    def row_offsets(self) -> Int64:
        """int64[R + 1]; index into `candidates` where each row begins."""
        return np.append(self.starts, len(self.candidates))[offsets_of(self.counts)]

    @functools.cached_property
    def stretches(self) -> Int64:
        """int64[P + 1]; index into `candidates` where what stands in one piece begins.

        A stretch ends with its row, and at every token that may not be selected.
        """
        begins = np.ones(len(self.candidates) + 1, np.bool_)
        begins[1:-1] = self.candidates[1:] != self.candidates[:-1] + 1
        begins[self.row_offsets] = True
        return np.flatnonzero(begins)

    @functools.cached_property
    def unit_of(self) -> Int64:
        """int64[M]; the unit that each candidate belongs to."""
        if self.lengths is None:
            return np.arange(len(self.candidates))
        return np.repeat(np.arange(len(self.starts)), self.lengths)

    def spans(self, selected: Int64) -> Spans:
        """Returns the spans of some units, given by ascending index."""
        if self.lengths is None:
            positions = self.candidates[selected]
            return Spans(positions, positions + 1)
        starts, lengths = self.starts[selected], self.lengths[selected]
        spans = Spans(self.candidates[starts], self.candidates[starts + lengths - 1] + 1)
        if np.array_equal(spans.ends - spans.starts, lengths):
            return spans
        return spans_of_units(self.candidates[range_indices(starts, lengths)], lengths)


class Units(Protocol):
    """Finds the units of examples.

    `needs` says what must be stored of tokens, `special` that special tokens are units too.
    """

    needs: ClassVar[frozenset[str]]

    @property
    def special(self) -> bool: ...

    def find(self, examples: Examples) -> UnitTable: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenUnits(Part):
    """Every token for itself.

    Attributes:
      special: The layout's special tokens may be selected too.

    Source: google-research/bert create_pretraining_data.py:349-371 (without special tokens);
      fairseq data/mask_tokens_dataset.py:140-150 (with them).
    """

    special: bool = False

    def find(self, examples: Examples) -> UnitTable:
        candidates, counts = _candidates(examples, self.special)
        return UnitTable(candidates, np.arange(len(candidates)), None, counts)

    def examine(self, batch: StoredBatch, recipe: "Recipe", vocabulary: Vocabulary) -> Findings:
        return examine_special(batch, self.special)

    def oracles(
        self, totals: Mapping[str, int], recipe: "Recipe", vocabulary: Vocabulary
    ) -> list[Oracle]:
        return special_oracles(totals) if self.special else []


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordUnits(Part):
    """Whole words: from one word start to the next, special tokens left out.

    Source: google-research/bert create_pretraining_data.py:355-371 (`##` pieces join the word);
      Chinese-BERT-wwm issues 13 and 17 (the segmenter's words for Chinese).
    """

    needs: ClassVar[frozenset[str]] = frozenset({WORDS})

    def find(self, examples: Examples) -> UnitTable:
        if examples.word_starts is None:
            raise ValueError("whole words were asked for, and these examples have no word starts")
        candidates, counts = _candidates(examples, special=False)
        begins = examples.word_starts[candidates]
        begins[offsets_of(counts)[:-1][counts > 0]] = True
        starts = np.flatnonzero(begins)
        lengths = np.diff(np.append(starts, len(candidates)))
        in_row = np.diff(offsets_of(begins)[offsets_of(counts)])
        return UnitTable(candidates, starts, lengths, in_row)

    @property
    def special(self) -> bool:
        return False

    def examine(self, batch: StoredBatch, recipe: "Recipe", vocabulary: Vocabulary) -> Findings:
        return examine_special(batch, self.special) + examine_word_starts(batch, recipe, vocabulary)


def _candidates(examples: Examples, special: bool) -> tuple[Int64, Int64]:
    """Returns the flat positions that may be selected, and their number in each row."""
    if special:
        return np.arange(len(examples.ids)), np.diff(examples.offsets)
    allowed: Bool = ~examples.special
    return np.flatnonzero(allowed), np.diff(offsets_of(allowed)[examples.offsets])
