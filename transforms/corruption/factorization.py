"""The order in which a permuted language model predicts tokens."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.records import Array, Examples, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.randomness import random_bits
from transforms.arrays.spans import Spans
from transforms.checks.factorization import examine_ranks, rank_oracles
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.part import Part
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.halves import half_offsets


@dataclasses.dataclass(frozen=True, kw_only=True)
class FactorizationOrder(Part):
    """A random order of the selected tokens of each half of a row; the model sees all tokens.

    What is stored of a token is its rank in the order of its half, from 0. A token sees those that
    were not selected, and selected ones of a lower rank; see
    `transforms.corruption.targets.PermutedTokens`.

    Attributes:
      perm_size: Tokens of a half are permuted within blocks of so many tokens, block after block; 0
        permutes the whole half.

    Randomness: 32 bits for each token.
    Source: Yang et al. 2019, 2.2; zihangdai/xlnet data_utils.py (_local_perm).
    Differs: the order is drawn when the corpus is built, for every copy, and each block has an
      order of its own.
    """

    span_length: ClassVar[int | None] = None
    reorders: ClassVar[bool] = False
    roles: ClassVar[frozenset[str]] = frozenset()

    perm_size: int = 0

    def __post_init__(self) -> None:
        if self.perm_size < 0:
            raise ValueError(f"perm_size must be at least 0, got {self.perm_size}")

    def rewrite(
        self, examples: Examples, spans: Spans, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Array:
        positions = spans.positions()
        borders = half_offsets(examples.offsets, examples.reuse_len)
        counts = np.diff(np.searchsorted(positions, borders))
        half = np.repeat(np.arange(len(counts)), counts)
        group, groups = half, len(counts)
        if self.perm_size:
            block = (positions - borders[half]) // self.perm_size
            blocks = int(block.max(initial=0)) + 1
            group, groups = half * blocks + block, groups * blocks
        return ranks_of(group, groups, counts, random_bits(rng, len(positions)))

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_ranks(batch, rules, self.perm_size)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return rank_oracles(totals)


def ranks_of(group: Int64, groups: int, counts: Int64, bits: Array) -> Array:
    """Returns uint16[P]: the rank of each token in its half, by groups and then by random bits.

    Example, halves of 3 and 2 tokens, each a group: bits 5 9 2 | 7 4 give ranks 1 2 0 | 1 0.

    The keys hold group, random bits and the token's index, in this order, so that no two are equal.

    Args:
      group: int64[P]; ascending from half to half.
      groups: How many there are.
      counts: int64[H]; tokens of each half.
      bits: uint32[P].
    """
    if not len(group):
        return np.empty(0, np.uint16)
    low = max(len(group) - 1, 1).bit_length()
    high = max(groups - 1, 1).bit_length()
    kept = min(64 - low - high, 32)
    keys = group.astype(np.uint64) << np.uint64(low + kept)
    keys |= (bits.astype(np.uint64) >> np.uint64(32 - kept)) << np.uint64(low)
    keys |= np.arange(len(group), dtype=np.uint64)
    keys.sort()
    order = (keys & np.uint64((1 << low) - 1)).astype(np.int64)
    begins = np.repeat(np.cumsum(counts) - counts, counts)
    ranks = np.empty(len(group), np.uint16)
    ranks[order] = np.arange(len(group)) - begins
    return ranks
