"""The target that is the clean row."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.edits import Edits
from transforms.arrays.ragged import Ragged, take_ranges
from transforms.arrays.sequences import (
    CleanRows,
    Sequences,
    arranged_rows,
    measured,
    rotated,
    shifted,
    sources,
)
from transforms.checks.filled import examine_filled
from transforms.contract.denoising import CLEAN
from transforms.contract.oracle import Findings
from transforms.contract.rules import RowLayout, RowRules
from transforms.contract.stored import StoredBatch
from transforms.denoise.target import OneTarget


@dataclasses.dataclass(frozen=True, kw_only=True)
class CleanRow(OneTarget):
    """The row as it is, with its special tokens; the decoder is given its last one first.

    Example, mask M, the row <s> a b c d </s>, its span b c filled: source <s> a M d </s>, decoder
    input </s> <s> a b c d.

    Source: facebookresearch/fairseq fairseq/data/denoising_dataset.py:112-230, 370-400.
    """

    kind: ClassVar[str] = CLEAN
    start: ClassVar[str] = "sep"
    marked: ClassVar[bool] = True
    required_roles: ClassVar[tuple[str, ...]] = ("mask", "sep")

    def tokens(self, vocabulary: Vocabulary) -> Array:
        return np.array([vocabulary.mask], vocabulary.id_type)

    def lengths(self, rows: Int64, edits: Edits) -> Int64:
        source = measured(rows, edits)[:, 0]
        return np.stack([source, np.repeat(rows, len(source) // max(len(rows), 1))], axis=1)

    def sequences(
        self, rows: CleanRows, edits: Edits, layout: RowLayout, vocabulary: Vocabulary
    ) -> Sequences:
        return self._made(rows, arranged_rows(rows, edits, layout.edges), edits, layout, vocabulary)

    def _made(
        self,
        rows: CleanRows,
        arranged: CleanRows,
        edits: Edits,
        layout: RowLayout,
        vocabulary: Vocabulary,
    ) -> Sequences:
        """Returns source and target; `arranged` are the rows that edits are of."""
        copies = len(edits) // max(len(rows), 1)
        end = np.empty(0, rows.ids.dtype)
        source = sources(arranged, edits, self.tokens(vocabulary), end)
        if edits.rotations is not None:
            source = rotated(source, edits.rotations, layout.edges)
        lengths = np.repeat(rows.lengths, copies)
        starts = np.repeat(rows.offsets[:-1], copies)
        target = Ragged.from_lengths(take_ranges(rows.ids, starts, lengths), lengths)
        return Sequences(
            source=source,
            target=target,
            decoder_input=shifted(target, vocabulary.roles[self.start]),
        )

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        rows, edits, layout = batch.clean, batch.edits, rules.layout
        arranged = arranged_rows(rows, edits, layout.edges)
        made = self._made(rows, arranged, edits, layout, vocabulary)
        return examine_filled(batch, arranged, made, layout, vocabulary)
