"""What one shard is between two transforms: flat arrays, picklable, never written to disk."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True, order=True)
class ShardId:
    """Names one output file: shard `index` of `count` in split "train" or "eval"."""

    split: str
    index: int
    count: int

    @property
    def name(self) -> str:
        return f"{self.split}/shard-{self.index:05d}-of-{self.count:05d}"


@dataclasses.dataclass(frozen=True, eq=False)
class ByteSpans:
    """Half-open ranges of bytes of a text; ascending, disjoint and not empty.

    Attributes:
      starts: int64[S].
      ends: int64[S].
    """

    starts: Int64
    ends: Int64

    def __len__(self) -> int:
        return len(self.starts)


@dataclasses.dataclass(frozen=True, eq=False)
class CodedSpans(ByteSpans):
    """Spans of several kinds.

    Attributes:
      codes: uint8[S]; the kind of each span, from 1.
    """

    codes: Bytes


@dataclasses.dataclass(frozen=True, eq=False)
class EntitySpans(ByteSpans):
    """Ranges of bytes that name entities.

    Attributes:
      entities: uint32[S]; the number of each entity.
    """

    entities: Array


@dataclasses.dataclass(frozen=True, eq=False)
class ShardText:
    """The text of a shard, its documents sorted by key and without duplicates.

    Attributes:
      data: uint8[N]; normalised UTF-8, every line of every document ended by LF.
      document_starts: int64[D]; byte where each document begins.
      duplicates: Documents dropped because an equal one stands here.
      keys: uint8[D, 16]; the content key of each document.
      sentence_starts: int64[S] bytes where sentences begin; empty before `split_sentences`.
      word_marks: uint8[N] of `WORD_BEGINS | WORD_INSIDE` flags, or None when no recipe asks for it.
      spans: What is annotated in `data`, by names of `schemas.columns.ANNOTATIONS`, and of
        `transforms.text.openings.opening_name`; no span holds a line end.
    """

    data: Bytes
    document_starts: Int64
    duplicates: int = 0
    keys: Bytes = dataclasses.field(default_factory=lambda: np.empty((0, 16), np.uint8))
    sentence_starts: Int64 = dataclasses.field(default_factory=lambda: np.empty(0, np.int64))
    word_marks: Bytes | None = None
    spans: Mapping[str, ByteSpans] = dataclasses.field(default_factory=dict)


WORD_BEGINS = 1
"""A segmented word with an ideograph begins at this byte, or ended just before it."""
WORD_INSIDE = 2
"""This byte lies inside such a word, after its first character."""


@dataclasses.dataclass(frozen=True, eq=False)
class Tokens:
    """The tokens of a shard. Sentences and documents without a token are gone.

    Attributes:
      ids: uint16[T] or uint32[T].
      sentence_offsets: int64[S + 1]; sentence s is ids[offsets[s]:offsets[s + 1]].
      document_offsets: int64[D + 1]; document d is sentences [offsets[d], offsets[d + 1]).
      ends_line: bool[S]; the sentence is the last of its line.
      word_starts: bool[T]; the token begins a whole word. None when no recipe asks for it.
      exact_path: "word_table" or "library": how the ids were found.
      special: bool[T]; a special token that packing put into the stream. None where it put none.
      annotations: What else is known of tokens: name to uint8[T] marks of spans, or 0 and 1 for
        single tokens, uint32[T] one more than a value, or codes of openings; see
        `schemas.columns.ANNOTATIONS`, `transforms.annotate.annotations` and
        `transforms.text.openings`. Special tokens have 0.
    """

    ids: Array
    sentence_offsets: Int64
    document_offsets: Int64
    ends_line: Bool
    word_starts: Bool | None
    exact_path: str
    special: Bool | None = None
    annotations: Mapping[str, Array] = dataclasses.field(default_factory=dict)


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
class Windows:
    """Token ranges of one or two segments a window.

    Attributes:
      tokens: Where the ranges point to.
      first: int64[W, 2]; half-open token range of segment A.
      second: int64[W, 2]; the same of segment B, or None for single segments.
      relation: uint8[W]; index into the pairing's relations, or None.
      drawn: What the windows do not show: how often a relation was drawn in each case, see
        `transforms.checks.pairs.drawn_pairs`.
    """

    tokens: Tokens
    first: Int64
    second: Int64 | None = None
    relation: Bytes | None = None
    drawn: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Laid-out sequences, not corrupted yet.

    Attributes:
      ids: uint16[T] or uint32[T], row after row, special tokens included.
      offsets: int64[R + 1].
      second_segment_start: int64[R]; the row's length where there is no second segment.
      special: bool[T]; the layout put this token here.
      word_starts: bool[T]; never at a token of the layout. None when no recipe asks for it.
      relation: uint8[R] or None.
      annotations: As those of `Tokens`.
      left_out: Rows that there would be, but that they have no text, or less than labels ask for.
      drawn: As that of `Windows`, of the rows that were left out too.
    """

    ids: Array
    offsets: Int64
    second_segment_start: Int64
    special: Bool
    word_starts: Bool | None = None
    relation: Bytes | None = None
    annotations: Mapping[str, Array] = dataclasses.field(default_factory=dict)
    left_out: int = 0
    drawn: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def slice(self, begin: int, end: int) -> "Examples":
        """Returns rows [begin, end) as views."""
        low, high = self.offsets[begin], self.offsets[end]
        return Examples(
            ids=self.ids[low:high],
            offsets=self.offsets[begin : end + 1] - low,
            second_segment_start=self.second_segment_start[begin:end],
            special=self.special[low:high],
            word_starts=None if self.word_starts is None else self.word_starts[low:high],
            relation=None if self.relation is None else self.relation[begin:end],
            annotations={name: each[low:high] for name, each in self.annotations.items()},
        )
