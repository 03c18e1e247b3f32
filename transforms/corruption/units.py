"""What is selected as a whole: tokens, or words."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.columns import WORDS
from schemas.records import Bool, Examples, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import flagged_positions, offsets_of
from transforms.checks.selection import examine_special
from transforms.checks.words import examine_word_starts
from transforms.contract.oracle import Findings
from transforms.contract.part import Part
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.contract.unit_table import UnitTable


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenUnits(Part):
    """Every token for itself.

    Attributes:
      special: The layout's special tokens may be selected too.

    Source: google-research/bert create_pretraining_data.py:349-371 (without special tokens);
      fairseq data/mask_tokens_dataset.py:140-150 (with them).
    """

    words: ClassVar[bool] = False

    special: bool = False

    def as_words(self, batch: StoredBatch, rules: RowRules) -> StoredBatch:
        special = np.zeros_like(batch.special) if self.special else batch.special
        starts = flagged_positions(~special, batch.offsets)
        return dataclasses.replace(batch, special=special, word_starts=starts)

    def find(self, examples: Examples) -> UnitTable:
        candidates, counts = _candidates(examples, self.special)
        return UnitTable(candidates, np.arange(len(candidates)), None, counts)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_special(batch, self.special)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordUnits(Part):
    """Whole words: from one word start to the next, special tokens left out.

    Source: google-research/bert create_pretraining_data.py:355-371 (`##` pieces join the word);
      Chinese-BERT-wwm issues 13 and 17 (the segmenter's words for Chinese).
    """

    needs: ClassVar[frozenset[str]] = frozenset({WORDS})
    words: ClassVar[bool] = True

    def as_words(self, batch: StoredBatch, rules: RowRules) -> StoredBatch:
        return batch

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

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_special(batch, self.special) + examine_word_starts(batch, rules, vocabulary)


def _candidates(examples: Examples, special: bool) -> tuple[Int64, Int64]:
    """Returns the flat positions that may be selected, and their number in each row."""
    if special:
        return np.arange(len(examples.ids)), np.diff(examples.offsets)
    allowed: Bool = ~examples.special
    return np.flatnonzero(allowed), np.diff(offsets_of(allowed)[examples.offsets])
