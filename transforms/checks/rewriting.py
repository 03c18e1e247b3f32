"""Checks of what the model sees at selected tokens."""

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np

from schemas.records import Bytes, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import read_only
from transforms.contract.oracle import (
    Findings,
    Oracle,
    between,
    breach,
    gather,
    percent,
    rate,
    uniformity,
)
from transforms.contract.stored import StoredBatch

BUCKETS = 16


@dataclasses.dataclass(frozen=True, eq=False)
class Shares:
    """What becomes of selected tokens.

    Attributes:
      mask: Probability of the mask token.
      random: Probability of a random token; what remains is kept.
      allowed: The ids that a random token may be, ascending.
    """

    mask: float
    random: float
    allowed: Int64


def examine_rewriting(batch: StoredBatch, shares: Shares, vocabulary: Vocabulary) -> Findings:
    """Counts masked, random and kept tokens, and which ids came in at random.

    The ids that came in at random are counted by sixteenths of the vocabulary, and so are the
    tokens that they replaced: these decide how often a draw gives the token itself.
    """
    from transforms.kernels.stored_lists import count_rewriting

    allowed = np.zeros(vocabulary.size, np.bool_)
    allowed[shares.allowed] = True
    mask = vocabulary.mask if shares.mask else -1
    actions, ids = np.zeros(2, np.int64), np.zeros((2, BUCKETS), np.int64)
    never = np.empty(len(batch), np.bool_)
    positions, offsets = batch.lists
    count_rewriting(
        (positions, read_only(batch.seen), offsets),
        batch.rows(batch.ids),
        batch.copies,
        (mask, sixteenths(vocabulary.size), read_only(allowed)),
        actions,
        ids,
        never,
    )
    masked, replaced = actions.tolist()
    counts = {
        "mask.selected": len(batch.seen),
        "mask.masked": masked,
        "mask.random": replaced,
        "mask.kept": len(batch.seen) - masked - replaced,
    }
    for name, values in zip(("random_ids", "replaced_ids"), ids, strict=True):
        counts |= by_buckets(name, values)
    found = [mask_in_text(batch, vocabulary)] if shares.mask else []
    return gather(
        [
            Findings(counts),
            *found,
            breach("a token was replaced by one that is never drawn", never),
        ]
    )


def by_buckets(name: str, counts: Int64) -> dict[str, int]:
    """Returns what is counted by sixteenths of the vocabulary, by the names of statistics."""
    return {f"mask.{name}_{n + 1:02d}": count for n, count in enumerate(counts.tolist())}


def mask_in_text(batch: StoredBatch, vocabulary: Vocabulary) -> Findings:
    """Checks that no token of the text is the mask token."""
    in_text = batch.ids == vocabulary.mask
    if not np.count_nonzero(in_text):
        return Findings()
    return breach("the mask token stands in the text", batch.rows_of_tokens(in_text))


@functools.lru_cache(maxsize=4)
def sixteenths(size: int) -> Bytes:
    """Returns uint8[V]: the sixteenth of a vocabulary of this size that each id is in."""
    return read_only(np.arange(size) * BUCKETS // size, np.uint8)


def rewriting_oracles(
    totals: Mapping[str, int], shares: Shares, vocabulary: Vocabulary
) -> list[Oracle]:
    """Judges the shares of masked, random and kept tokens, and the random ids.

    A random draw may give the token itself or the mask token; each adds at most random / A to the
    share of kept or masked tokens, where A is how many ids may be drawn.
    """
    selected = totals.get("mask.selected", 0)
    allowed = shares.allowed
    same = shares.random / max(len(allowed), 1)
    to_mask = same if shares.mask and vocabulary.mask in allowed else 0.0
    keep = 1 - shares.mask - shares.random
    ids = [totals.get(f"mask.random_ids_{n + 1:02d}", 0) for n in range(BUCKETS)]
    replaced = [totals.get(f"mask.replaced_ids_{n + 1:02d}", 0) for n in range(BUCKETS)]
    drawable = np.setdiff1d(allowed, [vocabulary.mask] if shares.mask else [])
    places = sixteenths(vocabulary.size)[drawable.astype(np.int64)]
    shares_of_ids = np.bincount(places, minlength=BUCKETS)
    expected = sum(ids) * shares_of_ids - np.array(replaced)
    kept = totals.get("mask.kept", 0)
    again = ", and a random draw may give the token itself" if shares.random else ""
    if to_mask:
        again += " or the mask token"
    return [
        rate(
            "selected tokens become the mask token",
            totals.get("mask.masked", 0),
            selected,
            shares.mask + to_mask,
        ).explained(
            f"{percent(shares.mask)} of the selected tokens are drawn for it", "mask.masked"
        ),
        between(
            "selected tokens become random tokens",
            totals.get("mask.random", 0),
            selected,
            shares.random - same - to_mask,
            shares.random - to_mask,
        ).explained(f"{percent(shares.random)} are drawn for it{again}", "mask.random"),
        between("selected tokens are kept", kept, selected, keep, keep + same).explained(
            f"{percent(max(keep, 0))} are drawn for it{again}", "mask.kept"
        ),
        uniformity(
            "random tokens are drawn evenly from the vocabulary", ids, expected.tolist()
        ).explained(
            "every id that may be drawn is as likely; special tokens are not drawn, and a token "
            "drawn for itself counts as kept",
            "mask.random_ids",
        ),
    ]
