"""Statistics that look at every token of every copy, of a sample of the rows."""

from collections.abc import Mapping

import numpy as np

from schemas.records import Bool, Int64
from transforms.arrays.ragged import offsets_of, positions_in_row
from transforms.arrays.randomness import rng_for
from transforms.checks.words import selection_matrix, word_units
from transforms.contract.axes import Budget, Units
from transforms.contract.oracle import Findings, Oracle, at_most, deviation, spread, uniformity
from transforms.contract.stored import StoredBatch, take_stored_rows

_SAMPLE_TOKENS = 1 << 13
"""About so many tokens of every batch are in the sample."""
_PARTS = 8
_WORD_LENGTHS = 4
_LARGE_BUDGET = 16
_MILLION = 1_000_000
_KEYS = 1 << 63
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
    some = take_stored_rows(
        batch, np.arange(0, len(batch), max(len(batch.ids) // _SAMPLE_TOKENS, 1))
    )
    if units.words:
        starts, sizes = word_units(some)
    else:
        starts = np.arange(len(some.ids)) if units.special else np.flatnonzero(~some.special)
        sizes = np.ones(len(starts), np.int64)
    if not len(starts):
        return Findings()
    if skip:
        inner = _behind_the_first(some, starts, skip)
        starts, sizes = starts[inner], sizes[inner]
        if not len(starts):
            return Findings()
    row = np.searchsorted(some.offsets, starts, "right") - 1
    in_row = np.bincount(row, minlength=len(some))
    chosen = selection_matrix(some)[:, starts]
    counts = _where(chosen, row, in_row)
    counts |= _overlaps(chosen, in_row, _MANY_SPANS * (skip + 1) if skip else _MANY_CHOSEN)
    if units.words:
        large = (budget.bounds(some.lengths, max_seq_length)[0] >= _LARGE_BUDGET)[row]
        counts["select.words"] = int(np.count_nonzero(large)) * some.copies
        counts["select.words_tokens"] = int(sizes[large].sum()) * some.copies
        for length in range(1, _WORD_LENGTHS + 1):
            these = large & (sizes == length)
            counts[f"select.words_of_{length}"] = int(np.count_nonzero(these)) * some.copies
            counts[f"select.selected_words_of_{length}"] = int(np.count_nonzero(chosen[:, these]))
    return Findings(counts)


def _behind_the_first(batch: StoredBatch, starts: Int64, skip: int) -> Bool:
    """Finds the units that have `skip` others before them in their segment."""
    row = np.searchsorted(batch.offsets, starts, "right") - 1
    second = starts >= (batch.offsets[:-1] + batch.second_segment_start)[row]
    _, counts = np.unique(2 * row + second, return_counts=True)
    return positions_in_row(counts) >= skip


def _where(chosen: Bool, row: Int64, in_row: Int64) -> dict[str, int]:
    """Counts selected units by eighths of their rows, all equally large; the rest is left out."""
    size = in_row // _PARTS
    part = positions_in_row(in_row) // np.maximum(size, 1)[row]
    part[(part >= _PARTS) | (size[row] == 0)] = _PARTS
    hits = np.bincount(part, weights=chosen.sum(axis=0), minlength=_PARTS)
    return {f"select.eighth_{n + 1}": int(hits[n]) for n in range(_PARTS)}


def _overlaps(chosen: Bool, in_row: Int64, many: int) -> dict[str, int]:
    """Counts what every two copies have in common, what they would by chance, and equal copies.

    Copies are equal where a random number a unit gives them the same sum.

    Args:
      chosen: bool[C, U].
      in_row: int64[R]; units of each row.
      many: A copy that chooses so many of `_MANY` is hardly ever equal to another.
    """
    copies = len(chosen)
    in_row = in_row[in_row > 0]
    borders = offsets_of(in_row)[:-1]
    often = chosen.sum(axis=0)
    sizes = np.add.reduceat(chosen, borders, axis=1, dtype=np.int64)
    products = (sizes.sum(axis=0) ** 2 - (sizes**2).sum(axis=0)) // 2
    large = (sizes.min(axis=0) >= many) & (in_row >= _MANY)
    keys = rng_for(0, "equal copies").integers(0, _KEYS, chosen.shape[1], np.uint64)
    sums = np.sort(np.add.reduceat(np.where(chosen, keys, 0), borders, axis=1)[:, large], axis=0)
    return {
        "select.common": int((often * (often - 1) // 2).sum()),
        "select.common_expected_millionths": int((products * _MILLION // in_row).sum()),
        "select.large_pairs": int(np.count_nonzero(large)) * copies * (copies - 1) // 2,
        "select.equal_copies": int(np.count_nonzero(sums[1:] == sums[:-1])),
    }


def sample_oracles(totals: Mapping[str, int], copies: int, words: bool) -> list[Oracle]:
    """Judges what `sample` counted.

    Words have some slack: a long one is selected a little less often than a short one, so
    selections are not quite uniform.
    """
    eighths = [totals.get(f"select.eighth_{n + 1}", 0) for n in range(_PARTS)]
    found = [
        uniformity(
            "all parts of a row are selected alike", eighths, [1] * _PARTS, 0.01 if words else 0.0
        )
    ]
    if words:
        found.extend(_word_lengths(totals))
    if copies > 1:
        found.append(_independence(totals, copies, 0.05 if words else 0.0))
        pairs, equal = totals.get("select.large_pairs", 0), totals.get("select.equal_copies", 0)
        found.append(at_most("two copies of a row are equal", equal, pairs, _EQUAL))
    return found


def run_sample_oracles(totals: Mapping[str, int], copies: int, most_words: int) -> list[Oracle]:
    """Judges what `sample` counted where runs of words are selected.

    The first words of a row are in fewer runs than others, which costs its first eighth up to
    `_EDGE`. The words of a run come together, so what two copies have in common comes in lumps of
    up to `most_words`, and deviates by that much more.
    """
    eighths = [totals.get(f"select.eighth_{n + 1}", 0) for n in range(_PARTS)]
    name = "all parts of a row are selected alike, but for its ends"
    found = [uniformity(name, eighths, [1] * _PARTS, _EDGE)]
    if copies > 1:
        found.append(_independence(totals, copies, 0.05, lumps=most_words))
        pairs, equal = totals.get("select.large_pairs", 0), totals.get("select.equal_copies", 0)
        found.append(at_most("two copies of a row are equal", equal, pairs, _EQUAL))
    return found


def inner_sample_oracles(totals: Mapping[str, int], copies: int, most_words: int) -> list[Oracle]:
    """Judges what `sample` counted behind the first words of segments, where spans are selected.

    The words of a span come together, so both counts come in lumps of up to `most_words`.
    """
    eighths = [totals.get(f"select.eighth_{n + 1}", 0) for n in range(_PARTS)]
    lumps = [count // most_words for count in eighths]
    name = "all parts of a segment are selected alike, but for its beginning"
    found = [uniformity(name, lumps, [1] * _PARTS, _INNER)]
    if copies > 1:
        found.append(_independence(totals, copies, _COMMON, lumps=most_words))
        pairs, equal = totals.get("select.large_pairs", 0), totals.get("select.equal_copies", 0)
        found.append(at_most("two copies of a row are equal", equal, pairs, _EQUAL))
    return found


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
    return Oracle(name, observed, expected, int(expected), tolerance + slack * expected)


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
        found.append(Oracle(name, observed, (high + low) / 2, trials, tolerance))
    return found
