"""Statistics that look at every token of every copy, of a sample of the rows."""

from collections.abc import Mapping

import numpy as np

from transforms.arrays.ragged import read_only
from transforms.contract.corrupting import Budget, Units
from transforms.contract.oracle import (
    Findings,
    Oracle,
    at_most,
    deviation,
    percent,
    spread,
    uniformity,
)
from transforms.contract.stored import StoredBatch

_SAMPLE_TOKENS = 1 << 13
"""About so many tokens of every batch are in the sample."""
_PARTS = 8
_WORD_LENGTHS = 4
_LARGE_BUDGET = 16
_MILLION = 1_000_000
_EDGE = 0.1
"""How much less than its share an eighth of a row may be selected where runs are."""
_MANY_CHOSEN, _MANY, _EQUAL = 10, 40, 1e-8
"""Two copies that choose at least 10 of at least 40 units are equal less often than 1e-8."""
_MANY_SPANS = 4
"""So are copies of at least so many spans: 4! / 40**4 places, and lengths of chance besides."""
_COMMON = 0.15
"""How much more than by chance copies of spans have in common: words of many tokens, and those to
their right, are selected more often than others."""
_INNER = 0.02
"""How unevenly the inner parts of segments may be selected where there are spans."""


def sample(
    batch: StoredBatch, units: Units, budget: Budget, max_seq_length: int, skip: int = 0
) -> Findings:
    """Counts in a sample of the rows where units are selected, how long they are, and overlaps.

    Args:
      batch: Rows.
      units: What is selected as a whole.
      budget: How many tokens a copy may select.
      max_seq_length: Of the recipe.
      skip: Units at the beginning of every segment that are left out, since spans that go to the
        right reach them less often than others.
    """
    from transforms.kernels.stored_sample import sample_rows

    step = max(len(batch.ids) // _SAMPLE_TOKENS, 1)
    copies, chosen_least = batch.copies, _MANY_SPANS * (skip + 1) if skip else _MANY_CHOSEN
    special = np.zeros_like(batch.special) if units.special else batch.special
    large = budget.bounds(batch.lengths, max_seq_length)[0] >= _LARGE_BUDGET
    eighths, overlaps = np.zeros(_PARTS, np.int64), np.zeros(4, np.int64)
    lengths = np.zeros((2, 2 + _WORD_LENGTHS), np.int64)
    found = sample_rows(
        batch.lists,
        (
            *batch.rows(special, batch.word_flags if units.words else special),
            read_only(batch.second_segment_start),
            read_only(large),
        ),
        copies,
        step,
        (units.words, skip, chosen_least, _MANY),
        (eighths, overlaps, lengths),
    )
    if not found:
        return Findings()
    counts = {f"select.eighth_{n + 1}": hits for n, hits in enumerate(eighths.tolist())}
    common, expected, rows, equal = overlaps.tolist()
    counts["select.common"] = common
    counts["select.common_expected_millionths"] = expected
    counts["select.large_pairs"] = rows * copies * (copies - 1) // 2
    counts["select.equal_copies"] = equal
    if units.words:
        words, tokens, *of_length = (copies * lengths[0]).tolist()
        counts["select.words"], counts["select.words_tokens"] = words, tokens
        for number, count in enumerate(of_length):
            counts[f"select.words_of_{number + 1}"] = count
            counts[f"select.selected_words_of_{number + 1}"] = int(lengths[1, 2 + number])
    return Findings(counts)


def sample_oracles(totals: Mapping[str, int], copies: int, words: bool) -> list[Oracle]:
    """Judges what `sample` counted.

    Words have some slack: a long one is selected a little less often than a short one, so
    selections are not quite uniform.
    """
    eighths = [totals.get(f"select.eighth_{n + 1}", 0) for n in range(_PARTS)]
    even = uniformity(
        "all parts of a row are selected alike", eighths, [1] * _PARTS, 0.01 if words else 0.0
    )
    found = [even.explained("an eighth of the row each", "select.eighth")]
    if words:
        found.extend(_word_lengths(totals))
    if copies > 1:
        found.append(_independence(totals, copies, 0.05 if words else 0.0))
        found.append(_equal_copies(totals))
    return found


def run_sample_oracles(totals: Mapping[str, int], copies: int, most_words: int) -> list[Oracle]:
    """Judges what `sample` counted where runs of words are selected.

    The first words of a row are in fewer runs than others, which costs its first eighth up to
    `_EDGE`. The words of a run come together, so what two copies have in common comes in lumps of
    up to `most_words`, and deviates by that much more.
    """
    eighths = [totals.get(f"select.eighth_{n + 1}", 0) for n in range(_PARTS)]
    name = "all parts of a row are selected alike, but for its ends"
    even = uniformity(name, eighths, [1] * _PARTS, _EDGE)
    why = "the first words of a row are in fewer runs than others"
    found = [even.explained(why, "select.eighth")]
    if copies > 1:
        found.append(_independence(totals, copies, 0.05, lumps=most_words))
        found.append(_equal_copies(totals))
    return found


def inner_sample_oracles(totals: Mapping[str, int], copies: int, most_words: int) -> list[Oracle]:
    """Judges what `sample` counted behind the first words of segments, where spans are selected.

    The words of a span come together, so both counts come in lumps of up to `most_words`.
    """
    eighths = [totals.get(f"select.eighth_{n + 1}", 0) for n in range(_PARTS)]
    lumps = [count // most_words for count in eighths]
    name = "all parts of a segment are selected alike, but for its beginning"
    even = uniformity(name, lumps, [1] * _PARTS, _INNER)
    why = f"the words of a span come together, up to {most_words} at once"
    found = [even.explained(why, "select.eighth")]
    if copies > 1:
        found.append(_independence(totals, copies, _COMMON, lumps=most_words))
        found.append(_equal_copies(totals))
    return found


def _equal_copies(totals: Mapping[str, int]) -> Oracle:
    pairs, equal = totals.get("select.large_pairs", 0), totals.get("select.equal_copies", 0)
    found = at_most("two copies of a row are equal", equal, pairs, _EQUAL)
    return found.explained("of rows with many selected tokens", "select.equal_copies")


def _independence(totals: Mapping[str, int], copies: int, slack: float, lumps: int = 1) -> Oracle:
    """Compares what two copies have in common with what chance gives.

    The pairs of C copies fall into C - 1 rounds in which every copy has one partner, so the sum
    deviates from the expected one by at most C - 1 times as much as the sum of a round may.
    """
    rounds = copies - 1 + copies % 2
    expected = totals.get("select.common_expected_millionths", 0) / _MILLION
    tolerance = rounds * lumps * spread(expected / rounds / lumps)
    observed = totals.get("select.common", 0)
    name = "copies have as much in common as chance gives"
    found = Oracle(name, observed, expected, int(expected), tolerance + slack * expected)
    return found.explained(
        "tokens that two copies of a row both select, as many as two independent draws share",
        "select.common",
    )


def _word_lengths(totals: Mapping[str, int]) -> list[Oracle]:
    """Judges whether long words are selected nearly as often as words of one token.

    A word of n tokens is passed over only where fewer than n are left of the budget. While j are
    left, a word that fits comes once in 1 / s(j) words, where s(j) is the share of words of at most
    j tokens; a budget of B or more takes at least B / m words of m tokens in the mean. So, against
    words of one token, a word of n tokens misses at most m / B * sum(1 / s(j), j < n) of its turns.
    """
    words, single = totals.get("select.words", 0), totals.get("select.words_of_1", 0)
    if not single:
        return []
    hits = totals.get("select.selected_words_of_1", 0)
    noise = deviation(single, hits / single)
    mean = totals["select.words_tokens"] / words
    found, shorter, missed = [], 0, 0.0
    for length in range(2, _WORD_LENGTHS + 1):
        shorter += totals[f"select.words_of_{length - 1}"]
        missed += mean / _LARGE_BUDGET * words / shorter
        trials = totals[f"select.words_of_{length}"]
        if not trials:
            continue
        high = (hits + noise) / single
        low = max(hits - noise, 0) / single * max(1 - missed, 0)
        observed = totals[f"select.selected_words_of_{length}"] / trials
        tolerance = (high - low) / 2 + deviation(trials, min(high, 0.5)) / trials
        name = f"words of {length} tokens are selected nearly as often as those of one"
        judged = Oracle(name, observed, (high + low) / 2, trials, tolerance, unit="share")
        found.append(
            judged.explained(
                f"{percent(hits / single)} of the words of one token are selected; a longer one is "
                "passed over where too little of the budget is left",
                f"select.selected_words_of_{length}",
            )
        )
    return found
