"""What the model sees in place of selected tokens."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary, check_roles
from transforms.arrays.ragged import Ragged
from transforms.arrays.randomness import threshold
from transforms.arrays.spans import PERMUTATIONS, TRIGRAM
from transforms.checks.rewriting import Shares, examine_rewriting, rewriting_oracles
from transforms.checks.run_rewriting import examine_run_rewriting, run_rewriting_oracles
from transforms.checks.shuffling import examine_shuffling, shuffling_oracles
from transforms.contract.corrupting import Batch, Copies, RandomIds
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.part import Part
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.random_ids import EvenIds, UnigramIds


def check_shares(mask: float, random: float) -> None:
    """Raises ValueError unless both are at least 0, and at most 1 together."""
    if not (mask >= 0 and random >= 0 and mask + random <= 1):
        raise ValueError(
            f"mask and random must be at least 0 and at most 1 together, got {mask} and {random}"
        )


def _limits(mask: float, random: float) -> tuple[int, int]:
    """Returns below which of the numbers of 32 bits a token is masked, and else random."""
    return threshold(mask), threshold(mask + random)


def _ids(
    random_ids: RandomIds, mask: float, batch: Batch, vocabulary: Vocabulary
) -> tuple[int, Array, Int64]:
    """Returns the mask token, where one is needed, and what random tokens are drawn from."""
    choices, law = random_ids.choices(batch.examples, vocabulary)
    return vocabulary.mask if mask else 0, choices, law


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskRandomKeep(Part):
    """For each token on its own: the mask token, a random token, or the token itself.

    Attributes:
      mask: Probability of the mask token.
      random: Probability of a random token; what remains is kept.
      exclude: Roles of special tokens that are never sampled.

    Randomness: 32 bits a token, and 32 for the id of a token that becomes random, which may be the
      token itself.
    Source: google-research/bert create_pretraining_data.py:393-407 (whole vocabulary);
      PaddlePaddle/ERNIE, branch repro, ernie/batching.py:25-117 (all but <pad>);
      fairseq data/mask_tokens_dataset.py:170-226 (all but <s> <pad> </s> <unk>).
    """

    span_length: ClassVar[int | None] = None
    reorders: ClassVar[bool] = False

    mask: float = 0.8
    random: float = 0.1
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_roles(self.exclude)
        check_shares(self.mask, self.random)

    @property
    def roles(self) -> frozenset[str]:
        return frozenset({"mask"} if self.mask else ())

    def rewrite(
        self, batch: Batch, selected: Ragged, vocabulary: Vocabulary, copies: Copies
    ) -> Array:
        from transforms.kernels.rewriting import rewrite_tokens

        rows = batch.examples.offsets, batch.rows, batch.examples.ids
        lists = selected.offsets, selected.values
        ids = _ids(EvenIds(exclude=self.exclude), self.mask, batch, vocabulary)
        seen = np.empty(len(selected.values), batch.examples.ids.dtype)
        rewrite_tokens(rows, copies.keys, lists, _limits(self.mask, self.random), ids, seen)
        return seen

    def shares(self, vocabulary: Vocabulary) -> Shares:
        """Returns what becomes of selected tokens, with a vocabulary."""
        allowed = EvenIds(exclude=self.exclude).allowed(vocabulary)
        return Shares(self.mask, self.random, allowed)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_rewriting(batch, self.shares(vocabulary), vocabulary)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return rewriting_oracles(totals, self.shares(vocabulary), vocabulary)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShuffleTokens(Part):
    """The three tokens of every trigram in another order, each order as likely as every other.

    Attributes:
      identity: The order may stay as it is, as one of the six; else it is one of the other five.

    Randomness: 32 bits a trigram.
    Source: Wang et al. 2020, 2.1 (StructBERT), with K = 3.
    """

    span_length: ClassVar[int | None] = TRIGRAM
    reorders: ClassVar[bool] = True

    identity: bool = True

    @property
    def roles(self) -> frozenset[str]:
        return frozenset()

    def rewrite(
        self, batch: Batch, selected: Ragged, vocabulary: Vocabulary, copies: Copies
    ) -> Array:
        from transforms.kernels.rewriting import reorder_spans

        rows = batch.examples.offsets, batch.rows, batch.examples.ids
        lists = selected.offsets, selected.values
        orders = PERMUTATIONS if self.identity else PERMUTATIONS[1:]
        seen = np.empty(len(selected.values), batch.examples.ids.dtype)
        reorder_spans(rows, copies.keys, lists, orders, seen)
        return seen

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_shuffling(batch, identity=self.identity)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return shuffling_oracles(totals, identity=self.identity)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskRandomKeepRuns(Part):
    """For each run of selected tokens as a whole: mask tokens, random tokens, or what stood there.

    A run is all that is selected without a gap. Random tokens are sampled one by one.

    Attributes:
      mask: Probability that all tokens of a run become the mask token.
      random: Probability that all become random tokens; what remains is kept.
      random_ids: Where random tokens come from.

    Randomness: 32 bits a run, and 32 for the id of each token that becomes random, which may be the
      token itself; see also `random_ids`.
    Source: Joshi et al. 2020, 3.1; facebookresearch/SpanBERT pretraining/fairseq/data/masking.py
      (span_masking).
    """

    span_length: ClassVar[int | None] = None
    reorders: ClassVar[bool] = False

    mask: float = 0.8
    random: float = 0.1
    random_ids: RandomIds = UnigramIds()

    def __post_init__(self) -> None:
        check_shares(self.mask, self.random)

    @property
    def roles(self) -> frozenset[str]:
        return frozenset({"mask"} if self.mask else ())

    def rewrite(
        self, batch: Batch, selected: Ragged, vocabulary: Vocabulary, copies: Copies
    ) -> Array:
        from transforms.kernels.rewriting import rewrite_runs

        rows = batch.examples.offsets, batch.rows, batch.examples.ids
        lists = selected.offsets, selected.values
        ids = _ids(self.random_ids, self.mask, batch, vocabulary)
        seen = np.empty(len(selected.values), batch.examples.ids.dtype)
        rewrite_runs(rows, copies.keys, lists, _limits(self.mask, self.random), ids, seen)
        return seen

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_run_rewriting(batch, self.shares(vocabulary), self.random_ids, vocabulary)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return run_rewriting_oracles(totals, self.shares(vocabulary), self.random_ids, vocabulary)

    def shares(self, vocabulary: Vocabulary) -> Shares:
        """Returns what becomes of selected tokens, with a vocabulary."""
        return Shares(self.mask, self.random, self.random_ids.allowed(vocabulary))
