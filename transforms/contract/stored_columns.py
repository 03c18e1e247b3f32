"""Columns of a shard's rows as NumPy views: lists, edits, marks, and where special tokens stand."""

import dataclasses

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numpy_of
from schemas.columns import (
    ANNOTATION_VALUES,
    ANNOTATIONS,
    EDITS,
    FRAGMENT_STARTS,
    NOISE_SEED,
    ROTATIONS,
    SENTENCE_ORDERS,
    edit_ids,
    has_spans,
)
from schemas.records import Array, Bool, Bytes, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.edits import Edits, one_span, read_lists, seeds_of
from transforms.arrays.marks import column_positions, span_marks, token_spans
from transforms.arrays.ragged import Ragged, read_only
from transforms.arrays.spans import Spans
from transforms.contract.rules import RowRules, StoredEdits


def ragged(column: pa.ListArray) -> Ragged:
    """Views a list column."""
    offsets = numpy_of(column.offsets).astype(np.int64)
    values = numpy_of(column.values)[offsets[0] : offsets[-1]]
    return Ragged(values, offsets - offsets[0])


def ragged_copies(column: pa.ListArray) -> Ragged:
    """Views a column of lists of lists as one list for each row and copy."""
    rows = numpy_of(column.offsets)
    return ragged(column.values.slice(rows[0], rows[-1] - rows[0]))


def edit_lists(batch: pa.RecordBatch, rules: StoredEdits) -> tuple[Ragged, Ragged]:
    """Returns the code of edits and the ids that they put in, a list for each row and copy."""
    codes = ragged_copies(batch.column(EDITS.name))
    if rules.ids:
        return codes, ragged_copies(batch.column(edit_ids("uint16").name))
    ids = numpy_of(batch.column("input_ids").values)[:0]
    return codes, Ragged(ids, np.zeros(len(codes) + 1, np.int64))


def starts_of(batch: pa.RecordBatch, part: float) -> tuple[Edits, Bool]:
    """Returns the edits of which only begins are stored, see `transforms.arrays.edits.one_span`."""
    ids = ragged(batch.column("input_ids"))
    starts = ragged(batch.column(FRAGMENT_STARTS.name))
    return one_span(starts, part, ids.lengths, ids.values.dtype)


def stored_edits(batch: pa.RecordBatch, rules: StoredEdits) -> Edits:
    """Returns the edits of every row and copy, whose structure must be sound."""
    if rules.part is not None:
        found, _ = starts_of(batch, rules.part)
    else:
        codes, ids = edit_lists(batch, rules)
        lengths = np.diff(numpy_of(batch.column("input_ids").offsets))
        found = read_lists(codes, ids, lengths, len(codes) // max(len(lengths), 1))
    copies = len(found) // max(batch.num_rows, 1)
    orders = ragged_copies(batch.column(SENTENCE_ORDERS.name)) if rules.orders else None
    rotations = ragged(batch.column(ROTATIONS.name)).values if rules.rotations else None
    seeds = None
    if rules.seeds:
        seeds = seeds_of(numpy_of(batch.column(NOISE_SEED.name)), np.arange(copies))
    return dataclasses.replace(found, orders=orders, rotations=rotations, seeds=seeds)


def row_values(batch: pa.RecordBatch, name: str, kind: type) -> Array:
    """Returns [R]: a column with a value a row."""
    values: Array = numpy_of(batch.column(name)).astype(kind)
    return values


def stored_marks(name: str, batch: pa.RecordBatch, offsets: Int64) -> Array:
    """Returns [T]: the marks of an annotation; what lies outside its row is left out."""
    column = batch.column(ANNOTATIONS[name].name)
    if has_spans(name):
        return _marks_of_spans(column, offsets)
    positions, rows = column_positions(column)
    base, limit = (np.repeat(each, np.diff(rows)) for each in (offsets[:-1], offsets[1:]))
    inside = base + positions < limit
    if name in ANNOTATION_VALUES:
        values = ragged(batch.column(ANNOTATION_VALUES[name].name)).values + 1
    else:
        values = np.ones(len(positions), np.uint8)
    marks = np.zeros(offsets[-1], values.dtype)
    marks[(base + positions)[inside]] = values[inside]
    return marks


def _marks_of_spans(column: pa.ListArray, offsets: Int64) -> Bytes:
    starts, ends, rows = token_spans(column)
    base, limit = (np.repeat(each, np.diff(rows)) for each in (offsets[:-1], offsets[1:]))
    spans = Spans(base + starts, np.maximum(np.minimum(base + ends, limit), base + starts))
    inside = spans.starts < limit
    return span_marks(Spans(spans.starts[inside], spans.ends[inside]), int(offsets[-1]))


def special_tokens(
    ids: Ragged, second_starts: Int64, rules: RowRules, vocabulary: Vocabulary
) -> Bool:
    """Returns bool[T]: where the layout puts special tokens, whatever stands there."""
    from transforms.kernels.rows import mark_special

    layout, special = rules.layout, np.empty(len(ids.values), np.bool_)
    between = len(layout.between) if rules.segments == 2 else 0
    sizes = len(layout.prefix), between, len(layout.suffix)
    optional = rules.min_segments < rules.segments
    rows = read_only(ids.offsets), read_only(second_starts, np.int64)
    mark_special(*rows, sizes, optional, special)
    for role in rules.inner_roles:
        special |= ids.values == vocabulary.roles[role]
    return special
