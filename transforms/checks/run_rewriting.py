"""Checks of what the model sees where runs of tokens are masked, replaced or kept as a whole."""

from collections.abc import Mapping

import numpy as np

from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import offsets_of
from transforms.checks.rewriting import BUCKETS, Shares, buckets, mask_in_text
from transforms.contract.axes import RandomIds
from transforms.contract.oracle import Findings, Oracle, between, breach, gather, uniformity
from transforms.contract.stored import StoredBatch

_MILLION = 1_000_000
_PARTIAL_TEXT = 0.02
"""How much the frequencies of tokens may differ where the text looked at is a part of that drawn
from: rows with longer runs have a little more random tokens than their share."""


def examine_run_rewriting(
    batch: StoredBatch, shares: Shares, random_ids: RandomIds, vocabulary: Vocabulary
) -> Findings:
    """Counts masked, random and kept runs, and which ids came in at random.

    A run that is neither masked nor kept is random. Of it, the ids behind the first that differs
    from the original are counted: they follow the law of what is drawn, whatever they replace.
    """
    starts = np.flatnonzero(batch.run_borders[0][:-1])
    sizes = np.diff(np.append(starts, len(batch.seen)))
    is_mask = np.zeros(len(batch.seen), np.bool_)
    if shares.mask:
        is_mask = batch.seen == vocabulary.mask
    same = batch.seen == batch.original
    masks, sames = (_sums(each, starts) for each in (is_mask, same))
    masked = (masks == sizes) & (masks > 0)
    kept = (sames == sizes) & ~masked
    random = ~(masked | kept)
    allowed = np.zeros(max(vocabulary.size, int(batch.seen.max(initial=0)) + 1), np.bool_)
    allowed[shares.allowed] = True
    found = [mask_in_text(batch, vocabulary)] if shares.mask else []
    if shares.mask and not allowed[vocabulary.mask]:
        partly = (masks > 0) & ~masked
        found.append(breach("a run is masked in part", batch.rows_with(starts[partly])))
    drawn = np.repeat(random, sizes)
    wrong = np.flatnonzero(drawn & ~is_mask & ~allowed[batch.seen])
    name = "a token was replaced by one that is never drawn"
    found.append(breach(name, batch.rows_with(wrong)))
    counts = {"mask.selected": len(batch.seen), "mask.runs": len(starts)}
    for action, runs in (("masked", masked), ("random", random), ("kept", kept)):
        counts[f"mask.{action}"] = int(sizes[runs].sum())
        counts[f"mask.{action}_runs"] = int(np.count_nonzero(runs))
    weights = random_ids.weights(batch.ids, batch.special, vocabulary)
    counts["mask.same_runs_millionths"] = _unseen(batch.original[starts[sizes == 1]], weights)
    behind = drawn & _behind_a_change(same, starts, sizes)
    counts |= _ids(batch.seen[behind], weights, vocabulary.size)
    return gather([Findings(counts), *found])


def _sums(flags: Array, starts: Array) -> Array:
    """Returns int64[U]: how many of each run's tokens are flagged."""
    return np.add.reduceat(flags, starts, dtype=np.int64) if len(starts) else starts


def _unseen(original: Array, weights: Int64) -> int:
    """Returns in millionths how many runs of one token would come out as they were if drawn anew.

    Longer ones hardly ever do.
    """
    chances = weights[np.minimum(original, len(weights) - 1)]
    return int(chances.sum()) * _MILLION // max(int(weights.sum()), 1)


def _behind_a_change(same: Array, starts: Array, sizes: Array) -> Array:
    """Returns bool[P]: an earlier token of the run is not the original."""
    before = np.cumsum(~same) - ~same
    found: Array = before > np.repeat(before[starts], sizes)
    return found


def _ids(ids: Array, weights: Int64, size: int) -> dict[str, int]:
    """Counts ids by sixteenths of the vocabulary, and what their weights lead to expect.

    All are whole numbers, so that every machine counts the same.
    """
    edges = -(-np.arange(BUCKETS + 1) * size // BUCKETS)
    expected = np.diff(offsets_of(weights)[edges]).tolist()
    counts = {}
    for number, count in enumerate(buckets(ids.astype(np.int64), size)):
        counts[f"mask.random_ids_{number + 1:02d}"] = int(count)
    for number, weight in enumerate(expected):
        millionths = weight * len(ids) * _MILLION // max(sum(expected), 1)
        counts[f"mask.expected_ids_millionths_{number + 1:02d}"] = millionths
    return counts


def run_rewriting_oracles(
    totals: Mapping[str, int], shares: Shares, random_ids: RandomIds, vocabulary: Vocabulary
) -> list[Oracle]:
    """Judges the shares of masked, random and kept runs, and the random ids.

    Random draws may give a run that is kept, or one of mask tokens. How often is known for the
    text that was looked at, which is a part of the text drawn from; twice as often is let pass.
    """
    runs = totals.get("mask.runs", 0)
    masked, random, kept = (
        totals.get(f"mask.{action}_runs", 0) for action in ("masked", "random", "kept")
    )
    unseen = totals.get("mask.same_runs_millionths", 0) / _MILLION / max(runs, 1)
    same = min(2 * unseen, 1.0) * shares.random
    allowed = shares.allowed
    drawn = shares.mask > 0 and vocabulary.mask in allowed
    to_mask = shares.random / len(allowed) if drawn else 0.0
    keep = 1 - shares.mask - shares.random
    numbers = [f"{n + 1:02d}" for n in range(BUCKETS)]
    ids = [totals.get(f"mask.random_ids_{n}", 0) for n in numbers]
    expected = [totals.get(f"mask.expected_ids_millionths_{n}", 0) for n in numbers]
    partial = random_ids.follows_counts and vocabulary.counts is None
    slack = _PARTIAL_TEXT if partial else 0.0
    low = max(shares.random - same - to_mask, 0.0)
    return [
        between("runs become mask tokens", masked, runs, shares.mask, shares.mask + to_mask),
        between("runs become random tokens", random, runs, low, shares.random),
        between("runs are kept", kept, runs, keep, keep + same),
        uniformity("random tokens are as frequent as those drawn from", ids, expected, slack),
    ]
