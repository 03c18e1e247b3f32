"""The units of a batch: what is selected as a whole."""

import dataclasses
import functools

import numpy as np

from schemas.records import Int64
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.arrays.spans import Spans, spans_of_units


@dataclasses.dataclass(frozen=True, eq=False)
class UnitTable:
    """The units of a batch of examples: what is selected as a whole.

    Example: one row `[CLS] un ##happy cat [SEP]`, whole words. `candidates` are [1, 2, 3],
    `starts` are [0, 2] and `lengths` are [2, 1]; `counts` is [2].

    Attributes:
      candidates: int64[M]; flat positions of the tokens that may be selected, ascending.
      starts: int64[U]; index into `candidates` of each unit's first token.
      lengths: int64[U]; tokens of each unit, or None where all have one.
      counts: int64[R]; units of each row.
    """

    candidates: Int64
    starts: Int64
    lengths: Int64 | None
    counts: Int64

    @functools.cached_property
    def row_offsets(self) -> Int64:
        """int64[R + 1]; index into `candidates` where each row begins."""
        return np.append(self.starts, len(self.candidates))[offsets_of(self.counts)]

    @functools.cached_property
    def stretches(self) -> Int64:
        """int64[P + 1]; index into `candidates` where uninterrupted stretches begin.

        A stretch ends with its row, and at every token that may not be selected.
        """
        begins = np.ones(len(self.candidates) + 1, np.bool_)
        begins[1:-1] = self.candidates[1:] != self.candidates[:-1] + 1
        begins[self.row_offsets] = True
        return np.flatnonzero(begins)

    @functools.cached_property
    def unit_of(self) -> Int64:
        """int64[M]; the unit that each candidate belongs to."""
        if self.lengths is None:
            return np.arange(len(self.candidates))
        return np.repeat(np.arange(len(self.starts)), self.lengths)

    def spans(self, selected: Int64) -> Spans:
        """Returns the spans of some units, given by ascending index."""
        if self.lengths is None:
            positions = self.candidates[selected]
            return Spans(positions, positions + 1)
        starts, lengths = self.starts[selected], self.lengths[selected]
        spans = Spans(self.candidates[starts], self.candidates[starts + lengths - 1] + 1)
        if np.array_equal(spans.ends - spans.starts, lengths):
            return spans
        return spans_of_units(self.candidates[range_indices(starts, lengths)], lengths)
