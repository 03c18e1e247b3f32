"""Pairs in which B follows A, comes before it, or is from elsewhere: sentence structure."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schemas.records import Packing, Windows
from schemas.vocabulary import Vocabulary
from transforms.checks.oracle import Findings, Oracle, at_least, rate
from transforms.checks.pairs import examine_relations
from transforms.checks.part import Part
from transforms.checks.stored import StoredBatch
from transforms.distractors import LoneDocumentError, draw_distractors
from transforms.pair_segments import PairTask, follow, truncate_pairs
from transforms.randomness import random_bits

if TYPE_CHECKING:
    from transforms.objectives.recipe import Recipe

_SCALE = 1 << 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class SentenceStructure(Part):
    """Three-way pairs: B follows A, B comes before A, or B is from another document.

    A chunk of n sentences is cut behind the first a_end of them, a_end uniform in {1..n-1}. With
    probability `random_rate`, and always when n = 1, A is what stands before the cut and B is
    random: sentences of another document from a uniform start, until A and B reach the chunk's
    target; the chunk's unused sentences are given back and begin the next one. Otherwise the two
    sides of the cut are A and B, in their order ("next") or swapped ("previous"), with equal
    chance. Pairs that are too long lose a token at a time from the longer segment (from B on a
    tie), at its front or back with equal chance.

    Attributes:
      random_rate: Probability of a random B for chunks of two or more sentences; of the others one
        half is "next" and one half "previous", so the default gives a third of each.

    Randomness: a cut for each chunk of two or more sentences, and 64 bits for each chunk.
    Source: Wang et al. 2020 (StructBERT), 2.2; alibaba/AliceMind sofa/models/plug/data_plug.py:
      1323-1513, ns_type 3.
    Differs: chunks follow one another, so every sentence is used; the reference draws documents
      and sentences to begin with.
    """

    relations: ClassVar[Sequence[str]] = ("random", "next", "previous")
    task: ClassVar[PairTask | None] = PairTask("structure", "sentence_structure_label")

    random_rate: float = 1 / 3

    def __post_init__(self) -> None:
        if not 0 <= self.random_rate <= 1:
            raise ValueError(f"random_rate must be in [0, 1], got {self.random_rate}")

    @property
    def labels(self) -> Mapping[str, int]:
        return {"random": 0, "next": 1, "previous": 2}

    def pair(self, packing: Packing, capacity: int, rng: np.random.Generator) -> Windows:
        if len(packing.tokens.document_offsets) == 2:
            # Whether or not a draw asks for one: whoever builds must learn of it every time.
            raise LoneDocumentError("a random segment needs another document, and there is none")
        sizes = packing.ends - np.arange(len(packing.ends))
        several = sizes > 1
        first_sizes = np.ones(len(sizes), np.int64)
        first_sizes[several] = rng.integers(1, sizes[several])
        random = (random_bits(rng, len(sizes)) < round(self.random_rate * _SCALE)) | ~several
        swapped = (random_bits(rng, len(sizes)) & 1).astype(np.bool_) & ~random
        middles = np.arange(len(sizes)) + first_sizes
        starts = follow(np.where(random, middles, packing.ends))
        random, swapped = random[starts], swapped[starts]
        first = np.stack([starts, middles[starts]], axis=1)
        second = np.stack([middles[starts], packing.ends[starts]], axis=1)
        second[random] = draw_distractors(packing, first[random], rng)
        first[swapped], second[swapped] = second[swapped], first[swapped]
        offsets = packing.tokens.sentence_offsets
        first, second = truncate_pairs(offsets[first], offsets[second], capacity, rng)
        relation = np.where(random, 0, 1 + swapped).astype(np.uint8)
        return Windows(packing.tokens, first, second, relation)

    def examine(self, batch: StoredBatch, recipe: "Recipe", vocabulary: Vocabulary) -> Findings:
        return examine_relations(batch, self.relations)

    def oracles(
        self, totals: Mapping[str, int], recipe: "Recipe", vocabulary: Vocabulary
    ) -> list[Oracle]:
        """Judges how many pairs are of each kind.

        Chunks of one sentence always take a random B, and cannot be told from the rows, so the
        share of random pairs has no upper bound; of the others exactly one half is "previous".
        """
        random, after, before = (totals.get(f"pair.{each}", 0) for each in self.relations)
        name = "random segments B are as many as random_rate asks, or more"
        return [
            at_least(name, random, random + after + before, self.random_rate),
            rate("of neighbours, B comes before A in one half", before, after + before, 0.5),
        ]
