"""The loops of the checks of permuted targets, see `transforms.kernels.compiled`."""

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.kernels.compiled import compiled


@compiled
def count_targets(
    lists: tuple[Array, Int64],
    rows: tuple[Bool, Int64],
    copies: int,
    border: int,
    found: tuple[Int64, Int64],
) -> None:
    """Counts what each half of each row and copy has a rank for.

    Args:
      lists: uint16[P] positions, and int64[R * C + 1]: where those of each row and copy begin.
      rows: bool[T], special tokens, and int64[R + 1], the offsets of rows.
      copies: C.
      border: Where the second half of rows begins; 0 for rows without halves.
      found: int64[R * C, 2] twice; are filled with targets and special tokens of the halves.
    """
    positions, offsets = lists
    special, row_offsets = rows
    targets, specials = found
    for number in range(len(offsets) - 1):
        begin, end = row_offsets[number // copies], row_offsets[number // copies + 1]
        for index in range(offsets[number], offsets[number + 1]):
            half = int(border > 0 and positions[index] >= border)
            at = begin + positions[index]
            if at < end and special[at]:
                specials[number, half] += 1
            else:
                targets[number, half] += 1


@compiled
def _is_order(ranks: Array, seen: Int64, mark: int) -> bool:
    """Returns whether ranks are 0, 1, 2, ... in some order; `seen` is marked there."""
    for rank in ranks:
        if rank >= len(ranks) or seen[rank] == mark:
            return False
        seen[rank] = mark
    return True


@compiled
def _block_of(position: int, base: int, block: int) -> np.int64:
    return (np.int64(position) - base) // block


@compiled
def _in_blocks(positions: Array, ranks: Array, base: int, block: int) -> bool:
    """Returns whether no token has a lower rank than the one before it, of an earlier block."""
    for index in range(1, len(positions)):
        if ranks[index - 1] > ranks[index]:
            one = _block_of(positions[index - 1], base, block)
            if one < _block_of(positions[index], base, block):
                return False
    return True


@compiled
def check_ranks(
    lists: tuple[Array, Array, Int64], border: int, block: int, wrong: Bool, counts: Int64
) -> None:
    """Checks that the ranks of a half are 0, 1, 2, ... in some order, block after block.

    Args:
      lists: uint16[P] positions, uint16[P] ranks, and where those of each row and copy begin.
      border: Where the second half of rows begins; 0 for rows without halves.
      block: Tokens of a block; at least those of a half where all of it is permuted.
      wrong: bool[R * C, 2]; is set where ranks are no order, and where blocks are out of order.
      counts: int64[2]; is increased by the halves whose first and last token are of one block, and
        by those of them that rank the first before the last.
    """
    positions, ranks, offsets = lists
    seen = np.zeros(1 << 16, np.int64)
    mark = 0
    for number in range(len(offsets) - 1):
        low, end = offsets[number], offsets[number + 1]
        for half in range(2):
            high = end
            if half == 0 and border > 0:
                high = low
                while high < end and positions[high] < border:
                    high += 1
            base = border if half else 0
            mark += 1
            own = positions[low:high], ranks[low:high]
            wrong[number, 0] |= not _is_order(own[1], seen, mark)
            whole = high == low or _block_of(positions[high - 1], base, block) == 0
            wrong[number, 1] |= not (whole or _in_blocks(own[0], own[1], base, block))
            if high - low > 1:
                one = _block_of(positions[low], base, block)
                if whole or one == _block_of(positions[high - 1], base, block):
                    counts[0] += 1
                    counts[1] += ranks[low] < ranks[high - 1]
            low = high
