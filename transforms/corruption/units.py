"""What is selected as a whole: tokens, or words."""

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

BEGINS = np.uint8(2)
"""A mark, see `transforms.contract.corrupting.Units`."""


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

    def marks(self, examples: Examples) -> Bytes:
        if self.special:
            return np.full(len(examples.ids), BEGINS)
        return _text(examples) * BEGINS

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

    def marks(self, examples: Examples) -> Bytes:
        if examples.word_starts is None:
            raise ValueError("whole words were asked for, and these examples have no word starts")
        return _text(examples) << examples.word_starts.view(np.uint8)

    @property
    def special(self) -> bool:
        return False

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_special(batch, self.special) + examine_word_starts(batch, rules, vocabulary)


def _text(examples: Examples) -> Bytes:
    """Returns uint8[T]: 1, but 0 for special tokens."""
    return (~examples.special).view(np.uint8)
