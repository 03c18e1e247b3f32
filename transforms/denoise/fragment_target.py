"""The target that is the fragments of a row, each token at its own position."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.records import Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.edits import Edits
from transforms.arrays.sequences import CleanRows, Sequences, measured, removed, sources
from transforms.checks.fragments import examine_fragments
from transforms.contract.denoising import FRAGMENTS
from transforms.contract.oracle import Findings
from transforms.contract.rules import RowLayout, RowRules
from transforms.contract.stored import StoredBatch
from transforms.denoise.target import OneTarget


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fragment(OneTarget):
    """What is taken away; for each token the decoder is given the one before it in the row.

    Example, mask M, the row <s> a b c d </s> and the fragment b c: source <s> a M M d </s>, target
    b c, decoder input a b, at the positions 1 2.

    Attributes:
      hides_masks: The decoder does not attend to the masks of a source, which the encoder sees.

    Source: microsoft/MASS MASS-unsupNMT/src/trainer.py:735-841; microsoft/ProphetNet
      ProphetNet_En/prophetnet/ngram_s2s_model.py:692-706 (positions of the row).
    """

    kind: ClassVar[str] = FRAGMENTS
    start: ClassVar[str] = "sep"
    own_positions: ClassVar[bool] = True

    hides_masks: bool = False

    def lengths(self, rows: Int64, edits: Edits) -> Int64:
        return measured(rows, edits)[:, :2]

    def sequences(
        self, rows: CleanRows, edits: Edits, layout: RowLayout, vocabulary: Vocabulary
    ) -> Sequences:
        none = np.empty(0, rows.ids.dtype)
        positions = edits.taken
        begins = np.repeat(rows.offsets[:-1], len(edits) // max(len(rows), 1))
        places = np.repeat(begins, positions.lengths) + positions.values - 1
        return Sequences(
            source=sources(rows, edits, none, none),
            target=removed(rows, edits, none, none),
            decoder_input=rows.ids[places],
            positions=positions.values - np.uint16(1),
            target_positions=positions.values,
        )

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_fragments(
            batch, self.sequences(batch.clean, batch.edits, rules.layout, vocabulary)
        )
