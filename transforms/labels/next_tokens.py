"""What is predicted of rows that are not corrupted: from every token the next one."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.columns import DOCUMENTS
from schemas.records import Array, Bool, Int64
from schemas.vocabulary import Vocabulary
from transforms.contract.attention import CAUSAL
from transforms.contract.oracle import Findings
from transforms.contract.part import Part
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch


@dataclasses.dataclass(frozen=True, kw_only=True)
class NextTokens(Part):
    """From every token of a row but the last, the next one.

    Attributes:
      keep_apart: The documents of a row do not see each other: attention and positions restart
        where a document begins, and its first token is not predicted.
      after_document_end: Predict from the end-of-document token, too: the first token of the next
        document.

    Source: NVIDIA/Megatron-LM core/datasets/gpt_dataset.py (reset_position_ids and
      reset_attention_mask, eod_mask_loss).
    Differs: with keep_apart nothing is predicted across a border of documents; the reference
      predicts the first token of a document from the one before, unless eod_mask_loss is set.
    """

    attention: ClassVar[str] = CAUSAL
    name: ClassVar[str] = "lm"
    of_next: ClassVar[bool] = True
    of_words: ClassVar[bool] = False
    of_labels: ClassVar[bool] = False
    needs: ClassVar[frozenset[str]] = frozenset({DOCUMENTS})

    keep_apart: bool = False
    after_document_end: bool = True

    def sources(self, ids: Array, offsets: Int64, document_starts: Array, end: int) -> Bool:
        """Returns bool[T]: the tokens from which the next one is predicted.

        Example, a row [a / b c] with `/` as the end-of-document token: [1 1 1 0]; with keep_apart,
        or without after_document_end, [1 0 1 0].

        Args:
          ids: [T]; rows one after the other.
          offsets: int64[R + 1] of the rows, none of which is empty.
          document_starts: [T]; not 0 where a document begins.
          end: The end-of-document token.
        """
        found = np.ones(len(ids), np.bool_)
        if self.keep_apart:
            found[:-1] = document_starts[1:] == 0
        if not self.after_document_end:
            found &= ids != end
        found[offsets[1:] - 1] = False
        return found

    def predicted(self, batch: StoredBatch, vocabulary: Vocabulary) -> tuple[Int64, Array]:
        starts = batch.annotations[DOCUMENTS]
        places = np.flatnonzero(self.sources(batch.ids, batch.offsets, starts, vocabulary.eod)) + 1
        return places, batch.ids[places]

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        places, _ = self.predicted(batch, vocabulary)
        return Findings({f"{self.name}.predictions": len(places)})
