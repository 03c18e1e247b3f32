"""Selects spans of words, each within a stretch of context, to an exact number of tokens a half."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.columns import WORDS
from schemas.records import Bool, Examples, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.arrays.randomness import DRAWS, random_bits, scaled_bits
from transforms.arrays.spans import Spans
from transforms.checks.context_spans import examine_halves
from transforms.contract.axes import Batch
from transforms.contract.oracle import Findings
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.halves import find_halves, half_goals, next_flagged
from transforms.corruption.selector import Selector

SHARE = 6
"""By default one of so many tokens of a row is predicted."""


@dataclasses.dataclass(frozen=True, eq=False)
class ContextTable:
    """What spans are chosen from; places are those of `transforms.corruption.halves.Halves`.

    Attributes:
      offsets: int64[H + 1] of the halves, in places.
      goals: int64[H]; how many tokens of each half are selected.
      places: As that of `Halves`.
      start_at: int64[T + 1]; the first place from each on where a word begins, else the half's end.
      starts: int64[W]; all places where a word begins, ascending.
      number: int64[T + 1]; how many words begin before each place.
      stop_at: int64[T]; where a span that begins here ends at the latest.
      special: bool[T], by token; special tokens of the layout.
      barred: bool[T], by place; tokens that are never selected.
    """

    offsets: Int64
    goals: Int64
    places: Int64 | None
    start_at: Int64
    starts: Int64
    number: Int64
    stop_at: Int64
    special: Bool
    barred: Bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContextSpans(Selector[ContextTable]):
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

    Randomness: 32 bits each for length and place of a span, and for every single token that is
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

    def prepare(self, examples: Examples) -> ContextTable:
        halves = find_halves(examples)
        offsets = halves.offsets
        special = halves.in_text_order(examples.special)
        begins = halves.in_text_order(_word_starts(examples))
        barred = np.zeros(len(special), np.bool_) if self.special_targets else special
        starts = (begins | special) & ~barred
        goals = half_goals(self.totals(np.diff(examples.offsets)), examples.reuse_len)
        rooms = np.diff(offsets) - _sums(barred, offsets)
        return ContextTable(
            offsets=offsets,
            goals=np.minimum(goals, rooms),
            places=halves.places,
            start_at=np.append(next_flagged(starts, offsets), offsets[-1]),
            starts=np.flatnonzero(starts),
            number=offsets_of(starts),
            stop_at=next_flagged(barred, offsets),
            special=examples.special,
            barred=barred,
        )

    def totals(self, lengths: Int64) -> Int64:
        """Returns int64[R]: how many tokens of each row are predicted, by its length."""
        if self.num_predict:
            return np.minimum(lengths, self.num_predict)
        return lengths // SHARE

    def select(self, batch: Batch[ContextTable], rng: np.random.Generator) -> Spans:
        table = batch.units
        chosen = table.barred.copy()
        rest = self._take_spans(table, chosen, rng)
        _take_single(table, chosen, rest, rng)
        if table.places is not None:
            chosen = chosen[table.places]
        chosen |= table.special
        at = np.flatnonzero(chosen)
        return Spans(at, at + 1)

    def _take_spans(self, table: ContextTable, chosen: Bool, rng: np.random.Generator) -> Int64:
        """Selects spans in all halves, one in each at a time; returns what they lack then.

        Example, a half of 12 tokens of one word each, alpha 6, 3 tokens to select: n = 2 has a
        context of 12 tokens; at place 4 of it the span is [4, 6), and the next context begins at
        12, the end of the half. A token is lacking.
        """
        ends, rest = table.offsets[1:], table.goals.copy()
        cursor = table.offsets[:-1].copy()
        law = harmonic_thresholds(self.most_words)
        active = np.flatnonzero(rest > 0)
        while len(active):
            bits = random_bits(rng, 2 * len(active))
            words = np.searchsorted(law, bits[: len(active)], "right") + 1
            left = rest[active]
            words = np.minimum(words, left)
            context = words * self.alpha // self.beta
            before = scaled_bits(bits[len(active) :], context.astype(np.uint64))
            limit = ends[active]
            begin = table.start_at[np.minimum(cursor[active] + before, limit)]
            begin = np.minimum(begin, limit)
            # In the last place of a half no word may begin: the end of a span is sought behind it.
            inside = begin < limit
            end = begin + words if self.token_spans else self._word_end(table, begin, words)
            inside &= end < limit
            active, begin, end = active[inside], begin[inside], end[inside]
            end = np.minimum(end, np.minimum(begin + left[inside], table.stop_at[begin]))
            chosen[range_indices(begin, end - begin)] = True
            rest[active] -= end - begin
            cursor[active] = end + (context - before)[inside]
            active = active[(rest[active] > 0) & (cursor[active] < ends[active])]
        return rest

    def _word_end(self, table: ContextTable, begin: Int64, words: Int64) -> Int64:
        """Returns where so many words end that begin here; behind all halves if they are fewer."""
        last = len(table.start_at)
        begins = np.append(table.starts, last)
        return begins[np.minimum(table.number[begin] + words, len(begins) - 1)]

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


def _sums(flags: Bool, offsets: Int64) -> Int64:
    """Returns int64[H]: how many flags there are in each range."""
    return np.diff(offsets_of(flags)[offsets])


def _take_single(table: ContextTable, chosen: Bool, rest: Int64, rng: np.random.Generator) -> None:
    """Selects as many single tokens of each half as it lacks; one that is taken is drawn again."""
    sizes = np.diff(table.offsets).astype(np.uint64)
    halves = np.flatnonzero(rest > 0)
    while len(halves):
        at = table.offsets[halves] + scaled_bits(random_bits(rng, len(halves)), sizes[halves])
        free = ~chosen[at]
        chosen[at[free]] = True
        rest[halves[free]] -= 1
        halves = halves[rest[halves] > 0]
