"""Checks of spans of whole words that use up a budget exactly."""

from collections.abc import Mapping

import numpy as np

from transforms.checks.sampling import inner_sample_oracles, sample
from transforms.checks.selection import budgets_used, candidates_of, examine_tokens
from transforms.contract.corrupting import Budget, Units
from transforms.contract.oracle import Findings, Oracle, breach, gather
from transforms.contract.stored import StoredBatch


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


def span_oracles(totals: Mapping[str, int], copies: int, most_words: int, why: str) -> list[Oracle]:
    """Judges how many tokens are selected in spans, and where."""
    used = budgets_used(totals, words=False, why=f"{why}; special tokens do not count as length")
    return [used, *inner_sample_oracles(totals, copies, most_words)]


def _examine_borders(batch: StoredBatch) -> list[Findings]:
    """Checks that runs begin where words do, and end there but for one that the budget cuts."""
    from transforms.kernels.stored_runs import check_borders

    counts, wrong = np.zeros(2, np.int64), np.empty((len(batch), 2), np.bool_)
    rows = batch.rows(batch.special, batch.word_flags)
    check_borders(batch.lists, rows, batch.copies, counts, wrong)
    runs, cut = counts.tolist()
    return [
        Findings({"select.runs": runs, "select.cut_runs": cut}),
        breach("a run begins inside a word", wrong[:, 0]),
        breach("a copy has two runs that end inside a word", wrong[:, 1]),
    ]
