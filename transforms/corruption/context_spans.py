"""Selects spans of words, each within a stretch of context, to an exact number of tokens a half."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.columns import WORDS
from schemas.records import Array, Bool, Int64
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples
from transforms.arrays.ragged import Ragged
from transforms.arrays.randomness import DRAWS
from transforms.checks.context_spans import examine_halves
from transforms.contract.corrupting import Batch, Copies
from transforms.contract.oracle import Findings
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.halves import half_goals, half_offsets, mirrored_halves
from transforms.corruption.selector import EmptyLists, Selector

SHARE = 6
"""By default one of so many tokens of a row is predicted."""


@dataclasses.dataclass(frozen=True, eq=False)
class ContextTable:
    """What spans are chosen from; for places see `transforms.corruption.halves`.

    Attributes:
      offsets: int64[H + 1] of the halves, in places.
      goals: int64[H]; how many tokens of each half are selected.
      mirrored: bool[H]; the half is read from its end to its begin.
      start_at: uint16[T]; the first place in the half, from each on, where a word begins, else the
        half's size.
      special: int64[S]; the places of special tokens in their half.
      special_offsets: int64[H + 1]; those of each half.
    """

    offsets: Int64
    goals: Int64
    mirrored: Bool
    start_at: Array
    special: Int64
    special_offsets: Int64


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContextSpans(Selector):
    """Spans of one to `most_words` words, each at an even place in a context of its own.

    From the begin of a half to its end: a length of n words is drawn with probability proportional
    to 1 / n, and a context of n * alpha / beta tokens that follows the last one. The span begins at
    the first word behind an even place in the context, and has n words, fewer where the half has no
    more to select. If the end of the half is reached before so many tokens are selected as there
    have to be, single tokens are drawn evenly from what is left. The special tokens of the layout
    are never selected; they are among the spans all the same, since they have a place in the
    factorization order.

    Attributes:
      alpha: Tokens of context ...
      beta: ... for so many words.
      most_words: Longest span in words.
      num_predict: Tokens of a row that are selected; 0 for a sixth of the longest row. The first
        half has the odd one.
      token_spans: A span has n tokens, not n words, as in the reference, which looks for the end of
        a word at the place where the span begins.
      special_targets: Special tokens of the layout can be drawn, as in the reference; they count,
        and are not predicted.

    Randomness: in each half of a row 64 bits for every span, and for every single token that is
      tried.
    Source: Yang et al. 2019, 2.6; zihangdai/xlnet data_utils.py (_sample_mask).
    Differs: spans are of words, unless token_spans; rows have exactly as many targets as there are
      to be, unless special_targets.
    """

    needs: ClassVar[frozenset[str]] = frozenset({WORDS})

    alpha: int = 6
    beta: int = 1
    most_words: int = 5
    num_predict: int = 0
    token_spans: bool = False
    special_targets: bool = False

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "most_words"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.alpha < self.beta:
            raise ValueError(
                f"alpha must be at least beta, so that a span has a context; got {self.alpha} and "
                f"{self.beta}"
            )
        if self.num_predict < 0:
            raise ValueError(f"num_predict must be at least 0, got {self.num_predict}")

    def table(self, examples: Examples) -> ContextTable:
        """Finds what spans are chosen from, once for all copies."""
        from transforms.kernels.permuted import find_starts

        offsets = half_offsets(examples.offsets, examples.reuse_len)
        mirrored = mirrored_halves(examples)
        start_at = np.empty(len(examples.ids), np.uint16)
        find_starts(
            (offsets, mirrored),
            _word_starts(examples),
            examples.special,
            self.special_targets,
            start_at,
        )
        tokens = np.flatnonzero(examples.special)
        special_offsets = np.searchsorted(tokens, offsets)
        counts = np.diff(special_offsets)
        places = tokens - np.repeat(offsets[:-1], counts)
        ends = np.repeat(offsets[1:] - 1, counts) - tokens
        goals = half_goals(self.totals(np.diff(examples.offsets)), examples.reuse_len)
        rooms = np.diff(offsets) - (0 if self.special_targets else counts)
        return ContextTable(
            offsets=offsets,
            goals=np.minimum(goals, rooms),
            mirrored=mirrored,
            start_at=start_at,
            special=np.where(np.repeat(mirrored, counts), ends, places),
            special_offsets=special_offsets,
        )

    def totals(self, lengths: Int64) -> Int64:
        """Returns int64[R]: how many tokens of each row are predicted, by its length."""
        if self.num_predict:
            return np.minimum(lengths, self.num_predict)
        return lengths // SHARE

    def select(self, batch: Batch, copies: Copies) -> Ragged:
        from transforms.kernels.permuted import select_targets

        table = self.table(batch.examples)
        contexts = np.arange(self.most_words + 1) * self.alpha // self.beta
        lists = EmptyLists(self._room(batch.examples, table), copies)
        select_targets(
            batch.rows,
            (table.offsets, table.mirrored, table.goals),
            (table.start_at, harmonic_thresholds(self.most_words), contexts),
            (table.special, table.special_offsets),
            self.token_spans,
            self.special_targets,
            copies.keys,
            lists.arrays,
        )
        return lists.filled()

    def _room(self, examples: Examples, table: ContextTable) -> Int64:
        """Returns int64[R]: the most tokens of each row that are among the spans."""
        most = table.goals + np.diff(table.special_offsets)
        return most.reshape(len(examples), -1).sum(axis=1)

    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64:
        return self.totals(lengths)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        goals = half_goals(self.totals(batch.lengths), rules.reuse_len)
        return examine_halves(batch, rules, goals, exact=not self.special_targets)


def harmonic_thresholds(most: int) -> Int64:
    """Returns int64[most]: at most n words are drawn if 32 random bits are below entry n - 1.

    The probability of n is proportional to 1 / n: for 5 words .438, .219, .146, .109 and .088.
    """
    weights = np.cumsum(1 / np.arange(1, most + 1))
    table = np.rint(weights / weights[-1] * DRAWS).astype(np.int64)
    table[-1] = DRAWS
    return table


def _word_starts(examples: Examples) -> Bool:
    if examples.word_starts is None:
        raise ValueError("spans of words are to be selected, and no words are known")
    return examples.word_starts
