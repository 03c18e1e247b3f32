"""Checks of rows that are lines of words."""

from collections.abc import Mapping

import numpy as np

from schemas.vocabulary import Vocabulary
from transforms.contract.oracle import Findings, Oracle, breach, exactly
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch


def examine_line_rows(
    batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary, *, line_ends: bool
) -> Findings:
    """Checks that rows are known words, and that a line ends only at the end of a row.

    Args:
      batch: The rows.
      rules: Of the recipe.
      vocabulary: Of the list of words.
      line_ends: Lines that are not cut end with a token of their own.
    """
    end = vocabulary.sep
    strange = [number for role, number in vocabulary.roles.items() if role != "sep"]
    ends = batch.ids == end
    lasts = np.zeros(len(ends), np.bool_)
    lasts[batch.offsets[1:] - 1] = line_ends
    cut = (batch.lengths == rules.max_seq_length) & ~ends[batch.offsets[1:] - 1]
    found = breach(
        "a row has a token that is no word", batch.rows_of_tokens(np.isin(batch.ids, strange))
    )
    found += breach("a line ends inside a row", batch.rows_of_tokens(ends & ~lasts))
    if line_ends:
        whole = ends[batch.offsets[1:] - 1] | cut
        found += breach("a row ends neither with its line nor because it is full", ~whole)
    return found + Findings({"words.cut": int(cut.sum()), "words.ends": int(ends.sum())})


def line_oracles(totals: Mapping[str, int], *, line_ends: bool) -> list[Oracle]:
    """Holds the words and lines of the rows to those of the text."""
    ends = totals.get("words.ends", 0)
    kept = totals.get("words.lines", 0) - totals.get("words.lines_left_out", 0)
    words = exactly(
        "the known words of the text are those of the rows",
        totals.get("length.tokens", 0) - ends,
        totals.get("words.known", 0),
    ).explained("words that are not in the list are left out", "words.known")
    lines = exactly("every line with a known word has its end", ends, kept if line_ends else 0)
    lines = lines.explained("lines without a known word are left out", "words.ends")
    return [words, lines]
