"""Checks of words that are taken away: whole words, as many as the rate says, by the law."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from schemas.edits import NOTHING, ONE
from schemas.records import Bool, Bytes, Int64
from transforms.arrays.ragged import offsets_of, read_only
from transforms.arrays.randomness import DRAWS
from transforms.arrays.sequences import arranged
from transforms.contract.oracle import Findings, Oracle, between, breach, gather, percent, rate
from transforms.contract.rules import RowLayout
from transforms.contract.stored import StoredBatch, any_copy

_LONG = 256
"""Words of rows of which statistics are counted: how a row ends matters little there."""
_SLACK = 0.05
"""How much that may matter, in comparison with the expected number."""
_OFTEN = 0.15
"""Masks put in for a word of the budget, as many as a mean of 1.5 gives: where there are more, they
are limited by the tokens that are gone, and there is no simple law."""


@dataclasses.dataclass(frozen=True)
class Infilled:
    """What checks know of a noise of words.

    Attributes:
      fill: What stands for a span.
      budgets: int64[N]; words to take away of n words.
      rate: Their part of all words.
      law: A span has at most n words if 32 random bits are below entry n.
      random: Probability of a random id where a mask would be.
      rounded: The number of random ids among masks that are put in is not drawn.
      allowed: The random ids that there may be.
    """

    fill: int
    budgets: Int64
    rate: float
    law: Sequence[int]
    random: float
    rounded: bool
    allowed: Int64

    @property
    def of_several(self) -> bool:
        """Whether a span may have more than one word."""
        return self.law[1] < DRAWS


def examine_infilling(
    batch: StoredBatch, marks: Bytes, layout: RowLayout, infilled: Infilled
) -> Findings:
    """Checks that spans are of whole words, within the budget.

    Args:
      batch: The rows.
      marks: uint8[T]; of the words of rows, see `transforms.kernels.units`.
      layout: Special tokens around their text.
      infilled: The noise.
    """
    from transforms.kernels.splicing import count_words

    edits = batch.edits
    begins = np.repeat(batch.offsets[:-1], batch.copies)
    if edits.orders is not None:
        marks = arranged(batch.clean, edits.orders, layout.edges, marks)
        begins = offsets_of(np.repeat(batch.lengths, batch.copies))[:-1]
    found = np.empty((len(edits), 3), np.int64)
    count_words(batch.lengths, (read_only(begins), read_only(marks)), edits.spans, found)
    words, taken, strange = found.T
    budgets = infilled.budgets[words]
    several = infilled.of_several
    wrong = (taken > budgets) if several else (taken != budgets)
    row = np.repeat(np.arange(len(edits)), edits.counts)
    other = np.zeros(len(edits), np.bool_)
    random = edits.fills == ONE
    other[row[(edits.fills != infilled.fill) & ~(random & (infilled.random > 0))]] = True
    unknown = ~np.isin(edits.ids.values, infilled.allowed)
    other[np.repeat(np.arange(len(edits)), edits.ids.lengths)[unknown]] = True
    empty = edits.lengths == 0
    long = words >= _LONG
    drawn = random if not infilled.rounded else random & ~empty
    masks = (edits.fills != NOTHING) & ~(empty & infilled.rounded)
    counts = {
        "infilling.words": int(words[long].sum()),
        "infilling.budget": int(budgets[long].sum()),
        "infilling.taken": int(taken[long].sum()),
        "infilling.put_in": int(np.count_nonzero(empty & long[row])),
        "infilling.masks": int(np.count_nonzero(masks)),
        "infilling.random": int(np.count_nonzero(drawn)),
    }
    breaches = {
        "a span is not of whole words": strange > 0,
        "a copy takes away another number of words": wrong,
        "something else stands for a span than the noise puts there": other,
    }
    return gather(
        [
            Findings(counts),
            *(breach(name, any_copy(_rows(batch, lists))) for name, lists in breaches.items()),
        ]
    )


def _rows(batch: StoredBatch, lists: Bool) -> Bool:
    return lists.reshape(-1, batch.copies)


def infilling_oracles(totals: Mapping[str, int], infilled: Infilled) -> list[Oracle]:
    """Judges how many words are gone, how many masks are put in, and how many ids are random."""
    words, budget, taken, put_in, masks, random = (
        totals.get(f"infilling.{name}", 0)
        for name in ("words", "budget", "taken", "put_in", "masks", "random")
    )
    found = []
    if infilled.of_several:
        gone, each = expected_infilling(infilled.rate, infilled.law)
        lost = _near("words are taken away as spans that overlap do", taken, words, gone)
        why = (
            f"spans are drawn for {percent(infilled.rate)} of the words, and where they overlap "
            "the words are gone once"
        )
        found = [lost.explained(why, "infilling.taken")]
        if each <= _OFTEN:
            empty = percent(infilled.law[0] / DRAWS)
            added = _near("masks are put in for spans of no word", put_in, budget, each)
            found.append(
                added.explained(f"{empty} of the lengths that are drawn are 0", "infilling.put_in")
            )
    if infilled.random > 0:
        judged = rate("masks are random ids at the rate", random, masks, infilled.random)
        found.append(judged.explained("each mask is drawn for itself", "infilling.random"))
    return found


def _near(name: str, hits: int, trials: int, p: float) -> Oracle:
    return between(name, hits, trials, p * (1 - _SLACK), p * (1 + _SLACK))


def expected_infilling(share: float, law: Sequence[int]) -> tuple[float, float]:
    """Returns the part of words that is gone in long rows, and what is put in a word of the budget.

    Spans that are not empty have a mean of m words, so of n words `share * n / m` begin one. A word
    remains if none of the words before it begins a span that reaches to it.
    """
    below = [entry / DRAWS for entry in law]
    filled = 1 - below[0]
    longer = [(1 - entry) / filled for entry in below[:-1]]
    begun = share / sum(longer)
    remains = math.prod(1 - begun * each for each in longer)
    return 1 - remains, below[0] / filled / sum(longer)
