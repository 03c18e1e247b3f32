"""Checks of spans of whole words that use up a budget exactly."""

from collections.abc import Mapping

import numpy as np

from schemas.records import Bool
from transforms.checks.sampling import inner_sample_oracles, sample
from transforms.checks.selection import budgets_used, candidates_of, examine_tokens
from transforms.contract.axes import Budget, Units
from transforms.contract.oracle import Findings, Oracle, breach, gather
from transforms.contract.stored import StoredBatch, any_copy


def examine_spans(
    batch: StoredBatch, units: Units, budget: Budget, max_seq_length: int, most_words: int
) -> Findings:
    """Checks how many tokens are selected and that runs are of whole words, and samples which."""
    text = candidates_of(batch, units.special)
    found = [examine_tokens(batch, budget, units.special, max_seq_length, text)]
    if units.words:
        found.extend(_examine_borders(batch))
    found.append(sample(batch, units, budget, max_seq_length, skip=most_words - 1))
    return gather(found)


def span_oracles(totals: Mapping[str, int], copies: int, most_words: int) -> list[Oracle]:
    """Judges how many tokens are selected in spans, and where."""
    return [budgets_used(totals, words=False), *inner_sample_oracles(totals, copies, most_words)]


def _examine_borders(batch: StoredBatch) -> list[Findings]:
    """Checks that runs begin where words do, and end there but for one that the budget cuts."""
    continues = continuations(batch)
    begins, ends = batch.run_borders
    inside = begins[:-1] & continues[batch.flat]
    after = np.append(continues, np.False_)
    cut = ends & after[batch.flat + 1]
    counted = np.concatenate([[0], np.cumsum(cut)])[batch.selected.offsets]
    cuts = np.diff(counted).reshape(-1, batch.copies)
    return [
        Findings({"select.runs": int(np.count_nonzero(ends)), "select.cut_runs": int(cuts.sum())}),
        breach("a run begins inside a word", batch.rows_with(np.flatnonzero(inside))),
        breach("a copy has two runs that end inside a word", any_copy(cuts > 1)),
    ]


def continuations(batch: StoredBatch) -> Bool:
    """Returns bool[T]: the token continues the word of the token right before it."""
    found: Bool = ~(batch.word_flags | batch.special)
    found[1:] &= ~batch.special[:-1]
    found[batch.offsets[:-1]] = False
    return found
