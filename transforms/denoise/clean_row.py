"""The target that is the clean row."""

import dataclasses
from collections.abc import Mapping
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
from transforms.contract.denoising import CLEAN, NO_FLOWS
from transforms.contract.oracle import Findings
from transforms.contract.part import Part
from transforms.contract.rules import RowLayout, RowRules
from transforms.contract.stored import StoredBatch


@dataclasses.dataclass(frozen=True, kw_only=True)
class CleanRow(Part):
    """The row as it is, with its special tokens; the decoder is given its last one first.

    Example, mask M, the row <s> a b c d </s>, its span b c filled: source <s> a M d </s>, decoder
    input </s> <s> a b c d.

    Source: facebookresearch/fairseq fairseq/data/denoising_dataset.py:112-230, 370-400.
    """

    kind: ClassVar[str] = CLEAN
    start: ClassVar[str] = "sep"
    marked: ClassVar[bool] = True
    sentinels: ClassVar[bool] = False
    own_positions: ClassVar[bool] = False
    hides_masks: ClassVar[bool] = False
    flows: ClassVar[Mapping[str, float]] = NO_FLOWS
    required_roles: ClassVar[tuple[str, ...]] = ("mask", "sep")

    @property
    def end(self) -> tuple[str, ...]:
        return ()

    def tokens(self, vocabulary: Vocabulary) -> Array:
        return np.array([vocabulary.mask], vocabulary.id_type)

    def lengths(self, rows: Int64, edits: Edits) -> Int64:
        source = measured(rows, edits)[:, 0]
        return np.stack([source, np.repeat(rows, len(source) // max(len(rows), 1))], axis=1)

    def sequences(
        self, rows: CleanRows, edits: Edits, layout: RowLayout, vocabulary: Vocabulary
    ) -> Sequences:
        copies, edges = len(edits) // max(len(rows), 1), layout.edges
        source = sources(
            arranged_rows(rows, edits, edges),
            edits,
            self.tokens(vocabulary),
            np.empty(0, rows.ids.dtype),
        )
        if edits.rotations is not None:
            source = rotated(source, edits.rotations, edges)
        lengths = np.repeat(rows.lengths, copies)
        starts = np.repeat(rows.offsets[:-1], copies)
        target = Ragged.from_lengths(take_ranges(rows.ids, starts, lengths), lengths)
        return Sequences(
            source=source,
            target=target,
            decoder_input=shifted(target, vocabulary.roles[self.start]),
        )

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        made = self.sequences(batch.clean, batch.edits, rules.layout, vocabulary)
        return examine_filled(batch, made, rules.layout, vocabulary)
