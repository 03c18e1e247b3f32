"""Fragments of rows, whose places the source shows: one of a sentence, or one of every block."""

import abc
import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.edits import Edits
from transforms.arrays.parts import MOST, rounded_parts
from transforms.arrays.randomness import threshold
from transforms.checks.fragments import (
    examine_blocks,
    examine_one_fragment,
    place_oracles,
    start_oracles,
)
from transforms.contract.corrupting import Copies
from transforms.contract.denoising import FRAGMENTS, NoiseBatch
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.denoise.noise import OneNoise, check_part, check_rate


class _Fragments(OneNoise, abc.ABC):
    """Spans in whose places the encoder sees what the target says, by the seed of the row."""

    kinds: ClassVar[tuple[str, ...]] = (FRAGMENTS,)
    seeds: ClassVar[bool] = True

    @abc.abstractmethod
    def spans_of(self, batch: NoiseBatch, copies: Copies) -> tuple[Int64, Array, Array]:
        """Returns offsets of the spans of each copy of each row, their starts and ends."""

    def apply(self, edits: Edits, batch: NoiseBatch, copies: Copies) -> Edits:
        found = self.tokens_for(edits, *self.spans_of(batch, copies))
        return dataclasses.replace(found, seeds=self.drawn_seeds(batch.rows, copies))


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneFragment(_Fragments):
    """One fragment of every row, at its begin, at its end, or anywhere behind the first token.

    Attributes:
      rate: Part of the row, its special tokens included; rounded, halves to the even number.
      at_begin: Probability that it begins with the second token.
      at_end: Probability that it ends with the last token. Else all places are as likely.

    Randomness: 64 bits a copy of a row, and 32 a row for the seed of what the encoder sees.
    Source: microsoft/MASS MASS-unsupNMT/src/trainer.py:735-841 (mask_word, restricted_mask_sent).
    Differs: each row has a length of its own; the reference takes that of the longest in a batch,
      and places of the first one.
    """

    rate: float = 0.5
    at_begin: float = 0.2
    at_end: float = 0.2

    def __post_init__(self) -> None:
        check_part("rate", self.rate)
        check_rate("at_begin", self.at_begin)
        check_rate("at_end", self.at_end)
        if self.at_begin + self.at_end > 1:
            raise ValueError(
                "at_begin and at_end must be at most 1 together, got "
                f"{self.at_begin} and {self.at_end}"
            )

    @property
    def part(self) -> float:
        return self.rate

    def spans_of(self, batch: NoiseBatch, copies: Copies) -> tuple[Int64, Array, Array]:
        from transforms.kernels.span_noise import draw_fragments

        row_offsets, lists = batch.examples.offsets, len(batch.rows) * len(copies)
        starts, ends = np.empty(lists, np.uint16), np.empty(lists, np.uint16)
        shares = threshold(self.at_begin), threshold(self.at_begin + self.at_end)
        sizes = rounded_parts(self.rate)
        draw_fragments((row_offsets, batch.rows), sizes, shares, copies.keys, (starts, ends))
        return np.arange(lists + 1), starts, ends

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_one_fragment(batch)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return place_oracles(totals, self.at_begin, self.at_end)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlockFragments(_Fragments):
    """One fragment of every block of a row's text, each place in the block as likely.

    Attributes:
      block: Tokens of a block; the last one of a row may be shorter.
      rate: Part of the block, rounded down; the first block of a row loses at least one token.

    Randomness: 32 bits a block, and 32 a row for the seed of what the encoder sees.
    Source: microsoft/MASS MASS-summarization/mass/masked_dataset.py:45-112; Qi et al. 2020,
      ProphetNet, 3.2.
    Differs: special tokens at the end of a row are in no block.
    """

    block: int = 64
    rate: float = 0.15

    def __post_init__(self) -> None:
        if not 2 <= self.block < MOST:
            raise ValueError(f"block must be in [2, {MOST - 1}], got {self.block}")
        check_part("rate", self.rate)

    def spans_of(self, batch: NoiseBatch, copies: Copies) -> tuple[Int64, Array, Array]:
        from transforms.kernels.span_noise import draw_blocks

        row_offsets = batch.examples.offsets
        blocks = -(-np.diff(row_offsets) // self.block)
        room = int(blocks.sum()) * len(copies)
        starts, ends = np.empty(room, np.uint16), np.empty(room, np.uint16)
        offsets = np.zeros(len(batch.rows) * len(copies) + 1, np.int64)
        before, behind = batch.layout.edges
        rows, edges = (row_offsets, batch.rows), (max(before, 1), behind)
        draw_blocks(rows, edges, self._sizes(), copies.keys, offsets, (starts, ends))
        return offsets, starts[: offsets[-1]], ends[: offsets[-1]]

    def _sizes(self) -> Int64:
        """Returns int64[block + 1]: tokens of the fragment in blocks of 0, 1, 2 ... tokens."""
        return np.floor(np.arange(self.block + 1) * self.rate).astype(np.int64)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        before, behind = rules.layout.edges
        return examine_blocks(batch, (max(before, 1), behind), self._sizes())

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return start_oracles(totals, self.block, int(self._sizes()[-1]))
