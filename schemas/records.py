"""The text of one shard and its tokens: flat arrays, picklable, never written to disk."""

import dataclasses
from collections.abc import Mapping, Sequence
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

    def take(self, at: Int64 | slice) -> "ByteSpans":
        """Returns some of the spans, with all that is known of them."""
        return type(self)(*(column[at] for column in self._columns()))

    def concat(self, others: Sequence["ByteSpans"]) -> "ByteSpans":
        """Returns these spans and then others of the same kind."""
        columns = zip(self._columns(), *(each._columns() for each in others), strict=True)
        return type(self)(*map(np.concatenate, columns))

    def within(self, low: int, high: int) -> "ByteSpans":
        """Returns the spans that overlap the bytes [low, high), relative to `low`.

        >>> found = ByteSpans(np.array([0, 4, 9]), np.array([2, 6, 12])).within(5, 10)
        >>> found.starts.tolist(), found.ends.tolist()
        ([-1, 4], [1, 7])
        """
        first, last = np.searchsorted(self.ends, low, "right"), np.searchsorted(self.starts, high)
        found = self.take(slice(first, last))
        return dataclasses.replace(found, starts=found.starts - low, ends=found.ends - low)

    def _columns(self) -> list[Array]:
        return [getattr(self, field.name) for field in dataclasses.fields(self)]


@dataclasses.dataclass(frozen=True, eq=False)
class TokenSpans(ByteSpans):
    """Spans of every token that has a byte of theirs; others are of whole words."""


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
class Labels:
    """What is known of records: some numbers each, see `schemas.documents.LABELLED_SCHEMA`.

    Attributes:
      values: float64[N].
      offsets: int64[D + 1]; those of record d are values[offsets[d]:offsets[d + 1]].
    """

    values: Array
    offsets: Int64

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def counts(self) -> Int64:
        """int64[D]; how many numbers each record has."""
        return self.offsets[1:] - self.offsets[:-1]

    def first(self, missing: float) -> Array:
        """Returns float64[D]: the first number of each record, or what stands for none."""
        found = np.full(len(self), missing)
        there = self.counts > 0
        found[there] = self.values[self.offsets[:-1][there]]
        return found

    def take(self, records: Int64) -> "Labels":
        """Returns the numbers of some records, by number.

        >>> labels = Labels(np.array([1.0, 2.0, 3.0]), np.array([0, 2, 3])).take(np.array([1, 0]))
        >>> labels.values.tolist(), labels.offsets.tolist()
        ([3.0, 1.0, 2.0], [0, 1, 3])
        """
        counts = self.counts[records]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
        return Labels(self.values[np.repeat(self.offsets[records], counts) + within], offsets)


@dataclasses.dataclass(frozen=True, eq=False)
class DocumentSources:
    """Where the documents of a shard come from, if there are several sources.

    Attributes:
      numbers: uint16[D]; the number of the source of each document.
      repeats: bool[D]; the document is a repetition.
      dropped: int64[S]; duplicates that were dropped, by the number of their source.
      decided: int64[S, 3]; different documents that each source asks for, their repetitions, and
        different documents that it leaves out.
    """

    numbers: Array
    repeats: Bool
    dropped: Int64
    decided: Int64


@dataclasses.dataclass(frozen=True, eq=False)
class ShardText:
    """The text of a shard, its documents sorted by key and without duplicates.

    Attributes:
      data: uint8[N]; normalised UTF-8, every line of every document ended by LF.
      document_starts: int64[D]; byte where each document begins.
      duplicates: Documents dropped because an equal one stands here.
      keys: uint8[D, 16]; the content key of each document.
      labels: What is known of each document besides; None if they are no labelled records.
      sources: Where each document comes from; None unless there are several sources.
      sentence_starts: int64[S] bytes where sentences begin; empty before they are found.
      word_marks: uint8[N] of `WORD_BEGINS | WORD_INSIDE` flags, or None when no recipe asks for it.
      spans: What is annotated in `data`, by names of `schemas.columns.ANNOTATIONS`, and of
        `transforms.text.openings.opening_name`; no span holds a line end.
    """

    data: Bytes
    document_starts: Int64
    duplicates: int = 0
    keys: Bytes = dataclasses.field(default_factory=lambda: np.empty((0, 16), np.uint8))
    labels: Labels | None = None
    sources: DocumentSources | None = None
    sentence_starts: Int64 = dataclasses.field(default_factory=lambda: np.empty(0, np.int64))
    word_marks: Bytes | None = None
    spans: Mapping[str, ByteSpans] = dataclasses.field(default_factory=dict)


WORD_BEGINS = 1
"""A segmented word with an ideograph begins at this byte, or ended just before it."""
WORD_INSIDE = 2
"""This byte lies inside such a word, after its first character."""


@dataclasses.dataclass(frozen=True, eq=False)
class TokenColumns:
    """What is known of T tokens, an array each. A new column of tokens is added here alone.

    Attributes:
      ids: uint16[T] or uint32[T].
      special: bool[T]; a special token that packing or the layout put here. None where they put
        none.
      word_starts: bool[T]; the token begins a whole word. None when no recipe asks for it.
      annotations: What else is known of tokens: name to uint8[T] marks of spans, or 0 and 1 for
        single tokens, uint32[T] one more than a value, or codes of openings; see
        `schemas.columns.ANNOTATIONS`, `transforms.annotate.annotations` and
        `transforms.text.openings`. Special tokens have 0.
    """

    ids: Array
    special: Bool | None = dataclasses.field(default=None, kw_only=True)
    word_starts: Bool | None = dataclasses.field(default=None, kw_only=True)
    annotations: Mapping[str, Array] = dataclasses.field(default_factory=dict, kw_only=True)

    @property
    def columns(self) -> dict[str, Any]:
        """The columns by name, to be given to another value of tokens."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(TokenColumns)}

    def take(self, at: Int64 | Bool | slice) -> "TokenColumns":
        """Returns the columns of some tokens, by index, mask or slice."""
        return TokenColumns(
            self.ids[at],
            special=None if self.special is None else self.special[at],
            word_starts=None if self.word_starts is None else self.word_starts[at],
            annotations={name: each[at] for name, each in self.annotations.items()},
        )

    def specials(self, count: int, token: int = 0) -> "TokenColumns":
        """Returns columns of the same kinds for so many special tokens, which others may replace.

        Words and annotations are known of them where they are of these tokens.
        """
        return TokenColumns(
            np.full(count, token, self.ids.dtype),
            special=np.ones(count, np.bool_),
            word_starts=None if self.word_starts is None else np.zeros(count, np.bool_),
            annotations={
                name: np.zeros(count, each.dtype) for name, each in self.annotations.items()
            },
        )

    def pairs_with(self, other: "TokenColumns") -> list[tuple[Array, Array]]:
        """Returns each column beside the same column of tokens made by `specials`."""
        special = np.zeros(len(self.ids), np.bool_) if self.special is None else self.special
        pairs: list[tuple[Array, Array]] = [(self.ids, other.ids)]
        for one, two in ((special, other.special), (self.word_starts, other.word_starts)):
            if one is not None and two is not None:
                pairs.append((one, two))
        pairs.extend((each, other.annotations[name]) for name, each in self.annotations.items())
        return pairs

    @staticmethod
    def concat(parts: Sequence["TokenColumns"]) -> "TokenColumns":
        """Puts tokens one after the other; all have the same columns."""
        special = [part.special for part in parts if part.special is not None]
        words = [part.word_starts for part in parts if part.word_starts is not None]
        return TokenColumns(
            np.concatenate([part.ids for part in parts]),
            special=np.concatenate(special) if special else None,
            word_starts=np.concatenate(words) if words else None,
            annotations={
                name: np.concatenate([part.annotations[name] for part in parts])
                for name in parts[0].annotations
            },
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Tokens(TokenColumns):
    """The tokens of a shard. Sentences and documents without a token are gone.

    Attributes:
      sentence_offsets: int64[S + 1]; sentence s is ids[offsets[s]:offsets[s + 1]].
      document_offsets: int64[D + 1]; document d is sentences [offsets[d], offsets[d + 1]).
      ends_line: bool[S]; the sentence is the last of its line.
      exact_path: "word_table" or "library": how the ids were found.
      labels: What is known of each document; None if they are no labelled records, and for
        documents that were put together of parts.
      sources: uint16[D]; the number of the source of each document; None unless there are several.
      lines: int64[S]; the number of each sentence's line in its document, from 0, lines without a
        token included; None if they are no labelled records.
      text_bytes: Bytes of the shard's text.
    """

    sentence_offsets: Int64
    document_offsets: Int64
    ends_line: Bool
    exact_path: str
    labels: Labels | None = None
    sources: Array | None = None
    lines: Int64 | None = None
    text_bytes: int = 0
