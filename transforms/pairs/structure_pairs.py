"""Three relations: the second segment follows, precedes, or is from another document."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from schemas.windows import Packing, Windows
from transforms.arrays.randomness import DRAWS, random_bits, threshold
from transforms.checks.pairs import Cases, drawn_pairs
from transforms.contract.packing import PairTask
from transforms.pairs.distractors import LoneDocumentError, draw_distractors
from transforms.pairs.pair_segments import LONE, SEVERAL, follow, truncate_pairs
from transforms.pairs.pairing import Pairing


@dataclasses.dataclass(frozen=True, kw_only=True)
class SentenceStructure(Pairing):
    """Three kinds of pairs: B follows A, B goes before A, or B comes from another document.

    A chunk of n sentences is cut after the first a_end, a_end uniform in {1..n-1}. With probability
    `random_rate`, and always when n = 1, A is what stands before the cut, and B is random:
    sentences of another document from a uniform start, until A and B reach the chunk's target; the
    chunk's unused sentences are given back and begin the next one. Otherwise A and B are the two
    halves of the chunk, in their order ("next") or in the reverse ("previous") with equal chance.
    Pairs that are too long lose a token at a time from the longer segment (from B on a tie), at its
    front or back with equal chance. The labels are 0 for random, 1 for next, 2 for previous.

    Attributes:
      random_rate: Probability of a random B for chunks of two or more sentences.

    Randomness: a cut and 32 bits for each sentence that can begin a chunk, then those of random
      segments and of tokens that come off.
    Source: Wang et al. 2020, 2.2 (StructBERT); alibaba/AliceMind data_plug.py:1323-1513.
    Differs: unused sentences of random pairs are given back, as BERT does; the further labels for
      sentences of the same document that are no neighbours are left out.
    """

    relations: ClassVar[Sequence[str]] = ("next", "previous", "random")
    task: ClassVar[PairTask | None] = PairTask("structure", "sentence_structure_label")

    random_rate: float = 1 / 3

    def __post_init__(self) -> None:
        if not 0 <= self.random_rate <= 1:
            raise ValueError(f"random_rate must be in [0, 1], got {self.random_rate}")

    @property
    def labels(self) -> Mapping[str, int]:
        return {"random": 0, "next": 1, "previous": 2}

    @property
    def needs_others(self) -> bool:
        return True

    def pair(self, packing: Packing, capacity: int, rng: np.random.Generator) -> Windows:
        if len(packing.tokens.document_offsets) == 2:
            # Whether or not a draw asks for one: whoever builds must learn of it every time.
            raise LoneDocumentError("a random segment needs another document, and there is none")
        begins = np.arange(len(packing.ends))
        sizes = packing.ends - begins
        several = sizes > 1
        first_sizes = np.ones(len(sizes), np.int64)
        first_sizes[several] = rng.integers(1, sizes[several])
        draws = random_bits(rng, len(sizes))
        random_below = threshold(self.random_rate)
        random = (draws < random_below) | ~several
        previous = (draws >= random_below + (DRAWS - random_below) // 2) & ~random
        middles = begins + first_sizes
        starts = follow(np.where(random, middles, packing.ends))
        first = np.stack([starts, middles[starts]], axis=1)
        second = np.stack([middles[starts], packing.ends[starts]], axis=1)
        drawn, swapped = random[starts], previous[starts]
        second[drawn] = draw_distractors(packing, first[drawn], rng)
        first[swapped], second[swapped] = second[swapped], first[swapped]
        offsets = packing.tokens.sentence_offsets
        first, second = truncate_pairs(offsets[first], offsets[second], capacity, rng)
        following, before, other = range(len(self.relations))
        relation = np.where(drawn, other, np.where(swapped, before, following))
        lone = (~several[starts]).astype(np.int64)
        counts = drawn_pairs(lone, relation, self.cases, self.relations)
        return Windows(packing.tokens, first, second, relation.astype(np.uint8), counts)

    @property
    def cases(self) -> Cases:
        half = (1 - self.random_rate) / 2
        chances = {"next": half, "previous": half, "random": self.random_rate}
        return {SEVERAL: chances, LONE: {"random": 1.0}}
