"""The loop of the statistics of a sample of rows, see `transforms.checks.sampling`.

Lists are given as in `transforms.kernels.stored_lists`.
"""

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.kernels.compiled import compiled
from transforms.kernels.draws import STEP, mixed
from transforms.kernels.stored_words import number_words

PARTS = 8
MILLION = 1_000_000
WORD_LENGTHS = 4


@compiled
def _place_units(
    special: Bool, starts: Bool, of_words: bool, second: int, skip: int, place: Int64, sizes: Int64
) -> int:
    """Finds the units of a row that have `skip` others before them in their segment.

    Args:
      special: bool[L]; tokens that are in no unit.
      starts: bool[L]; where words begin.
      of_words: Units are words; else each is a token.
      second: Where the second segment begins.
      skip: Units at the beginning of every segment that are left out.
      place: int64[L]; is filled with the number of the unit that begins at a token, or -1.
      sizes: int64[at least L]; is filled with the units' numbers of tokens.

    Returns:
      How many units there are.
    """
    if of_words:
        number_words(special, starts, place, sizes)
    word, before, kept = np.int64(-1), 0, 0
    for token in range(len(special)):
        if token == second:
            before = 0
        begins = not special[token]
        size = np.int64(1)
        if of_words:
            begins = place[token] > word
            word = max(word, place[token])
            if begins:
                size = sizes[word]
        place[token] = -1
        if begins:
            if before >= skip:
                place[token] = kept
                # It is not behind the word that is looked at, so no size that is needed is lost.
                sizes[kept] = size
                kept += 1
            before += 1
    return kept


@compiled
def _count_copy(positions: Array, place: Int64, often: Int64) -> tuple[np.int64, np.uint64]:
    """Counts the units that a copy selects; returns how many, and a key that equal copies share."""
    chosen, key = np.int64(0), np.uint64(0)
    for index in range(len(positions)):
        position = np.int64(positions[index])
        if position < len(place) and place[position] >= 0:
            unit = place[position]
            often[unit] += 1
            chosen += 1
            # A random number a unit; copies of the same units have the same sum.
            key += mixed(np.uint64(unit + 1) * STEP)
    return chosen, key


@compiled
def _count_eighths(often: Int64, eighths: Int64) -> None:
    """Counts selected units by eighths of their row, all equally large; the rest is left out."""
    size = len(often) // PARTS
    for part in range(PARTS):
        for unit in range(part * size, (part + 1) * size):
            eighths[part] += often[unit]


@compiled
def _count_equal(keys: Array) -> int:
    """Counts the copies that are equal to an earlier one."""
    equal = 0
    for copy in range(len(keys)):
        for other in range(copy):
            if keys[other] == keys[copy]:
                equal += 1
                break
    return equal


@compiled
def _count_lengths(often: Int64, sizes: Int64, lengths: Int64) -> None:
    """Counts words, their tokens, and words of 1 to 4 tokens; and those that are selected."""
    for word in range(len(often)):
        size = sizes[word]
        lengths[0, 0] += 1
        lengths[0, 1] += size
        if size <= WORD_LENGTHS:
            lengths[0, 1 + size] += 1
            lengths[1, 1 + size] += often[word]


@compiled
def sample_rows(
    lists: tuple[Array, Int64],
    rows: tuple[Bool, Bool, Int64, Int64, Bool],
    copies: int,
    step: int,
    units: tuple[bool, int, int, int],
    found: tuple[Int64, Int64, Int64],
) -> int:
    """Counts in every so many rows where units are selected, how long they are, and overlaps.

    Example, a row of 8 units and copies that select units 0 1 and 1 2: the first eighths have 1, 2
    and 1; both copies have a unit in common, where 2 * 2 / 8 are expected.

    Args:
      lists: Positions and their offsets.
      rows: bool[T], tokens that are in no unit; bool[T], word starts; int64[R + 1], the offsets of
        rows; int64[R], where their second segments begin; bool[R], rows of a large budget.
      copies: C.
      step: The first of so many rows is looked at.
      units: Whether they are words; how many at the beginning of a segment are left out; and how
        many a copy must choose of how many at least, so that it is hardly ever equal to another.
      found: int64[8], selected units by eighths of their rows; int64[4], pairs of copies that have
        a unit in common, how many would by chance in millionths, large rows, and copies of them
        that are equal to another; int64[2, 6], of words in rows of large budgets: all and selected
        words, their tokens, and words of 1 to 4 tokens.

    Returns:
      How many units there are.
    """
    positions, offsets = lists
    special, starts, row_offsets, seconds, large = rows
    of_words, skip, many_chosen, many = units
    eighths, overlaps, lengths = found
    longest, total = 0, 0
    for row in range(0, len(row_offsets) - 1, step):
        longest = max(longest, row_offsets[row + 1] - row_offsets[row])
    places, sizes = np.empty(longest, np.int64), np.empty(longest, np.int64)
    counts, keys = np.empty(longest, np.int64), np.empty(copies, np.uint64)
    for row in range(0, len(row_offsets) - 1, step):
        begin, end = row_offsets[row], row_offsets[row + 1]
        place = places[: end - begin]
        count = _place_units(
            special[begin:end], starts[begin:end], of_words, seconds[row], skip, place, sizes
        )
        if not count:
            continue
        total += count
        often = counts[:count]
        often[:] = 0
        all_chosen, squares, fewest = np.int64(0), np.int64(0), np.int64(count)
        for copy in range(copies):
            low, high = offsets[row * copies + copy], offsets[row * copies + copy + 1]
            chosen, keys[copy] = _count_copy(positions[low:high], place, often)
            all_chosen += chosen
            squares += chosen * chosen
            fewest = min(fewest, chosen)
        _count_eighths(often, eighths)
        for unit in range(count):
            overlaps[0] += often[unit] * (often[unit] - 1) // 2
        overlaps[1] += (all_chosen * all_chosen - squares) // 2 * MILLION // count
        if fewest >= many_chosen and count >= many:
            overlaps[2] += 1
            overlaps[3] += _count_equal(keys)
        if of_words and large[row]:
            _count_lengths(often, sizes, lengths)
    return total
