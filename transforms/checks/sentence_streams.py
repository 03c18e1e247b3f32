"""Checks of streams of sentences, forward and reversed, each in an order of its own."""

from collections.abc import Mapping, Sequence

import numpy as np

from schemas.records import Array, Bool, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import Ragged, positions_in_row
from transforms.checks.streams import continued, numbered
from transforms.contract.oracle import Findings, Oracle, breach, deviation, rate
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch


def examine_markers(batch: StoredBatch, vocabulary: Vocabulary) -> Findings:
    """Checks that a row has the marker of its direction alone, and no sentence without words."""
    begin, end = vocabulary.roles["cls"], vocabulary.roles["sep"]
    backward = np.repeat(_backward(batch), batch.lengths)
    strange = batch.ids == np.where(backward, begin, end)
    empty = np.zeros(len(batch.ids), np.bool_)
    empty[1:] = batch.special[1:] & batch.special[:-1]
    empty[batch.offsets[:-1]] = False
    return breach(
        "a row has the marker of the other direction", batch.rows_of_tokens(strange)
    ) + breach("a sentence has no word", batch.rows_of_tokens(empty))


def examine_joined(batch: StoredBatch) -> Findings:
    """Checks that a row begins with the last token of the row before, or a stream with a marker."""
    joined = continued(batch)
    lasts, firsts = batch.offsets[1:-1] - 1, batch.offsets[1:-1]
    wrong = np.zeros(len(batch), np.bool_)
    wrong[1:] = joined & (batch.ids[lasts] != batch.ids[firsts])
    found = numbered(batch) + breach("a row does not go on where the row before ended", wrong)
    begins = np.zeros(len(batch), np.bool_)
    begins[1:] = ~joined & ~batch.special[firsts]
    return found + breach("a stream does not begin with a marker", begins)


def examine_same_sentences(
    batches: Sequence[StoredBatch], drawn: Mapping[str, int], rules: RowRules
) -> Findings:
    """Checks that the two streams of a pass are the same sentences, in unrelated orders.

    The sentences of a stream that are not in the other one must be lost at its end: they fit into
    what the other one lacks. Of the sentences that come once in both, about half of those that
    follow one another in one stream have the same order in the other.
    """
    streams = _streams(batches) if batches else {}
    passes = max(rules.streams * rules.passes, 1)
    size = drawn.get("stream.tokens", 0) // passes
    differ, related = 0, 0
    for number in range(0, passes, 2):
        one, other = (_whole(streams.get(each), number=each % 2) for each in (number, number + 1))
        differ += not (_rest_fits(one, other, size) and _rest_fits(other, one, size))
        related += not _unrelated(one, other)
    first = np.zeros(sum(map(len, batches)), np.bool_)
    found = Findings()
    for name, count in (
        ("the two streams of a shard have other sentences", differ),
        ("the two streams of a shard have related orders", related),
    ):
        first[:1] = count > 0
        found += breach(name, first)
    return found


def order_oracle(totals: Mapping[str, int]) -> Oracle:
    """Holds how often a sentence follows one that stands before it in the text to a half.

    A random order has less spread than independent draws, whose bound this is.
    """
    hits, trials = totals.get("stream.ascents", 0), totals.get("stream.pairs", 0)
    found = rate("a sentence follows one from before it in the text", hits, trials, 0.5)
    return found.explained("in a random order, half of the neighbours ascend", "stream.ascents")


def _backward(batch: StoredBatch) -> Bool:
    return np.zeros(len(batch), np.bool_) if batch.backward is None else batch.backward


# Rows [/ a b] [b / c] [c d /] of a stream: / a b / c d /.
def _streams(batches: Sequence[StoredBatch]) -> dict[int, tuple[Array, Bool]]:
    """Returns the tokens that each stream shows, and which of them are markers."""
    ids, special, lengths, stream = (
        np.concatenate(columns)
        for columns in zip(*(_columns(batch) for batch in batches), strict=True)
    )
    lasts = np.cumsum(lengths) - 1
    found = {}
    for number in np.unique(stream).tolist():
        rows = stream == number
        shown = np.repeat(rows, lengths)
        # What a row ends with is in the next one, too.
        shown[lasts[rows][:-1]] = False
        found[number] = ids[shown], special[shown]
    return found


def _columns(batch: StoredBatch) -> tuple[Array, Bool, Int64, Int64]:
    assert batch.stream is not None
    return batch.ids, batch.special, batch.lengths, batch.stream


def _whole(stream: tuple[Array, Bool] | None, number: int) -> Ragged:
    """Returns the sentences that a stream shows whole, in the order of the text's words."""
    if stream is None:
        return Ragged(np.zeros(0, np.int64), np.zeros(1, np.int64))
    ids, special = stream
    if number:
        # Seen from its end, a reversed stream has its markers where a forward one has them.
        ids, special = ids[::-1], special[::-1]
    marks = np.flatnonzero(special)
    lengths = np.maximum(np.diff(marks) - 1, 0)
    inside = np.zeros(len(ids), np.bool_)
    if len(marks):
        inside[marks[0] : marks[-1]] = True
    return Ragged.from_lengths(ids[inside & ~special].astype(np.int64), lengths)


def _keys(sentences: Ragged) -> Array:
    """Returns uint64[S]: a key of each sentence, the same for the same words."""
    places = positions_in_row(sentences.lengths).astype(np.uint64)
    mixed = (sentences.values.astype(np.uint64) << np.uint64(32)) | (places + np.uint64(1))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    sums = np.zeros(len(mixed) + 1, np.uint64)
    np.cumsum(mixed ^ (mixed >> np.uint64(31)), out=sums[1:])
    return np.diff(sums[sentences.offsets])


def _rest_fits(one: Ragged, other: Ragged, size: int) -> bool:
    """Returns whether the sentences that only `one` shows fit into what `other` has lost."""
    keys, codes = np.unique(np.concatenate([_keys(one), _keys(other)]), return_inverse=True)
    counts = [
        np.bincount(part, minlength=len(keys)) for part in np.split(codes.ravel(), [len(one)])
    ]
    sizes = np.zeros(len(keys), np.int64)
    sizes[codes.ravel()] = np.concatenate([one.lengths, other.lengths]) + 1
    extra = int((np.maximum(counts[0] - counts[1], 0) * sizes).sum())
    shown = len(other.values) + len(other) + 1
    return extra <= size - shown


def _unrelated(one: Ragged, other: Ragged) -> bool:
    """Returns whether the order of the sentences of one says nothing of that of the other."""
    places = [_single(_keys(each)) for each in (one, other)]
    _, here, there = np.intersect1d(
        places[0][0], places[1][0], assume_unique=True, return_indices=True
    )
    order = np.argsort(places[0][1][here], kind="stable")
    steps = np.diff(places[1][1][there][order])
    return abs(int((steps > 0).sum()) - len(steps) / 2) <= deviation(len(steps), 0.5)


def _single(keys: Array) -> tuple[Array, Int64]:
    """Returns the keys that come once, and where."""
    found, first, counts = np.unique(keys, return_index=True, return_counts=True)
    return found[counts == 1], first[counts == 1]
