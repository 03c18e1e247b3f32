"""Arrays that grow at their end."""

import numpy as np
import numpy.typing as npt

from transforms.arrays.ragged import Array

_FIRST_ROOM = 1 << 10


class GrowingArray:
    """An array with room at its end, which doubles when it is full.

    >>> growing = GrowingArray(np.int64)
    >>> growing.append(np.array([1, 2]))
    >>> growing.append(np.array([3]))
    >>> growing.values.tolist()
    [1, 2, 3]
    """

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._all: Array = np.empty(_FIRST_ROOM, dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> Array:
        """The values, without a copy: what is appended later does not show."""
        return self._all[: self._size]

    def append(self, values: Array) -> None:
        """Adds values at the end."""
        size = self._size + len(values)
        if size > len(self._all):
            grown = np.empty(max(size, 2 * len(self._all)), self._all.dtype)
            grown[: self._size] = self.values
            self._all = grown
        self._all[self._size : size] = values
        self._size = size
