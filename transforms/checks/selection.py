"""Checks of which tokens were selected, and how many."""

from collections.abc import Mapping

import numpy as np

from schemas.records import Int64
from transforms.checks.sampling import run_sample_oracles, sample, sample_oracles
from transforms.checks.words import examine_words
from transforms.contract.corrupting import Budget, Units
from transforms.contract.oracle import Findings, Oracle, breach, deviation, percent
from transforms.contract.stored import StoredBatch, any_copy

_MILLION = 1_000_000
_WORDS_FILL = 0.9
"""Least share of the budgets that whole words fill: the last word seldom fits exactly."""


def examine_selection(
    batch: StoredBatch, units: Units, budget: Budget, max_seq_length: int
) -> Findings:
    """Checks how many units are selected, and samples which."""
    if units.words:
        found = examine_words(batch, budget, max_seq_length)
    else:
        found = examine_tokens(batch, budget, units.special, max_seq_length)
    return found + sample(batch, units, budget, max_seq_length)


def examine_runs(
    batch: StoredBatch, units: Units, budget: Budget, max_seq_length: int, most_words: int
) -> Findings:
    """Checks how many words are selected in runs of up to `most_words`, and samples which."""
    found = examine_words(batch, budget, max_seq_length, most_words)
    return found + sample(batch, units, budget, max_seq_length)


def run_oracles(totals: Mapping[str, int], copies: int, most_words: int, why: str) -> list[Oracle]:
    """Judges how many words are selected in runs, and where; `why` is the budget's reason."""
    used = budgets_used(totals, words=True, why=f"{why}; special tokens count as length")
    return [used, *run_sample_oracles(totals, copies, most_words)]


def selection_oracles(
    totals: Mapping[str, int], copies: int, units: Units, why: str
) -> list[Oracle]:
    """Judges how many units are selected, and which; `why` is the budget's reason."""
    return [
        budgets_used(totals, units.words, f"{why}; special tokens count as length"),
        *sample_oracles(totals, copies, units.words),
        *special_oracles(totals, units.special),
    ]


def budgets_used(totals: Mapping[str, int], words: bool, why: str) -> Oracle:
    """Judges whether budgets are used up: nearly by words, and by single tokens wholly."""
    if words:
        why += f"; whole words seldom fit exactly, and fill at least {percent(_WORDS_FILL)} of it"
    selected, most = totals.get("select.tokens", 0), totals.get("select.most", 0)
    low = totals.get("select.least", 0) * (_WORDS_FILL if words else 1)
    name = "as many tokens are selected as the budgets allow"
    # Half a token, since the sums are whole numbers and their mean is not.
    found = Oracle(name, selected, (low + most) / 2, selected, (most - low) / 2 + 0.5)
    return found.explained(why, "select.tokens")


def examine_lists(batch: StoredBatch) -> Findings:
    """Checks that selected positions ascend and lie inside their rows."""
    return breach("selected positions do not ascend", ~batch.ascending) + breach(
        "a selected position lies outside its row", batch.overrun
    )


def candidates_of(batch: StoredBatch, special: bool) -> Int64:
    """Returns int64[R]: how many tokens of each row may be selected."""
    if special:
        return batch.lengths
    return batch.lengths - batch.special_counts


def examine_tokens(
    batch: StoredBatch,
    budget: Budget,
    special: bool,
    max_seq_length: int,
    lengths: Int64 | None = None,
) -> Findings:
    """Checks that every list has as many tokens as the budget says.

    Args:
      batch: Rows.
      budget: How many tokens a copy may select.
      special: Special tokens may be selected.
      max_seq_length: Of the recipe.
      lengths: int64[R]; what the budget is a share of, if not the lengths of the rows.
    """
    counts = batch.selected_counts
    lengths = batch.lengths if lengths is None else lengths
    least, most = budget.bounds(lengths, max_seq_length)
    most = np.minimum(most, candidates := candidates_of(batch, special))
    least = np.minimum(least, candidates)
    wrong = (counts < least[:, None]) | (counts > most[:, None])
    free = most < candidates
    totals = {
        "select.tokens": int(counts.sum()),
        "select.least": int(least.sum()) * batch.copies,
        "select.most": int(most.sum()) * batch.copies,
        "select.free_tokens": int(counts[free].sum()),
        "select.free_length": int(lengths[free].sum()) * batch.copies,
        "select.free_lists": int(np.count_nonzero(free)) * batch.copies,
    }
    name = "a copy selects another number of tokens than its budget"
    return Findings(totals) + breach(name, any_copy(wrong))


def examine_special(batch: StoredBatch, special: bool) -> Findings:
    """Counts the special tokens selected, or checks that there are none."""
    if not special:
        return breach("a special token is selected", batch.selected_special > 0)
    present = batch.special_counts
    expected = batch.selected_counts.sum(axis=1) * present * _MILLION // batch.lengths
    return Findings(
        {
            "select.special": int(batch.selected_special.sum()),
            "select.special_tokens": int(present.sum()) * batch.copies,
            "select.special_expected_millionths": int(expected.sum()),
        }
    )


def special_oracles(totals: Mapping[str, int], special: bool) -> list[Oracle]:
    """Judges whether special tokens are selected as often as others, if they may be selected.

    This holds for units that are selected one by one. A run reaches the tokens at the borders of a
    row less often than others, and these are the special ones.
    """
    if not special:
        return []
    trials = totals.get("select.special_tokens", 0)
    expected = totals.get("select.special_expected_millionths", 0) / _MILLION
    hits = totals.get("select.special", 0)
    p = expected / max(trials, 1)
    tolerance = deviation(trials, p) / max(trials, 1)
    name = "special tokens are selected as often as others"
    found = Oracle(name, hits / max(trials, 1), p, trials, tolerance, unit="share")
    return [found.explained("the mean over rows of the share that a row selects")]
