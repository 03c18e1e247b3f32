"""Checks of whole words: where they begin, and that they are selected whole."""

import functools

import numpy as np

from schemas.records import Bool, Bytes, Int64
from schemas.token_kinds import TokenKinds
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import read_only
from transforms.contract.corrupting import Budget
from transforms.contract.oracle import Findings, breach, gather
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch, any_copy


def examine_word_starts(batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
    """Checks the stored word starts of every row, against what tokens say by themselves, too."""
    words = batch.word_starts
    if words is None:
        return breach("a row has no word starts", np.ones(len(batch), np.bool_))
    from transforms.kernels.stored_words import check_starts

    wrong = np.zeros((len(batch), 3), np.bool_)
    lists = read_only(words.values), read_only(words.offsets)
    check_starts(lists, batch.rows(batch.special), wrong)
    begun = batch.word_flags | batch.special
    heads = [np.full(len(batch), len(rules.layout.prefix))]
    if rules.segments == 2 and not rules.layout.join_split_word:
        second = batch.second_segment_start
        heads.append(np.where(second < batch.lengths, second, heads[0]))
    inside = np.zeros(len(batch), np.bool_)
    for head in heads:
        inside |= ~begun[batch.offsets[:-1] + np.minimum(head, batch.lengths - 1)]

    return gather(
        [
            breach("a word start lies outside its row", wrong[:, 0]),
            breach("word starts do not ascend", wrong[:, 1]),
            breach("a special token is a word start", wrong[:, 2]),
            breach("a segment does not begin with a word start", inside),
            Findings() if vocabulary.kinds is None else _examine_kinds(batch, vocabulary.kinds),
        ]
    )


def _examine_kinds(batch: StoredBatch, kinds: TokenKinds) -> Findings:
    """Checks that words begin at spaces, and not inside of what the tokenizer keeps together.

    The first token of a segment is left out: a segment may have lost the beginning of a word.
    """
    from transforms.kernels.stored_words import check_kinds

    wrong = np.zeros((len(batch), 3), np.bool_)
    rows = batch.rows(batch.ids, batch.special, batch.word_flags)
    check_kinds(rows, _kinds_of(kinds), wrong)
    names = (
        "a word begins inside a word: at a piece that continues the one before it",
        "a word continues after a space: at a piece that begins with one",
        "a word continues after a piece that has a space inside",
    )
    return gather(map(breach, names, wrong.T))


@functools.lru_cache(maxsize=4)
def _kinds_of(kinds: TokenKinds) -> Bytes:
    """Returns uint8[V]: the kinds of tokens as flags, for `check_kinds`."""
    from transforms.kernels.stored_words import AFTER_SPACE, BEFORE_SPACE, CONTINUES

    flags = (kinds.continues & ~kinds.ideograph) * np.uint8(CONTINUES)
    flags |= kinds.after_space * np.uint8(AFTER_SPACE)
    flags |= kinds.before_space * np.uint8(BEFORE_SPACE)
    return read_only(flags)


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
    partly, fitting = check_whole_words(batch, left, run)
    return gather(
        [
            Findings(totals),
            breach("a copy selects more tokens than its budget", over),
            breach("a copy passes over a word that fits into its budget", fitting),
            breach("a word is selected in part", partly),
        ]
    )


def check_whole_words(batch: StoredBatch, left: Int64, run: int = 1) -> tuple[Bool, Bool]:
    """Finds rows where a copy selects some but not all tokens of a word, or passes over one.

    Args:
      batch: Rows.
      left: int64[R, C]; tokens of the budget that were not used.
      run: See `examine_words`.

    Returns:
      bool[R] twice: a word is selected in part; a word is not selected that would have room.
    """
    from transforms.kernels.stored_words import check_words

    wrong = np.empty((len(batch), 2), np.bool_)
    rows = batch.rows(batch.special, batch.word_flags)
    check_words(batch.lists, rows, batch.copies, read_only(left.ravel()), run, wrong)
    return wrong[:, 0], wrong[:, 1]


def partly_selected(batch: StoredBatch) -> Bool:
    """Finds the rows where a copy selects some but not all tokens of a word."""
    partly, _ = check_whole_words(batch, np.zeros_like(batch.selected_counts))
    return partly
