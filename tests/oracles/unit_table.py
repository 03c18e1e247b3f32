"""The units of a batch, as an array for each of their properties."""

import dataclasses

import numpy as np

from schemas.records import Bytes, Int64
from transforms.arrays.ragged import offsets_of


@dataclasses.dataclass(frozen=True, eq=False)
class UnitTable:
    """The units of a batch of examples: what is selected as a whole.

    Example: one row `[CLS] un ##happy cat [SEP]`, whole words. `candidates` are [1, 2, 3],
    `starts` are [0, 2] and `lengths` are [2, 1]; `counts` is [2].

    Attributes:
      candidates: int64[M]; flat positions of the tokens that may be selected, ascending.
      starts: int64[U]; index into `candidates` of each unit's first token.
      lengths: int64[U]; tokens of each unit.
      counts: int64[R]; units of each row.
    """

    candidates: Int64
    starts: Int64
    lengths: Int64
    counts: Int64

    @staticmethod
    def of(marks: Bytes, offsets: Int64) -> "UnitTable":
        """Returns the units that marks denote, see `transforms.contract.corrupting.Units`.

        Args:
          marks: uint8[T].
          offsets: int64[R + 1] of the rows.
        """
        candidates = np.flatnonzero(marks)
        counts = np.diff(offsets_of(marks > 0)[offsets])
        begins = marks[candidates] > 1
        begins[offsets_of(counts)[:-1][counts > 0]] = True
        starts = np.flatnonzero(begins)
        lengths = np.diff(np.append(starts, len(candidates)))
        in_row = np.diff(offsets_of(begins)[offsets_of(counts)])
        return UnitTable(candidates, starts, lengths, in_row)
