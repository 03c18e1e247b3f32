"""Targets that are what is taken away from the row."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.edits import Edits
from transforms.arrays.sequences import CleanRows, Sequences, measured, removed, shifted, sources
from transforms.checks.denoising import examine_removed
from transforms.contract.denoising import CONTINUED, REMOVED
from transforms.contract.oracle import Findings
from transforms.contract.rules import RowLayout, RowRules
from transforms.contract.stored import StoredBatch
from transforms.denoise.target import OneTarget


@dataclasses.dataclass(frozen=True, kw_only=True)
class RemovedSpans(OneTarget):
    """The spans that are taken away, each after its sentinel. Source and target end with a token.

    Example, sentinels X Y, end Z, the row a b c d e and the spans [1, 3) and [4, 5):
      source a X d Y Z, target X b c Y e Z

    Source: google-research/text-to-text-transfer-transformer t5/data/preprocessors.py:3141-3212
      (noise_span_to_unique_sentinel, nonnoise_span_to_unique_sentinel), seqio append_eos.
    """

    kind: ClassVar[str] = REMOVED
    start: ClassVar[str] = "pad"
    marked: ClassVar[bool] = True
    sentinels: ClassVar[bool] = True
    required_roles: ClassVar[tuple[str, ...]] = ("pad", "sep")

    @property
    def end(self) -> tuple[str, ...]:
        return ("sep",)

    def tokens(self, vocabulary: Vocabulary) -> Array:
        return np.array(vocabulary.sentinels, vocabulary.id_type)

    def lengths(self, rows: Int64, edits: Edits) -> Int64:
        source, taken, tokens = measured(rows, edits).T
        return np.stack([source, taken + tokens], axis=1) + len(self.end)

    def sequences(
        self, rows: CleanRows, edits: Edits, layout: RowLayout, vocabulary: Vocabulary
    ) -> Sequences:
        tokens, end = self.tokens(vocabulary), self._end(vocabulary)
        sizes = measured(rows.lengths, edits)
        target = removed(rows, edits, tokens, end, sizes)
        return Sequences(
            source=sources(rows, edits, tokens, end, sizes),
            target=target,
            decoder_input=shifted(target, vocabulary.roles[self.start]),
        )

    def _end(self, vocabulary: Vocabulary) -> Array:
        return np.array([vocabulary.roles[role] for role in self.end], vocabulary.id_type)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        made = self.sequences(batch.clean, batch.edits, rules.layout, vocabulary)
        return examine_removed(batch, made, self.tokens(vocabulary), self._end(vocabulary))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Continuation(RemovedSpans):
    """What is taken away, and nothing stands for it: the end of the row.

    Source: google-research/text-to-text-transfer-transformer t5/data/preprocessors.py:2034-2050
      (prefix_lm).
    """

    kind: ClassVar[str] = CONTINUED
    marked: ClassVar[bool] = False
    sentinels: ClassVar[bool] = False

    def tokens(self, vocabulary: Vocabulary) -> Array:
        return np.empty(0, vocabulary.id_type)
