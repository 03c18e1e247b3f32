"""What all ways of packing have in common."""

from typing import ClassVar

import numpy as np

from schemas.records import Int64
from transforms.arrays.ragged import read_only
from transforms.contract.part import Part


class Packer(Part):
    """A way of packing; see `transforms.contract.packing.Segment`. By itself: no streams."""

    for_pairs: ClassVar[bool] = False
    dialogue: ClassVar[bool] = False
    of_streams: ClassVar[bool] = False
    of_words: ClassVar[bool] = False
    label_kinds: ClassVar[frozenset[str]] = frozenset()
    texts: ClassVar[frozenset[int]] = frozenset()

    @property
    def streams(self) -> int:
        return 0

    @property
    def predicted_only(self) -> int:
        return 0

    def reused(self, capacity: int) -> int:
        return 0


def window_ends(offsets: Int64, targets: Int64) -> Int64:
    """Returns int64[S]: for each item the first border that has its target or more before it.

    >>> window_ends(np.array([0, 3, 7, 9]), np.array([5, 5, 2])).tolist()
    [2, 3, 3]

    Args:
      offsets: int64[S + 1]; where items begin.
      targets: int64[S]; tokens from the item on. Where there are fewer, the border is S + 1.
    """
    from transforms.kernels.windows import find_ends

    ends = np.empty(len(targets), np.int64)
    find_ends(read_only(offsets), read_only(targets), ends)
    return ends
