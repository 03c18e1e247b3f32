"""The loop of the checks of units that are selected independently of one another.

Lists are given as in `transforms.kernels.stored_lists`.
"""

import numpy as np

from schemas.records import Array, Bool, Bytes, Int64
from transforms.kernels.bits import longest_row
from transforms.kernels.compiled import compiled
from transforms.kernels.units import find_units

IN_COPIES, NEIGHBOURS = 0, 1
"""What comes together: a unit in two copies, and two neighbours in one copy."""


@compiled
def _count_tokens(positions: Array, unit_of: Int64, hits: Int64) -> None:
    """Adds to the count of each unit how many of its tokens are in a list."""
    for index in range(len(positions)):
        position = np.int64(positions[index])
        if position < len(unit_of) and unit_of[position] >= 0:
            hits[unit_of[position]] += 1


@compiled
def count_units(
    lists: tuple[Array, Int64],
    rows: tuple[Bytes, Int64],
    copies: tuple[int, Int64],
    lengths: Int64,
    pairs: Int64,
    found: tuple[Int64, Int64],
    wrong: Bool,
) -> None:
    """Counts the units that copies select, by their length, and those that come together.

    Example, a row of units of 1, 2 and 1 tokens at positions 1, 2 3 and 4, and two copies with the
    lists [1, 2, 3] and [2, 3]: the first unit is selected once, the second one twice, both copies
    have it, and in the first copy the first two units, which are a pair, are selected together.

    Args:
      lists: Positions and their offsets.
      rows: uint8[T], marks of units, see `transforms.kernels.units`; and int64[R + 1], the offsets
        of rows.
      copies: C, and the numbers of those that are looked at, int64[N].
      lengths: int64[L, 2]; is increased by units, and by those that are selected, by number of
        tokens: the last entry is of all that have L or more.
      pairs: int64[2]; is increased by units that both copies of a pair select (`IN_COPIES`: the
        first two copies, the next two, ...), and by pairs of `NEIGHBOURS` that a copy selects (the
        first two units of all rows, the next two, ...).
      found: int64[R], units of each row, and int64[N, R], how many a copy selects; are filled.
      wrong: bool[R]; is filled: a unit is selected in part.
    """
    positions, offsets = lists
    marks, row_offsets = rows
    total, own = copies
    in_row, selected = found
    most = longest_row(row_offsets)
    candidates, starts = np.empty(most + 1, np.int64), np.empty(most + 1, np.int64)
    unit_of, hits = np.full(most + 1, -1), np.zeros(most + 1, np.int64)
    # The number of the last copy that selected a unit, and whether each copy did the last one.
    last_copy, was_last = np.empty(most + 1, np.int64), np.zeros(len(own), np.bool_)
    count = 0
    for row in range(len(row_offsets) - 1):
        begin, end = row_offsets[row], row_offsets[row + 1]
        _, units = find_units(marks[begin:end], candidates, starts)
        for first in range(units):
            last_copy[first] = -1
            size = starts[first + 1] - starts[first]
            lengths[min(size, len(lengths)) - 1, 0] += 1
            for candidate in range(starts[first], starts[first + 1]):
                unit_of[candidates[candidate]] = first
        partly = False
        for number in range(len(own)):
            at = row * total + own[number]
            here = positions[offsets[at] : offsets[at + 1]]
            of_row = unit_of[: end - begin]
            _count_tokens(here, of_row, hits)
            chosen, before = 0, was_last[number] and units > 0
            was_last[number] &= units == 0
            last = np.int64(-1)
            for index in range(len(here)):
                position = np.int64(here[index])
                unit = of_row[position] if position < len(of_row) else np.int64(-1)
                if unit < 0 or unit == last:
                    continue
                last = unit
                size, hit = starts[unit + 1] - starts[unit], hits[unit]
                # The next copy counts anew. Tokens of a unit stand one after the other in a list.
                hits[unit] = 0
                if hit != size:
                    partly = True
                    continue
                chosen += 1
                lengths[min(size, len(lengths)) - 1, 1] += 1
                if number % 2 == 1:
                    pairs[IN_COPIES] += last_copy[unit] == number - 1
                together = before if unit == 0 else last_copy[unit - 1] == number
                pairs[NEIGHBOURS] += together and (count + unit) % 2 == 1
                last_copy[unit] = number
                was_last[number] |= unit == units - 1
            selected[number, row] = chosen
        for candidate in range(starts[units]):
            unit_of[candidates[candidate]] = -1
        in_row[row], wrong[row] = units, partly
        count += units
