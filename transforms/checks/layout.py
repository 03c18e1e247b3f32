"""Checks of the layout: special tokens, segments, lengths."""

import numpy as np

from schemas.columns import DOCUMENTS
from schemas.records import Array, Bool
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import read_only
from transforms.checks.words import examine_word_starts
from transforms.contract.oracle import Findings, breach, gather
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.tokens.text_tokens import text_ids

_LENGTH_CLASSES = 8


def examine_layout(batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
    """Checks that rows have the recipe's lengths, segments and special tokens."""
    lengths, ids = batch.lengths, batch.ids
    too_long = lengths > rules.max_seq_length
    found = [
        breach("a row is longer than max_seq_length", too_long),
        breach("a row has no text", lengths < rules.layout.overhead(rules.min_segments) + 1),
        _segments(batch, rules),
        *_text(batch, rules, vocabulary),
        *_special_tokens(batch, rules, vocabulary),
    ]
    if len(ids) and int(ids.max()) >= vocabulary.size:
        outside = batch.rows_of_tokens(ids >= vocabulary.size)
        found.append(breach("an id is not in the vocabulary", outside))
    for name, marks in batch.annotations.items():
        # The rest of a document that was cut may be its end alone.
        special = batch.special & (name != DOCUMENTS)
        marked = batch.rows_of_tokens((marks > 0) & special)
        found.append(breach(f"a special token is among the {name}", marked))
    if rules.words_stored:
        found.append(examine_word_starts(batch, rules, vocabulary))
    classes = np.minimum(lengths * _LENGTH_CLASSES // rules.max_seq_length, _LENGTH_CLASSES - 1)
    counts = {"length.rows": len(lengths), "length.tokens": len(ids)}
    for number, rows in enumerate(np.bincount(classes, minlength=_LENGTH_CLASSES)):
        counts[f"length.eighth_{number + 1}"] = int(rows)
    return gather([Findings(counts), *found])


def _segments(batch: StoredBatch, rules: RowRules) -> Findings:
    """Checks that `second_segment_start` leaves both segments a token, or is the length."""
    layout, starts = rules.layout, batch.second_segment_start
    if rules.segments == 1:
        name = "second_segment_start is not the length of a row without segment B"
        return breach(name, starts != batch.lengths)
    first = starts - len(layout.prefix) - len(layout.between)
    second = batch.lengths - starts - len(layout.suffix)
    lone = lone_rows(batch, rules)
    first = np.where(lone, starts - layout.overhead(1), first)
    second = np.where(lone, 1, second)
    return breach("a segment is empty", (first < 1) | (second < 1))


def _text(batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> list[Findings]:
    """Checks that rows, and both their segments, have text; see `transforms.tokens.text_tokens`."""
    if rules.of_streams:
        return []
    from transforms.kernels.stored_lists import find_text

    found = np.empty((len(batch), 2), np.bool_)
    wanted = read_only(text_ids(vocabulary.kinds, alphanumeric=rules.alphanumeric_segments))
    rows = batch.rows(batch.ids, batch.special)
    find_text(rows, read_only(batch.second_segment_start), wanted, found)
    first, second = found.T
    breaches = [breach("a row is without text", ~(first | second))]
    if rules.segments == 2:
        empty = ~first | ~(second | lone_rows(batch, rules))
        missing = "letter, digit or ideograph" if rules.alphanumeric_segments else "text"
        breaches.append(breach(f"a segment has no {missing}", empty))
    return breaches


def lone_rows(batch: StoredBatch, rules: RowRules) -> Bool:
    """Returns bool[R]: rows without segment B, where the recipe allows them."""
    lone: Bool = batch.second_segment_start == batch.lengths
    return lone & (rules.min_segments == 1)


def _special_tokens(batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> list[Findings]:
    """Checks that special tokens stand where the layout puts them, and nowhere else."""
    layout = rules.layout
    begins, ends = batch.offsets[:-1], batch.offsets[1:]
    middles = begins + batch.second_segment_start - len(layout.between)

    def absent(first: Array, roles: tuple[str, ...]) -> Bool:
        missing = np.zeros(len(batch), np.bool_)
        for step, role in enumerate(roles):
            at = first + step
            inside = (at >= begins) & (at < ends)
            missing |= ~inside | (batch.ids[np.where(inside, at, 0)] != vocabulary.roles[role])
        return missing

    found = [
        breach("a row does not begin with its special token", absent(begins, layout.prefix)),
        breach(
            "a row does not end with its special token",
            absent(ends - len(layout.suffix), layout.suffix),
        ),
    ]
    if rules.segments == 2:
        name = "no separator stands before second_segment_start"
        found.append(breach(name, absent(middles, layout.between) & ~lone_rows(batch, rules)))
    stray = np.zeros(len(batch.ids), np.bool_)
    for role in layout.roles:
        stray |= batch.ids == vocabulary.roles[role]
    if np.count_nonzero(stray & ~batch.special):
        rows = batch.rows_of_tokens(stray & ~batch.special)
        found.append(breach("a special token stands inside the text", rows))
    return found


def examine_filling(batch: StoredBatch, rules: RowRules) -> Findings:
    """Checks that no row could have taken in what the next one begins with.

    The next row begins with a sentence that did not fit, so two rows in a row hold more text than
    one can. This is lost where one pass of the corpus ends and the next begins.
    """
    text = batch.lengths - rules.layout.overhead(rules.segments)
    room = np.zeros(len(batch), np.bool_)
    if rules.passes == 1 and rules.segments == 1:
        room[:-1] = text[:-1] + text[1:] <= rules.capacity
    return breach("a row has room for the whole of the next one", room)
