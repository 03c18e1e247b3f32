"""Packs pieces of documents into rows by best fit, the longest first."""

import bisect
from collections import deque

import numpy as np

from schemas.records import Int64
from transforms.arrays.ragged import offsets_of


def best_fit(lengths: Int64, capacity: int) -> tuple[Int64, Int64]:
    """Puts each piece, the longest first, into the fullest row that has room for it.

    Pieces of one length are placed together: what one of them does to a row, the next one does to
    the next row. So the loop is over lengths and over amounts of room, and not over pieces.

    Example, lengths [3, 6, 2, 4] and a capacity of 9: the 6 and the 4 open rows with room for 3 and
    5, the 3 goes to the 6, the 2 to the 4, which leaves rows [6 3] and [4 2]:

    >>> order, offsets = best_fit(np.array([3, 6, 2, 4]), 9)
    >>> order.tolist(), offsets.tolist()
    ([1, 0, 3, 2], [0, 2, 4])

    Args:
      lengths: int64[P]; each in [1, capacity].
      capacity: Tokens that fit into a row.

    Returns:
      int64[P], the pieces row after row, and int64[R + 1], the offset at which each row begins.

    Source: Ding et al. 2024, "Fewer Truncations Improve Language Modeling", algorithm 1.
    """
    order = np.argsort(-lengths, kind="stable")
    borders = np.flatnonzero(np.diff(lengths[order], prepend=0, append=0))
    row_of = np.empty(len(lengths), np.int64)
    rooms = _Rooms(capacity)
    for begin, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        size = int(lengths[order[begin]])
        while begin < end:
            rows, each = rooms.take(size, end - begin)
            placed = np.repeat(rows, each)[: end - begin]
            row_of[order[begin : begin + len(placed)]] = placed
            begin += len(placed)
    by_row = order[np.argsort(row_of[order], kind="stable")]
    return by_row, offsets_of(np.bincount(row_of, minlength=rooms.count))


class _Rooms:
    """Rows by the room that is left in them."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._rows: dict[int, deque[Int64]] = {}
        self._amounts: list[int] = []
        self.count = 0

    def take(self, size: int, wanted: int) -> tuple[Int64, int]:
        """Returns rows for some of `wanted` pieces of this size, and how many go into each.

        The last row may get fewer. They are the fullest rows with room for a piece, or new ones.
        """
        at = bisect.bisect_left(self._amounts, size)
        new = at == len(self._amounts)
        room = self._capacity if new else self._amounts[at]
        each = room // size
        needed = -(-wanted // each)
        if new:
            rows = np.arange(self.count, self.count + needed)
            self.count += needed
        else:
            rows = self._pop(room, needed)
        placed = min(wanted, len(rows) * each)
        in_last = placed - (len(rows) - 1) * each
        self._push(room - each * size, rows[:-1])
        self._push(room - in_last * size, rows[-1:])
        return rows, each

    def _pop(self, room: int, most: int) -> Int64:
        """Takes at most so many of the rows with this room, those first that had it first."""
        waiting, found = self._rows[room], []
        while waiting and most:
            rows = waiting.popleft()
            found.append(rows[:most])
            if len(rows) > most:
                waiting.appendleft(rows[most:])
            most -= len(found[-1])
        if not waiting:
            del self._rows[room]
            self._amounts.remove(room)
        return np.concatenate(found)

    def _push(self, room: int, rows: Int64) -> None:
        if room and len(rows):
            if room not in self._rows:
                self._rows[room] = deque()
                bisect.insort(self._amounts, room)
            self._rows[room].append(rows)
