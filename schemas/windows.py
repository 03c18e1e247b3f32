"""Windows of the tokens of a shard, and the rows made of them: flat arrays, never written."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from schemas.records import Bool, Bytes, Int64, Labels, TokenColumns, Tokens


@dataclasses.dataclass(frozen=True, eq=False)
class Packing:
    """For every item (sentence) the window that would begin there, before pairs are drawn.

    Attributes:
      tokens: The items; `tokens.sentence_offsets` are the items' token offsets.
      ends: int64[S]; the window that begins at item i is items [i, ends[i]).
      targets: int64[S]; the length in tokens that a window beginning at item i aims at.
      least: Windows of fewer tokens are dropped.
    """

    tokens: Tokens
    ends: Int64
    targets: Int64
    least: int = 1


@dataclasses.dataclass(frozen=True, eq=False)
class StreamPacking:
    """The windows of streams, which packing alone determines.

    Attributes:
      tokens: What the windows are ranges of.
      windows: int64[W, 2]; half-open token ranges. Windows may overlap.
      stream: int64[W]; the number of the stream of each window; None if windows are no stream.
      borders: int64[S + 1]; stream s is the tokens [borders[s], borders[s + 1]).
      reuse_len: Tokens at the begin of a window that belong to no segment yet.
      drawn: Counts of what windows do not show, as in `Windows`.
      left_out: Windows that are too short to be rows.
    """

    tokens: Tokens
    windows: Int64
    stream: Int64 | None = None
    borders: Int64 = dataclasses.field(default_factory=lambda: np.zeros(1, np.int64))
    reuse_len: int = 0
    drawn: Mapping[str, int] = dataclasses.field(default_factory=dict)
    left_out: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class RecordPacking:
    """The windows of labelled records.

    Attributes:
      tokens: What the windows are ranges of.
      first: int64[W, 2]; half-open token range of the first text.
      second: int64[W, 2]; the same of the second text; None if records have one text.
      record: int64[W]; the number of each window's record among those that have tokens.
      labels: Of these records.
      cut: bool[W]; the window lacks tokens of its record.
      drawn: Counts of what windows do not show, as in `Windows`.
      left_out: Records that make no window.
    """

    tokens: Tokens
    first: Int64
    second: Int64 | None
    record: Int64
    labels: Labels
    cut: Bool
    drawn: Mapping[str, int] = dataclasses.field(default_factory=dict)
    left_out: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """Token ranges of one or two segments a window.

    Attributes:
      tokens: Where the ranges point to.
      first: int64[W, 2]; half-open token range of segment A.
      second: int64[W, 2]; the same of segment B, or None for single segments.
      relation: uint8[W]; index into the pairing's relations, or None.
      drawn: What the windows do not show: how often a relation was drawn in each case, see
        `transforms.checks.pairs.drawn_pairs`.
      stream: int64[W]; number of the stream in the pass, or None.
      backward: bool[W]; its tokens are in reversed order. None if those of no window are.
      reuse_len: As that of `Examples`.
      left_out: Windows that are too short to be rows.
      values: What else is stored of rows, [W] each, by column; see
        `transforms.contract.predicting.PredictLabels`.
    """

    tokens: Tokens
    first: Int64
    second: Int64 | None = None
    relation: Bytes | None = None
    drawn: Mapping[str, int] = dataclasses.field(default_factory=dict)
    stream: Int64 | None = None
    backward: Bool | None = None
    reuse_len: int = 0
    left_out: int = 0
    values: Mapping[str, pa.Array] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class Examples(TokenColumns):
    """Laid-out sequences, row after row, not corrupted yet. `special` is always known.

    Attributes:
      offsets: int64[R + 1].
      second_segment_start: int64[R]; the row's length where there is no second segment.
      relation: uint8[R] or None.
      stream: int64[R]; number of the stream in the shard, or None.
      backward: bool[R]; the row's tokens are in reversed order. None if those of no row are.
      reuse_len: Tokens at the begin of each row that are its first half; 0 without halves.
      left_out: Rows that there would be, but that they have no text, or too little of it, or less
        than labels ask for.
      drawn: As that of `Windows`, of the rows that were left out too.
      values: As those of `Windows`.
    """

    offsets: Int64
    second_segment_start: Int64
    special: Bool = dataclasses.field(kw_only=True)
    relation: Bytes | None = None
    stream: Int64 | None = None
    backward: Bool | None = None
    reuse_len: int = 0
    left_out: int = 0
    drawn: Mapping[str, int] = dataclasses.field(default_factory=dict)
    values: Mapping[str, pa.Array] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def slice(self, begin: int, end: int) -> "Examples":
        """Returns rows [begin, end) as views."""
        low, high = self.offsets[begin], self.offsets[end]
        return Examples(
            **self.take(slice(low, high)).columns,
            offsets=self.offsets[begin : end + 1] - low,
            second_segment_start=self.second_segment_start[begin:end],
            relation=None if self.relation is None else self.relation[begin:end],
            stream=None if self.stream is None else self.stream[begin:end],
            backward=None if self.backward is None else self.backward[begin:end],
            reuse_len=self.reuse_len,
            values={name: each[begin:end] for name, each in self.values.items()},
        )
