"""Fragments that are gone from the source, and are generated one after the other."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.columns import WORDS
from schemas.edits import NOTHING
from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.edits import Edits
from transforms.arrays.parts import MOST, rounded_parts
from transforms.arrays.ragged import Ragged
from transforms.arrays.randomness import threshold
from transforms.arrays.sequences import CleanRows, Sequences, measured, removed, shifted, sources
from transforms.checks.generated import (
    examine_generated,
    examine_scattered,
    noise_oracles,
    range_oracles,
)
from transforms.contract.corrupting import Copies
from transforms.contract.denoising import GENERATED, SPAN_FLOW, WORD_FLOW, NoiseBatch
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowLayout, RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.random_ids import EvenIds
from transforms.denoise.noise import OneNoise, check_part, check_rate
from transforms.denoise.target import OneTarget
from transforms.denoise.token_noise import TokenNoise


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScatteredFragments(OneNoise):
    """Fragments of a copy are all short or all long; nothing stands in their place.

    Lengths are drawn until they use up the budget exactly; then every way to place the fragments is
    as likely.

    Attributes:
      rate: Part of the text that is taken away, rounded.
      short_share: Probability of a copy to have short fragments.
      short: Longest of the short fragments in tokens; the shortest has one.
      long: Longest of the long ones; the shortest are as long as the longest short ones.

    Randomness: 32 bits a copy, and 32 a row for the seed of the decoder's noise; 32 for the length
      of a fragment, and 32 for its place.
    Source: Xiao et al. 2020, ERNIE-GEN, 3.4 (0.25, 0.4, {1..4}, {4..32}); no sampler was published.
    Differs: the paper does not say how fragments are placed, and what becomes of the budget's rest.
    """

    kinds: ClassVar[tuple[str, ...]] = (GENERATED,)
    seeds: ClassVar[bool] = True

    rate: float = 0.25
    short_share: float = 0.4
    short: int = 4
    long: int = 32

    def __post_init__(self) -> None:
        check_rate("short_share", self.short_share)
        check_part("rate", self.rate)
        if not 1 <= self.short <= self.long < MOST:
            raise ValueError(
                f"short must be in [1, long] and long below {MOST}, got {self.short} and "
                f"{self.long}"
            )

    def most_taken(self, text: int) -> int:
        return int(rounded_parts(self.rate)[text])

    def apply(self, edits: Edits, batch: NoiseBatch, copies: Copies) -> Edits:
        from transforms.kernels.scattered import draw_scattered

        row_offsets, edges = batch.examples.offsets, batch.layout.edges
        budgets = rounded_parts(self.rate)
        texts = np.diff(row_offsets) - sum(edges)
        room = int(budgets[texts].sum()) * len(copies)
        starts, ends = np.empty(room, np.uint16), np.empty(room, np.uint16)
        offsets = np.zeros(len(edits) + 1, np.int64)
        laws = threshold(self.short_share), 1, self.short, self.short, self.long
        rows = row_offsets, batch.rows
        draw_scattered(rows, edges, budgets, laws, copies.keys, offsets, (starts, ends))
        last = offsets[-1]
        return dataclasses.replace(
            edits,
            offsets=offsets,
            starts=starts[:last],
            ends=ends[:last],
            fills=np.full(last, NOTHING, np.uint8),
            seeds=self.drawn_seeds(batch.rows, copies),
        )

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        budgets = rounded_parts(self.rate)
        return examine_scattered(batch, rules.layout, budgets, self.short, self.long)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return range_oracles(totals, self.short_share)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratedFragments(OneTarget):
    """The fragments, stitched together, and the end of the row; the decoder is given some noise.

    The decoder is given the first token of a row, and then the target; each token at its own
    position in the row, and the last one at that of the end of the row.

    Example, the row [CLS] a b c d [SEP] and the fragments a and c: source [CLS] b d [SEP], target
    a c [SEP], decoder input [CLS] a c at the positions 0 1 3, target positions 1 3 5.

    Attributes:
      noise_rate: Probability of a token that the decoder is given, but the first one, to be another
        one, each as likely. The target stays.
      word_weight: Weight of the loss of the word flow; the span flow has the rest up to 1. A flow
        of weight 0 is not computed.

    Randomness: 64 bits a token of the decoder's input, of a seed that is stored.
    Source: Xiao et al. 2020, ERNIE-GEN, 3.2 and 3.4; PaddlePaddle/ERNIE, branch repro,
      ernie-gen/reader/seq2seq_reader.py:207-260, 333-397.
    Differs: the paper does not say which positions tokens have.
    """

    kind: ClassVar[str] = GENERATED
    start: ClassVar[str] = "cls"
    own_positions: ClassVar[bool] = True
    required_roles: ClassVar[tuple[str, ...]] = ("cls", "mask", "sep")

    noise_rate: float = 0.05
    word_weight: float = 0.5

    def __post_init__(self) -> None:
        check_rate("noise_rate", self.noise_rate)
        check_rate("word_weight", self.word_weight)

    @property
    def flows(self) -> Mapping[str, float]:
        weights = {WORD_FLOW: self.word_weight, SPAN_FLOW: 1 - self.word_weight}
        return {name: weight for name, weight in weights.items() if weight}

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({WORDS} if SPAN_FLOW in self.flows else ())

    def lengths(self, rows: Int64, edits: Edits) -> Int64:
        source, taken, _ = measured(rows, edits).T
        return np.stack([source, taken + 1], axis=1)

    def sequences(
        self, rows: CleanRows, edits: Edits, layout: RowLayout, vocabulary: Vocabulary
    ) -> Sequences:
        kind = rows.ids.dtype
        none, end = np.empty(0, kind), np.array([vocabulary.sep], kind)
        sizes = measured(rows.lengths, edits)
        target = removed(rows, edits, none, end, sizes)
        lasts = np.repeat(rows.lengths - 1, len(edits) // max(len(rows), 1))
        places = _with_ends(edits.taken, lasts, target.offsets)
        return Sequences(
            source=sources(rows, edits, none, none, sizes),
            target=target,
            decoder_input=self._given(target, edits, vocabulary),
            positions=shifted(places, 0),
            target_positions=places.values,
        )

    def _given(self, target: Ragged, edits: Edits, vocabulary: Vocabulary) -> Array:
        """Returns what the decoder is given: the token before, or a random one."""
        given = shifted(target, vocabulary.roles[self.start])
        choices = EvenIds().allowed(vocabulary)
        noise = TokenNoise(0.0, self.noise_rate, 0, choices, first=1)
        return noise.applied(Ragged(given, target.offsets), edits)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        made = self.sequences(batch.clean, batch.edits, rules.layout, vocabulary)
        return examine_generated(batch, made, vocabulary.roles[self.start])

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return noise_oracles(totals, self.noise_rate, len(EvenIds().allowed(vocabulary)))


def _with_ends(lists: Ragged, lasts: Int64, offsets: Int64) -> Ragged:
    """Returns lists with one value more each, at the end."""
    found = np.empty(offsets[-1], np.uint16)
    inner = np.ones(len(found), np.bool_)
    inner[offsets[1:] - 1] = False
    found[inner] = lists.values
    found[offsets[1:] - 1] = lasts
    return Ragged(found, offsets)
