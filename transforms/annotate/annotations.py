"""Annotations of tokens: as one mark per token, and as columns of a shard.

Marks of spans are IOB tags: `BEGINS` at the first token of a span, `INSIDE` at its other tokens,
and 0 outside. Other annotations have one number per token, 0 for none.

`project_spans` and its variants project spans of bytes onto tokens. Of the text "New York" and the
tokens "New", " ", "York", a span of the bytes [0, 8) covers all three tokens.
"""

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
"""The token is inside a span; after a token outside, or first in a row, it begins one."""


def marked_spans(marks: Bytes, offsets: Int64) -> Spans:
    """Returns the flat spans that marks denote.

    Rows of three and two tokens. The span at the end of the first row ends there:

    >>> spans = marked_spans(np.array([1, 1, 2, 2, 0], np.uint8), np.array([0, 3, 5]))
    >>> spans.starts.tolist(), spans.ends.tolist()
    ([0, 1, 3], [1, 3, 4])

    Args:
      marks: uint8[T]; 0, BEGINS or INSIDE.
      offsets: int64[R + 1] of the rows, which no span crosses.
    """
    # outside[i]: the token before i is outside, or a row begins at i. ends[i]: no span covers both
    # i - 1 and i.
    outside = np.zeros(len(marks) + 1, np.bool_)
    outside[1:] = marks == 0
    outside[offsets] = True
    begins = (marks == BEGINS) | ((marks == INSIDE) & outside[:-1])
    ends = np.zeros(len(marks) + 1, np.bool_)
    ends[offsets] = True
    ends[:-1] |= begins | (marks == 0)
    return Spans(np.flatnonzero(begins), np.flatnonzero(ends[1:] & (marks > 0)) + 1)


def span_marks(spans: Spans, count: int) -> Bytes:
    """Returns uint8[count]: the marks of flat spans, the inverse of `marked_spans`.

    >>> span_marks(Spans(np.array([0, 1]), np.array([1, 3])), 4).tolist()
    [1, 1, 2, 0]
    """
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
    """Returns the columns of an annotation. Positions are relative to the row."""
    if has_spans(name):
        return [span_column(marks, offsets)]
    positions = position_column(marks, offsets)
    if name not in ANNOTATION_VALUES:
        return [positions]
    values = pa.array(marks[marks > 0] - 1, ANNOTATION_VALUES[name].type.value_type)
    kind = ANNOTATION_VALUES[name].type
    return [positions, pa.ListArray.from_arrays(positions.offsets, values, type=kind)]


def position_column(marks: Array, offsets: Int64) -> pa.Array:
    """Returns the positions of marked tokens in each row, as an Arrow list.

    >>> position_column(np.array([0, 1, 1, 0, 1], np.uint8), np.array([0, 2, 5])).to_pylist()
    [[1], [0, 2]]
    """
    positions = positions_in_row(np.diff(offsets))[marks > 0].astype(np.uint16)
    rows = offsets_of(marks > 0)[offsets].astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(rows),
        pa.array(positions),
        type=pa.list_(pa.field("item", pa.uint16(), nullable=False)),
    )


def column_positions(column: pa.ListArray) -> tuple[Array, Int64]:
    """Returns the positions of a column, uint16 relative to the row, and the row offsets."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    values = column.values.to_numpy()[offsets[0] : offsets[-1]]
    return values, offsets - offsets[0]


def span_column(marks: Bytes, offsets: Int64) -> pa.Array:
    """Returns the spans of each row, with positions relative to the row, as an Arrow list.

    >>> span_column(np.array([0, 1, 2, 1], np.uint8), np.array([0, 2, 4])).to_pylist()
    [[{'start': 1, 'end': 2}], [{'start': 0, 'end': 1}, {'start': 1, 'end': 2}]]
    """
    spans = marked_spans(marks, offsets)
    counts = np.diff(np.searchsorted(spans.starts, offsets))
    base = offsets[row_numbers(counts)]
    ends = [pa.array((each - base).astype(np.uint16)) for each in (spans.starts, spans.ends)]
    return pa.ListArray.from_arrays(
        pa.array(offsets_of(counts).astype(np.int32)),
        pa.StructArray.from_arrays(ends, fields=list(SPAN)),
        type=pa.list_(pa.field("item", SPAN, nullable=False)),
    )


def token_spans(column: pa.ListArray) -> tuple[Array, Array, Int64]:
    """Returns starts and ends of a column's spans, uint16 relative to the row, and row offsets."""
    offsets = column.offsets.to_numpy().astype(np.int64)
    values = column.values.slice(offsets[0], offsets[-1] - offsets[0])
    starts, ends = (values.field(number).to_numpy() for number in range(2))
    return starts, ends, offsets - offsets[0]


def project_spans(spans: ByteSpans, begins: Int64, ends: Int64, offsets: Int64) -> Bytes:
    """Projects spans of bytes onto tokens; returns uint8[T]: the marks of the tokens.

    A token belongs to a span if any of its bytes does; if its bytes belong to several spans, to the
    first of these. Spans are cut where a row ends.

    Tokens "Fox", "es", " ", "in" and a span of the bytes [0, 5), "Foxes":

    >>> begins, ends = np.array([0, 3, 6, 6]), np.array([3, 5, 6, 8])
    >>> spans = ByteSpans(np.array([0]), np.array([5]))
    >>> project_spans(spans, begins, ends, np.array([0, 4])).tolist()
    [1, 2, 0, 0]

    Args:
      spans: Spans in the text that was tokenized; ascending and disjoint.
      begins: int64[T]; first byte of the first visible character of each token.
      ends: int64[T]; the byte after its last visible character. Equal to `begins` if the token is a
        space, which is then the byte before; less than `begins` if it represents no text.
      offsets: int64[R + 1] of the rows (sentences) of tokens.
    """
    if not len(spans) or not len(begins):
        return np.zeros(len(begins), np.uint8)
    found, owner = _owners(spans, begins, ends)
    # Whether a token has the same span as the token before it, in the same row.
    continues = np.zeros(len(begins) + 1, np.bool_)
    continues[1:-1] = found[1:] & found[:-1] & (owner[1:] == owner[:-1])
    continues[offsets] = False
    return np.where(found, np.where(continues[:-1], INSIDE, BEGINS), 0).astype(np.uint8)


def project_codes(spans: CodedSpans, begins: Int64, ends: Int64, offsets: Int64) -> Bytes:
    """Projects coded spans onto tokens; returns uint8[T]: the code of each token's span, or 0.

    A span that ends inside a token is dropped. At the beginning of a row, a token that represents
    no text belongs to the span of the next token.

    Tokens "But", ",", " it" and a span of the bytes [0, 5) with code 7:

    >>> begins, ends = np.array([0, 3, 5]), np.array([3, 4, 7])
    >>> spans = CodedSpans(np.array([0]), np.array([5]), np.array([7], np.uint8))
    >>> project_codes(spans, begins, ends, np.array([0, 3])).tolist()
    [7, 7, 0]

    Args:
      spans: Spans in the text that was tokenized.
      begins: int64[T]; see `project_spans`.
      ends: int64[T]; see `project_spans`.
      offsets: int64[R + 1] of the rows (sentences) of tokens.
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
    without_text = firsts[begins[firsts] > ends[firsts]]
    codes[without_text] = codes[without_text + 1]
    return codes


def project_entities(spans: EntitySpans, begins: Int64, ends: Int64) -> Array:
    """Returns uint32[T]: the entity plus one at the first token of each span, else 0.

    Tokens belong to spans as in `project_spans`.

    >>> begins, ends = np.array([0, 3, 6, 6]), np.array([3, 5, 6, 8])
    >>> spans = EntitySpans(np.array([0]), np.array([5]), np.array([40], np.uint32))
    >>> project_entities(spans, begins, ends).tolist()
    [41, 0, 0, 0]

    Args:
      spans: Spans in the text that was tokenized. A span that begins before this text (at a
        negative byte) has its first token elsewhere.
      begins: int64[T]; see `project_spans`.
      ends: int64[T]; see `project_spans`.
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
    """Returns which tokens belong to a span, and the index of the span.

    The candidate of a token is the first span that ends after its first byte. The token belongs to
    it if that span begins before the token ends.
    """
    # A token that is a space begins where it ends; its byte is the one before.
    first = np.minimum(begins, ends - 1)
    owner = np.searchsorted(spans.ends, first, "right")
    found = spans.starts[np.minimum(owner, len(spans) - 1)] < ends
    found &= (owner < len(spans)) & (begins <= ends)
    return found, owner
