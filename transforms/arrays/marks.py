"""Marks of tokens, one number per token, and the columns that store them.

Marks of spans are IOB tags: `BEGINS` at the first token of a span, `INSIDE` at its other tokens,
and 0 outside. Other marks are 0 for a token without what is marked.
"""

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers, numpy_of
from schemas.columns import ANNOTATION_VALUES, SPAN, has_spans
from schemas.records import Array, Bytes, Int64
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


def annotation_arrays(name: str, marks: Array, offsets: Int64) -> list[pa.Array]:
    """Returns the columns of an annotation. Positions are relative to the row."""
    if has_spans(name):
        return [span_column(marks, offsets)]
    positions = position_column(marks, offsets)
    if name not in ANNOTATION_VALUES:
        return [positions]
    values = numbers(marks[marks > 0] - 1).cast(ANNOTATION_VALUES[name].type.value_type)
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
        numbers(rows),
        numbers(positions),
        type=pa.list_(pa.field("item", pa.uint16(), nullable=False)),
    )


def column_positions(column: pa.ListArray) -> tuple[Array, Int64]:
    """Returns the positions of a column, uint16 relative to the row, and the row offsets."""
    offsets = numpy_of(column.offsets).astype(np.int64)
    values = numpy_of(column.values)[offsets[0] : offsets[-1]]
    return values, offsets - offsets[0]


def span_column(marks: Bytes, offsets: Int64) -> pa.Array:
    """Returns the spans of each row, with positions relative to the row, as an Arrow list.

    >>> span_column(np.array([0, 1, 2, 1], np.uint8), np.array([0, 2, 4])).to_pylist()
    [[{'start': 1, 'end': 2}], [{'start': 0, 'end': 1}, {'start': 1, 'end': 2}]]
    """
    spans = marked_spans(marks, offsets)
    counts = np.diff(np.searchsorted(spans.starts, offsets))
    base = offsets[row_numbers(counts)]
    ends = [numbers((each - base).astype(np.uint16)) for each in (spans.starts, spans.ends)]
    return pa.ListArray.from_arrays(
        numbers(offsets_of(counts).astype(np.int32)),
        pa.StructArray.from_arrays(ends, fields=list(SPAN)),
        type=pa.list_(pa.field("item", SPAN, nullable=False)),
    )


def token_spans(column: pa.ListArray) -> tuple[Array, Array, Int64]:
    """Returns starts and ends of a column's spans, uint16 relative to the row, and row offsets."""
    offsets = numpy_of(column.offsets).astype(np.int64)
    values = column.values.slice(offsets[0], offsets[-1] - offsets[0])
    starts, ends = (numpy_of(values.field(number)) for number in range(2))
    return starts, ends, offsets - offsets[0]
