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
from transforms.contract.oracle import (
    Findings,
    Oracle,
    between,
    breach,
    exactly,
    gather,
    percent,
    rate,
    stopped,
)
from transforms.contract.rules import RowLayout
from transforms.contract.stored import StoredBatch, any_copy

_LONG = 256
"""Words of rows of which statistics are counted: how a row ends matters little there."""
_SLACK = 0.05
"""How much that may matter, in comparison with the expected number."""
_SHOWN = ("budget", "spans", "put_in", "full")
_DRAWN = ("asked", "empty", "filled", "crowded", "no_room")


@dataclasses.dataclass(frozen=True)
class Infilled:
    """What checks know of a noise of words.

    Attributes:
      fill: What stands for a span.
      budgets: int64[N]; words to take away of n words.
      rate: Their part of all words.
      law: A span has at most n words if 32 random bits are below entry n.
      usual: Spans of more words are counted as long ones.
      random: Probability of a random id where a mask would be.
      rounded: The number of random ids among masks that are put in is not drawn.
      allowed: The random ids that there may be.
    """

    fill: int
    budgets: Int64
    rate: float
    law: Sequence[int]
    usual: int
    random: float
    rounded: bool
    allowed: Int64

    @property
    def of_several(self) -> bool:
        """Whether lengths of spans are drawn: else all have one word."""
        return self.law[1] < DRAWS


def drawn_name(tally: str) -> str:
    """Returns the name of a count of what rows do not show, see `transforms.kernels.infilling`."""
    return f"infilling.drawn_{tally}"


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
    gone = np.bincount(row, edits.lengths, len(edits)).astype(np.int64)
    put_in = np.bincount(row[empty], minlength=len(edits))
    spans = edits.counts - put_in
    counts = {
        "infilling.words": int(words[long].sum()),
        "infilling.taken": int(taken[long].sum()),
        "infilling.budget": int(budgets.sum()),
        "infilling.spans": int(spans.sum()),
        "infilling.put_in": int(put_in.sum()),
        "infilling.full": int(np.count_nonzero(put_in == np.minimum(gone - spans, budgets))),
        "infilling.masks": int(np.count_nonzero(masks)),
        "infilling.random": int(np.count_nonzero(drawn)),
    }
    if infilled.rounded:
        among = np.bincount(row[empty & random], minlength=len(edits))
        wanted = -(-put_in * int(infilled.random * DRAWS) // DRAWS)
        uneven = among != wanted
    else:
        uneven = np.zeros(len(edits), np.bool_)
    breaches = {
        "another number of random ids is put in": uneven,
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


def length_oracles(totals: Mapping[str, int], infilled: Infilled) -> list[Oracle]:
    """Judges the lengths that were drawn, of which rows do not show all.

    That one is 0 depends on nothing else, and each copy ends with one above 0. So whatever these
    are, the number of zeros is negative binomial: there are n or more of them before length k above
    0 if there are n or more among n + k - 1 draws, and the bound of `rate` holds. How many lengths
    above 0 there are depends on these lengths, but each has one word of the budget at least.
    """
    empty, filled, single, longer, asked = (
        totals.get(drawn_name(name), 0) for name in ("empty", "filled", "single", "longer", "asked")
    )
    none, one, usual = (infilled.law[n] for n in (0, 1, infilled.usual))
    found = [
        rate("lengths of 0 are drawn at the rate", empty, empty + filled, none / DRAWS).explained(
            "what is drawn is counted in the build, since some masks find no room"
        )
    ]
    more = DRAWS - none
    why = "of lengths above 0; the budget decides how many are drawn"
    shares = {"of one word": (single, (one - none) / more)}
    if infilled.usual > 1:
        shares[f"of more than {infilled.usual} words"] = (longer, (DRAWS - usual) / more)
    early, chance = (totals.get(drawn_name(name), 0) for name in ("early", "early_by_chance"))
    mean = chance / 1e6 / max(filled, 1)
    placed = between("spans begin in the first half of words", early, filled, mean, mean + 1e-6)
    found += [
        stopped(f"lengths {of} are drawn at the rate", hits, filled, asked, p).explained(why)
        for of, (hits, p) in shares.items()
    ]
    places = "all words are as likely, and of an odd number the middle one is in the first half"
    return [*found, placed.explained(places)]


def infilling_oracles(totals: Mapping[str, int], infilled: Infilled) -> list[Oracle]:
    """Judges how many words are gone, how many masks are put in, and how many ids are random."""
    words, taken, masks, random = (
        totals.get(f"infilling.{name}", 0) for name in ("words", "taken", "masks", "random")
    )
    found = []
    if infilled.of_several:
        gone = expected_infilling(infilled.rate, infilled.law)
        lost = _near("words are taken away as spans that overlap do", taken, words, gone)
        why = (
            f"spans are drawn for {percent(infilled.rate)} of the words, and where they overlap "
            "the words are gone once"
        )
        found = [lost.explained(why, "infilling.taken"), *_drawn_as_shown(totals)]
    if infilled.random > 0:
        judged = rate("masks are random ids at the rate", random, masks, infilled.random)
        found.append(judged.explained("each mask is drawn for itself", "infilling.random"))
    return found


def _drawn_as_shown(totals: Mapping[str, int]) -> list[Oracle]:
    """Judges whether rows show what was counted while they were drawn; no chance is in that."""
    shown = {name: totals.get(f"infilling.{name}", 0) for name in _SHOWN}
    drawn = {name: totals.get(drawn_name(name), 0) for name in _DRAWN}
    joined = exactly("spans are no more than lengths above 0", shown["spans"], drawn["filled"])
    return [
        exactly("lengths are drawn for the budget", drawn["asked"], shown["budget"]),
        dataclasses.replace(joined, sides="above").explained(
            "spans that reach into one another are one"
        ),
        exactly(
            "masks are put in for lengths of 0",
            shown["put_in"],
            drawn["empty"] - drawn["no_room"],
        ).explained(
            f"for {drawn['no_room']:,} more there was no room: no source is longer than its row",
            "infilling.put_in",
        ),
        exactly(
            "copies have no room for more masks where lengths of 0 ask for all of it",
            shown["full"],
            drawn["crowded"],
        ).explained("else one is put in for each", "infilling.full"),
    ]


def _near(name: str, hits: int, trials: int, p: float) -> Oracle:
    return between(name, hits, trials, p * (1 - _SLACK), p * (1 + _SLACK))


def expected_infilling(share: float, law: Sequence[int]) -> float:
    """Returns the part of words that is gone in long rows.

    Spans that are not empty have a mean of m words, so of n words `share * n / m` begin one. A word
    remains if none of the words before it begins a span that reaches to it.
    """
    below = [entry / DRAWS for entry in law]
    filled = 1 - below[0]
    longer = [(1 - entry) / filled for entry in below[:-1]]
    begun = share / sum(longer)
    return 1 - math.prod(1 - begun * each for each in longer)
