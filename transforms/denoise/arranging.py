"""Noise that leaves the tokens and changes where they stand: of sentences, or of the whole text."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.columns import SENTENCES
from schemas.edits import MOST_SENTENCES
from schemas.records import Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.edits import Edits
from transforms.arrays.ragged import Ragged, offsets_of
from transforms.arrays.randomness import threshold
from transforms.arrays.sequences import measured, sentence_counts
from transforms.checks.arranging import (
    examine_orders,
    examine_rotations,
    order_oracles,
    rotation_oracles,
)
from transforms.contract.corrupting import Copies
from transforms.contract.denoising import CLEAN, NoiseBatch
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.denoise.noise import OneNoise, check_rate


@dataclasses.dataclass(frozen=True, kw_only=True)
class SentencePermutation(OneNoise):
    """Some sentences of a row, or all of them, in another order. It comes before other noise.

    Attributes:
      rate: Part of the sentences that change their places, rounded up; 0 switches it off.

    Randomness: 64 bits a sentence that is moved.
    Source: facebookresearch/fairseq fairseq/data/denoising_dataset.py:180-240 (permute_sentences).
    Differs: sentences are those of the text, where the reference looks for full stops; from the
      256th on all is one sentence.
    """

    kinds: ClassVar[tuple[str, ...]] = (CLEAN,)
    alone: ClassVar[bool] = False
    spans_made: ClassVar[bool] = False

    rate: float = 1.0

    def __post_init__(self) -> None:
        check_rate("rate", self.rate)

    @property
    def active(self) -> bool:
        return self.rate > 0

    @property
    def reorders(self) -> bool:
        return self.active

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({SENTENCES}) if self.active else frozenset()

    def apply(self, edits: Edits, batch: NoiseBatch, copies: Copies) -> Edits:
        from transforms.kernels.arranging import draw_orders

        counts = sentence_counts(batch.clean, batch.layout.edges)
        offsets = offsets_of(np.repeat(counts, len(copies)))
        orders = np.empty(offsets[-1], np.uint8)
        draw_orders(batch.rows, counts, self._moved(), copies.keys, (offsets, orders))
        return dataclasses.replace(edits, orders=Ragged(orders, offsets))

    def _moved(self) -> Int64:
        """Returns int64[257]: how many of so many sentences are moved."""
        return np.ceil(np.arange(MOST_SENTENCES + 1) * self.rate).astype(np.int64)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_orders(batch, rules.layout, self._moved()) if self.active else Findings()

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return order_oracles(totals) if self.active else []


@dataclasses.dataclass(frozen=True, kw_only=True)
class DocumentRotation(OneNoise):
    """The text of a source begins with another of its tokens. It comes after other noise.

    Attributes:
      rate: Probability of a row to be rotated; 0 switches it off. Then it is rotated by as many of
        its tokens as are drawn, and all of them is as likely as any number of them.

    Randomness: 64 bits a copy of a row.
    Source: facebookresearch/fairseq fairseq/data/denoising_dataset.py:245-262 (add_rolling_noise).
    Differs: it is switched off by default, as in the paper; the reference rotates half of all rows.
    """

    kinds: ClassVar[tuple[str, ...]] = (CLEAN,)
    alone: ClassVar[bool] = False
    spans_made: ClassVar[bool] = False
    rotates: ClassVar[bool] = True

    rate: float = 0.0

    def __post_init__(self) -> None:
        check_rate("rate", self.rate)

    @property
    def active(self) -> bool:
        return self.rate > 0

    def apply(self, edits: Edits, batch: NoiseBatch, copies: Copies) -> Edits:
        from transforms.kernels.arranging import draw_rotations

        lengths = np.diff(batch.examples.offsets)
        sizes = measured(lengths, edits)[:, 0] - sum(batch.layout.edges)
        found = np.empty(len(edits), np.uint16)
        draw_rotations(batch.rows, sizes, threshold(self.rate), copies.keys, found)
        return dataclasses.replace(edits, rotations=found)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_rotations(batch, rules.layout) if self.active else Findings()

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return rotation_oracles(totals, self.rate) if self.active else []
