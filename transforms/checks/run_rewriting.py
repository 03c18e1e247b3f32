"""Checks of what the model sees where runs of tokens are masked, replaced or kept as a whole."""

from collections.abc import Mapping

import numpy as np

from schemas.records import Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import offsets_of, read_only
from transforms.checks.rewriting import BUCKETS, Shares, by_buckets, mask_in_text, sixteenths
from transforms.contract.corrupting import RandomIds
from transforms.contract.oracle import (
    Findings,
    Oracle,
    between,
    breach,
    gather,
    percent,
    uniformity,
)
from transforms.contract.stored import StoredBatch

_MILLION = 1_000_000
_WHOLE = "a run is treated as a whole, so the shares of its tokens may be others"
_ACTIONS = ("masked", "random", "kept")
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
    from transforms.kernels.stored_runs import count_runs

    allowed = np.zeros(vocabulary.size, np.bool_)
    allowed[shares.allowed] = True
    mask = vocabulary.mask if shares.mask else -1
    weights = random_ids.weights(batch.ids, batch.special, vocabulary)
    runs, ids = np.zeros((3, 2), np.int64), np.zeros(BUCKETS, np.int64)
    wrong = np.empty((len(batch), 2), np.bool_)
    positions, offsets = batch.lists
    unseen = count_runs(
        (positions, read_only(batch.seen), offsets),
        batch.rows(batch.ids),
        batch.copies,
        (mask, sixteenths(vocabulary.size), read_only(allowed), read_only(weights, np.int64)),
        runs,
        ids,
        wrong,
    )
    counts = {"mask.selected": len(batch.seen), "mask.runs": int(runs[:, 0].sum())}
    for action, (number, tokens) in zip(_ACTIONS, runs.tolist(), strict=True):
        counts |= {f"mask.{action}": tokens, f"mask.{action}_runs": number}
    # How many runs of one token would come out as they were if drawn anew; longer ones hardly do.
    counts["mask.same_runs_millionths"] = int(unseen) * _MILLION // max(int(weights.sum()), 1)
    counts |= _ids(ids, weights, vocabulary.size)
    found = [mask_in_text(batch, vocabulary)] if shares.mask else []
    if shares.mask and not allowed[vocabulary.mask]:
        found.append(breach("a run is masked in part", wrong[:, 0]))
    found.append(breach("a token was replaced by one that is never drawn", wrong[:, 1]))
    return gather([Findings(counts), *found])


def _ids(ids: Int64, weights: Int64, size: int) -> dict[str, int]:
    """Names the counts of ids by sixteenths, beside what their weights lead to expect.

    All are whole numbers, so that every machine counts the same.
    """
    edges = -(-np.arange(BUCKETS + 1) * size // BUCKETS)
    expected = np.diff(offsets_of(weights)[edges]).tolist()
    total, drawn = max(sum(expected), 1), int(ids.sum())
    millionths = [weight * drawn * _MILLION // total for weight in expected]
    names = (f"mask.expected_ids_millionths_{n + 1:02d}" for n in range(BUCKETS))
    return by_buckets("random_ids", ids) | dict(zip(names, millionths, strict=True))


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
    low, most = max(shares.random - same - to_mask, 0.0), shares.mask + to_mask
    judged = {
        "masked": between("runs become mask tokens", masked, runs, shares.mask, most),
        "random": between("runs become random tokens", random, runs, low, shares.random),
        "kept": between("runs are kept", kept, runs, keep, keep + same),
    }
    chances = {"masked": shares.mask, "random": shares.random, "kept": max(keep, 0)}
    again = "a random draw may give what stood there"
    even = uniformity("random tokens are as frequent as those drawn from", ids, expected, slack)
    return [
        *(
            oracle.explained(
                f"{percent(chances[name])} are drawn for it, {again}, and {_WHOLE}",
                f"mask.{name}_runs",
            )
            for name, oracle in judged.items()
        ),
        even.explained(
            "random tokens follow the frequencies of the text, not the vocabulary evenly",
            "mask.random_ids",
        ),
    ]
