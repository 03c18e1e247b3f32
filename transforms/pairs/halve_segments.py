"""Splits a chunk of sentences into two segments of like length, or leaves it whole."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from schemas.columns import NO_SECOND
from schemas.vocabulary import Vocabulary
from schemas.windows import Packing, Windows
from transforms.arrays.randomness import DRAWS, random_bits, threshold
from transforms.checks.pairs import (
    Cases,
    drawn_pairs,
    examine_relations,
    without_second,
)
from transforms.contract.oracle import Findings
from transforms.contract.packing import PairTask
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.pairs.pair_segments import follow
from transforms.pairs.pairing import Pairing

_SPECIALS = 3
"""What the reference takes off a target for special tokens before it halves it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HalvedChunk(Pairing):
    """A chunk in two segments that follow one another, or in one.

    A chunk is left whole with probability `single_rate`. Else A is to have half of the chunk's
    target: it takes sentences as long as it stays below that half. The sentence that would reach
    it goes to A or B with equal chance, and all that come after it go to B. The first sentence is
    always A's. There is no B ("none") where no sentence is left for it, or A fills the example
    already. What does not fit into an example is cut off at the end and not used.

    Attributes:
      single_rate: Probability that a chunk is left whole.

    Randomness: 64 bits a chunk, one half for `single_rate` and one for the sentence at the border.
    Source: google-research/electra build_pretraining_dataset.py:34-114.
    Differs: a sentence never goes to A once B has one, so the text stays in order; in the reference
      a short one can. No setting restores this.
    """

    relations: ClassVar[Sequence[str]] = ("next", NO_SECOND)
    task: ClassVar[PairTask | None] = None

    single_rate: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.single_rate <= 1:
            raise ValueError(f"single_rate must be in [0, 1], got {self.single_rate}")

    @property
    def labels(self) -> Mapping[str, int]:
        return {}

    def pair(self, packing: Packing, capacity: int, rng: np.random.Generator) -> Windows:
        offsets, starts = packing.tokens.sentence_offsets, follow(packing.ends)
        ends, halves = packing.ends[starts], (packing.targets[starts] - _SPECIALS) // 2
        bits = random_bits(rng, 2 * len(starts)).reshape(-1, 2)
        single = bits[:, 0] < threshold(self.single_rate)
        # The sentence that would make A reach its half, and is not the first.
        border = np.searchsorted(offsets, offsets[starts] + halves, "left") - 1
        border = np.maximum(border, starts + 1)
        joins = (bits[:, 1] < DRAWS // 2) & (offsets[border] - offsets[starts] < halves)
        middles = np.where(single, ends, np.minimum(border + joins, ends))
        first = np.stack([offsets[starts], offsets[middles]], axis=1)
        room = np.maximum(capacity - (first[:, 1] - first[:, 0]), 0)
        second_ends = np.minimum(offsets[ends], first[:, 1] + room)
        second = np.stack([first[:, 1], second_ends], axis=1)
        relation = (second_ends == first[:, 1]).astype(np.uint8)
        # What would be whole, if it were not left so.
        halved = np.minimum(border + joins, ends)
        whole = (halved == ends) | (offsets[halved] - offsets[starts] >= capacity)
        drawn = drawn_pairs(whole.astype(np.int64), relation, self.cases, self.relations)
        return Windows(packing.tokens, first, second, relation, drawn)

    @property
    def cases(self) -> Cases:
        chances = {"next": 1 - self.single_rate, NO_SECOND: self.single_rate}
        return {"what_can_be_halved": chances, "what_cannot": {NO_SECOND: 1.0}}

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_relations(batch, self.relations) + without_second(batch)
