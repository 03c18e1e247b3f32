"""The order in which a permuted language model predicts tokens."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.records import Array
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import Ragged
from transforms.checks.factorization import examine_ranks, rank_oracles
from transforms.contract.corrupting import Batch, Copies
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.part import Part
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.halves import half_offsets

MAX_TOKENS = 1 << 16
"""More than any row has."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FactorizationOrder(Part):
    """A random order of the selected tokens of each half of a row; the model sees all tokens.

    What is stored of a token is its rank in the order of its half, from 0. A token sees those that
    were not selected, and selected ones of a lower rank; see
    `transforms.corruption.targets.PermutedTokens`.

    Attributes:
      perm_size: Tokens of a half are permuted within blocks of so many tokens, block after block; 0
        permutes the whole half.

    Randomness: 64 bits for every token, in each half of a row.
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

    @property
    def block(self) -> int:
        """Tokens of a block that is permuted."""
        return self.perm_size or MAX_TOKENS

    def rewrite(
        self, batch: Batch, selected: Ragged, vocabulary: Vocabulary, copies: Copies
    ) -> Array:
        from transforms.kernels.permuted import permute

        halves = half_offsets(batch.examples.offsets, batch.examples.reuse_len)
        lists, ranks = (selected.offsets, selected.values), np.empty_like(selected.values)
        permute(batch.rows, halves, self.block, copies.keys, lists, ranks)
        return ranks

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_ranks(batch, rules, self.block)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return rank_oracles(totals)
