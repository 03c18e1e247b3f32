"""Checks of whole words: where they begin, and that they are selected whole."""

import numpy as np

from schemas.records import Bool, Int64
from schemas.token_kinds import TokenKinds
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import offsets_of
from transforms.contract.axes import Budget
from transforms.contract.oracle import Findings, breach, gather
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch, any_copy, take_stored_rows


def examine_word_starts(batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
    """Checks the stored word starts of every row, against what tokens say by themselves, too."""
    words = batch.word_starts
    if words is None:
        return breach("a row has no word starts", np.ones(len(batch), np.bool_))
    row = np.repeat(np.arange(len(batch)), words.lengths)
    outside = words.values >= batch.lengths[row]
    falls = np.zeros(len(words.values), np.bool_)
    falls[1:] = (words.values[1:] <= words.values[:-1]) & (row[1:] == row[:-1])
    begun = batch.word_flags | batch.special
    heads = [np.full(len(batch), len(rules.layout.prefix))]
    if rules.segments == 2 and not rules.layout.join_split_word:
        second = batch.second_segment_start
        heads.append(np.where(second < batch.lengths, second, heads[0]))
    inside = np.zeros(len(batch), np.bool_)
    for head in heads:
        inside |= ~begun[batch.offsets[:-1] + np.minimum(head, batch.lengths - 1)]

    def rows_of(found: Bool) -> Bool:
        return np.bincount(row[found], minlength=len(batch)) > 0

    return gather(
        [
            breach("a word start lies outside its row", rows_of(outside)),
            breach("word starts do not ascend", rows_of(falls)),
            breach(
                "a special token is a word start",
                batch.rows_of_tokens(batch.word_flags & batch.special),
            ),
            breach("a segment does not begin with a word start", inside),
            Findings() if vocabulary.kinds is None else _examine_kinds(batch, vocabulary.kinds),
        ]
    )


def _examine_kinds(batch: StoredBatch, kinds: TokenKinds) -> Findings:
    """Checks that words begin at spaces, and not inside of what the tokenizer keeps together.

    The first token of a segment is left out: a segment may have lost the beginning of a word.
    """
    ids, starts = np.minimum(batch.ids, len(kinds.alphanumeric) - 1), batch.word_flags
    text = ~batch.special
    inner = text.copy()
    inner[1:] &= text[:-1]
    inner[batch.offsets[:-1]] = False
    found = [
        (
            "a word begins inside a word: at a piece that continues the one before it",
            inner & starts & kinds.continues[ids] & ~kinds.ideograph[ids],
        ),
        (
            "a word continues after a space: at a piece that begins with one",
            text & ~starts & kinds.after_space[ids],
        ),
    ]
    if kinds.before_space.any():
        behind = inner & ~starts
        behind[1:] &= kinds.before_space[ids[:-1]]
        found.append(("a word continues after a piece that has a space inside", behind))
    return gather(breach(name, batch.rows_of_tokens(tokens)) for name, tokens in found)


def examine_words(
    batch: StoredBatch, budget: Budget, max_seq_length: int, run: int = 1
) -> Findings:
    """Checks that words are selected whole, and as many as fit into the budget.

    Args:
      batch: Rows.
      budget: How many tokens a copy may select.
      max_seq_length: Of the recipe.
      run: Words that are selected together, at most. A word that fits may be passed over where its
        run would touch a selected one, so one of the next `run` - 1 words must be selected.
    """
    counts = batch.selected_counts
    least, most = budget.bounds(batch.lengths, max_seq_length)
    totals = {
        "select.tokens": int(counts.sum()),
        "select.least": int(least.sum()) * batch.copies,
        "select.most": int(most.sum()) * batch.copies,
    }
    over = any_copy(counts > most[:, None])
    left = np.maximum(least[:, None] - counts, 0)
    unfilled = any_copy(left > 0)
    fitting = np.zeros(len(batch), np.bool_)
    if unfilled.any():
        rows = np.flatnonzero(unfilled)
        fitting[rows] = _still_fitting(take_stored_rows(batch, rows), left[rows], run)
    return gather(
        [
            Findings(totals),
            breach("a copy selects more tokens than its budget", over),
            breach("a copy passes over a word that fits into its budget", fitting),
            breach("a word is selected in part", partly_selected(batch)),
        ]
    )


def _continues(batch: StoredBatch) -> Bool:
    """Returns bool[T]: the token continues the word of the candidate before it."""
    return ~(batch.word_flags | batch.special)


def partly_selected(batch: StoredBatch) -> Bool:
    """Finds the rows where a copy selects some but not all tokens of a word.

    A word is selected in part if and only if somewhere a selected token and an unselected one are
    neighbours in it. A word that continues after a special token is examined separately.
    """
    inside = _continues(batch)
    split = np.zeros(len(batch), np.bool_)
    behind = np.flatnonzero(inside[1:] & batch.special[:-1]) + 1
    if len(behind):
        split[np.searchsorted(batch.offsets, behind, "right") - 1] = True
        rows = np.flatnonzero(split)
        split[rows] = _partly_selected_densely(take_stored_rows(batch, rows))
        inside[behind] = False
    links = inside.view(np.uint8).copy()
    links[:-1] |= links[1:] << 1
    link = links[batch.flat]
    values = batch.selected.values
    broken = np.ones(len(values) + 1, np.bool_)
    broken[1:-1] = values[1:] != values[:-1] + 1
    begins = batch.selected.offsets
    broken[begins] = True
    partly = broken[:-1] & (link & 1).view(np.bool_)
    partly |= broken[1:] & (link > 1)
    found: Bool = split | batch.rows_with(np.flatnonzero(partly))
    return found


def selection_matrix(batch: StoredBatch) -> Bool:
    """Returns bool[C, T]: whether a copy selects a token."""
    chosen = np.zeros((batch.copies, len(batch.ids)), np.bool_)
    lists = np.arange(len(batch.selected)) % batch.copies
    chosen[np.repeat(lists, batch.selected.lengths), batch.flat] = True
    return chosen


def word_units(batch: StoredBatch) -> tuple[Int64, Int64]:
    """Returns the flat position of every word's first token, and how many tokens it has.

    Special tokens belong to no word; the first other token of a row begins one in any case.
    """
    tokens = np.flatnonzero(~batch.special)
    begins = batch.word_flags[tokens]
    row = np.searchsorted(batch.offsets, tokens, "right")
    begins[:1] = True
    begins[1:] |= row[1:] != row[:-1]
    first = np.flatnonzero(begins)
    return tokens[first], np.diff(np.append(first, len(tokens)))


def _partly_selected_densely(batch: StoredBatch) -> Bool:
    """Does the same as `partly_selected` with a matrix, for a few rows."""
    tokens = np.flatnonzero(~batch.special)
    starts, sizes = word_units(batch)
    if not len(starts):
        return np.zeros(len(batch), np.bool_)
    borders = offsets_of(sizes)[:-1]
    in_unit = np.add.reduceat(selection_matrix(batch)[:, tokens], borders, axis=1, dtype=np.int64)
    partly = np.zeros(len(batch.ids), np.bool_)
    partly[starts] = ((in_unit > 0) & (in_unit < sizes)).any(axis=0)
    return batch.rows_of_tokens(partly)


def _still_fitting(batch: StoredBatch, left: Int64, run: int) -> Bool:
    """Finds rows where a copy leaves out a word that the rest of its budget has room for.

    Args:
      batch: Rows.
      left: int64[R, C]; tokens of the budget that were not used.
      run: See `examine_words`.
    """
    starts, sizes = word_units(batch)
    row = np.searchsorted(batch.offsets, starts, "right") - 1
    chosen = selection_matrix(batch)[:, starts]
    found = np.zeros(len(batch.ids), np.bool_)
    free = ~chosen
    for step in range(1, run):
        free[:, :-step] &= ~(chosen[:, step:] & (row[step:] == row[:-step]))
    found[starts] = (free & (sizes <= left[row].T)).any(axis=0)
    return batch.rows_of_tokens(found)
