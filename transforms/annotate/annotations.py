"""Spans of tokens, and single ones, that are annotated: as marks, and as columns of a shard."""

import dataclasses

import numpy as np
import pyarrow as pa

from schemas.columns import ANNOTATION_VALUES, SENTENCES, SPAN, has_spans
from schemas.records import Array, Bool, Bytes, ByteSpans, CodedSpans, EntitySpans, Int64, Tokens
from transforms.arrays.ragged import offsets_of, positions_in_row, row_numbers
from transforms.arrays.spans import Spans

BEGINS = 1
"""The token is the first of a span."""
INSIDE = 2
"""The token is a further one of a span; behind a token outside, or in front of a row, its first."""


def marked_spans(marks: Bytes, offsets: Int64) -> Spans:
    """Returns the flat spans that marks stand for.

    Args:
      marks: uint8[T]; 0, BEGINS or INSIDE.
      offsets: int64[R + 1]; rows, which no span crosses.
    """
    outside = np.zeros(len(marks) + 1, np.bool_)
    outside[1:] = marks == 0
    outside[offsets] = True
    begins = (marks == BEGINS) | ((marks == INSIDE) & outside[:-1])
    ends = np.zeros(len(marks) + 1, np.bool_)
    ends[offsets] = True
    ends[:-1] |= begins | (marks == 0)
    return Spans(np.flatnonzero(begins), np.flatnonzero(ends[1:] & (marks > 0)) + 1)


def span_marks(spans: Spans, count: int) -> Bytes:
    """Returns uint8[count]: the marks of flat spans."""
    marks = np.zeros(count, np.uint8)
    marks[spans.positions()] = INSIDE
    marks[spans.starts] = BEGINS
    return marks


def mark_sentences(tokens: Tokens) -> Tokens:
    """Annotates the first token of every sentence, none of which is empty."""
    marks = np.zeros(len(tokens.ids), np.uint8)
    marks[tokens.sentence_offsets[:-1]] = 1
    return dataclasses.replace(tokens, annotations={**tokens.annotations, SENTENCES: marks})


def annotation_arrays(name: str, marks: Array, offsets: Int64) -> list[pa.Array]:
    """Returns the columns of an annotation, by positions in the row."""
    if has_spans(name):
        return [span_column(marks, offsets)]
    positions = position_column(marks, offsets)
    if name not in ANNOTATION_VALUES:
        return [positions]
    values = pa.array(marks[marks > 0] - 1, ANNOTATION_VALUES[name].type.value_type)
    kind = ANNOTATION_VALUES[name].type
    return [positions, pa.ListArray.from_arrays(positions.offsets, values, type=kind)]


def position_column(marks: Array, offsets: Int64) -> pa.Array:
    """Returns the marked positions of each row as an Arrow list."""
    positions = positions_in_row(np.diff(offsets))[marks > 0].astype(np.uint16)
    rows = offsets_of(marks > 0)[offsets].astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(rows),
        pa.array(positions),
        type=pa.list_(pa.field("item", pa.uint16(), nullable=False)),
    )


def column_positions(column: pa.ListArray) -> tuple[Array, Int64]:
    """Returns a column's positions, uint16 in the row, and row offsets."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    values = column.values.to_numpy()[offsets[0] : offsets[-1]]
    return values, offsets - offsets[0]


def span_column(marks: Bytes, offsets: Int64) -> pa.Array:
    """Returns the spans of each row as an Arrow list, by positions in the row."""
    spans = marked_spans(marks, offsets)
    counts = np.diff(np.searchsorted(spans.starts, offsets))
    base = offsets[row_numbers(counts)]
    ends = [pa.array((each - base).astype(np.uint16)) for each in (spans.starts, spans.ends)]
    return pa.ListArray.from_arrays(
        pa.array(offsets_of(counts).astype(np.int32)),
        pa.StructArray.from_arrays(ends, fields=list(SPAN)),
        type=pa.list_(pa.field("item", SPAN, nullable=False)),
    )


def column_spans(column: pa.ListArray) -> tuple[Array, Array, Int64]:
    """Returns starts and ends of a column's spans, uint16 positions in the row, and row offsets."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    values = column.values.slice(offsets[0], offsets[-1] - offsets[0])
    starts, ends = (values.field(number).to_numpy() for number in range(2))
    return starts, ends, offsets - offsets[0]


def project_spans(spans: ByteSpans, begins: Int64, ends: Int64, offsets: Int64) -> Bytes:
    """Returns uint8[T]: the marks of the tokens that byte spans are made of.

    A token is of a span if one of the bytes it stands for is; if it stands for bytes of several
    spans it is of the first. A span is cut where a row ends.

    Args:
      spans: In the text that the tokens were made of.
      begins: int64[T]; the byte of the token's first visible character.
      ends: int64[T]; the byte behind its last one. At `begins` if the token is a space, which is
        the byte before; less than `begins` if it stands for nothing.
      offsets: int64[R + 1]; rows (sentences) of tokens.
    """
    if not len(spans) or not len(begins):
        return np.zeros(len(begins), np.uint8)
    found, owner = _owners(spans, begins, ends)
    goes_on = np.zeros(len(begins) + 1, np.bool_)
    goes_on[1:-1] = found[1:] & found[:-1] & (owner[1:] == owner[:-1])
    goes_on[offsets] = False
    return np.where(found, np.where(goes_on[:-1], INSIDE, BEGINS), 0).astype(np.uint8)


def project_codes(spans: CodedSpans, begins: Int64, ends: Int64, offsets: Int64) -> Bytes:
    """Returns uint8[T]: the code of the span that a token is of, 0 if it is of none.

    A span whose end lies inside a token has no tokens. At the beginning of a row, a token that
    stands for nothing is of the span of the next one.

    Args:
      spans: In the text that the tokens were made of.
      begins: int64[T]; see `project_spans`.
      ends: int64[T].
      offsets: int64[R + 1]; rows (sentences) of tokens.
    """
    codes = np.zeros(len(begins), np.uint8)
    if not len(spans) or not len(begins):
        return codes
    found, owner = _owners(spans, begins, ends)
    at = np.flatnonzero(found)
    whole = np.ones(len(spans), np.bool_)
    whole[owner[at][ends[at] > spans.ends[owner[at]]]] = False
    at = at[whole[owner[at]]]
    codes[at] = spans.codes[owner[at]]
    firsts = offsets[:-1][np.diff(offsets) > 1]
    silent = firsts[begins[firsts] > ends[firsts]]
    codes[silent] = codes[silent + 1]
    return codes


def project_entities(spans: EntitySpans, begins: Int64, ends: Int64) -> Array:
    """Returns uint32[T]: at the first token of each span one more than its entity, else 0.

    Which token is of a span is as in `project_spans`.

    Args:
      spans: In the text that the tokens were made of; those that begin before it have their first
        token elsewhere.
      begins: int64[T]; as in `project_spans`.
      ends: int64[T]; as in `project_spans`.
    """
    numbers = np.zeros(len(begins), np.uint32)
    if not len(spans) or not len(begins):
        return numbers
    found, owner = _owners(spans, begins, ends)
    tokens = np.flatnonzero(found)
    owners = owner[tokens]
    first = (np.diff(owners, prepend=-1) != 0) & (spans.starts[owners] >= 0)
    numbers[tokens[first]] = spans.entities[owners[first]] + 1
    return numbers


def _owners(spans: ByteSpans, begins: Int64, ends: Int64) -> tuple[Bool, Int64]:
    """Returns which tokens are of a span, and the number of the span."""
    first = np.minimum(begins, ends - 1)
    owner = np.searchsorted(spans.ends, first, "right")
    found = spans.starts[np.minimum(owner, len(spans) - 1)] < ends
    found &= (owner < len(spans)) & (begins <= ends)
    return found, owner
