"""Turns stored rows into the columns that Hugging Face's models and collators take."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from schemas.columns import Column, list_of, schema_of
from schemas.records import Array, Int64
from transforms.checks.stored import StoredBatch
from transforms.ragged import positions_in_row, range_indices
from transforms.targets import arrow_list

IGNORED = -100
"""The label of a token that is not to be predicted."""

COLUMNS = (
    Column("input_ids", list_of(pa.int32()), "What the model sees: the copy's corrupted sequence."),
    Column("token_type_ids", list_of(pa.int8()), "0 in segment A, 1 in segment B."),
    Column("attention_mask", list_of(pa.int8()), "1 everywhere: rows are not padded."),
    Column("labels", list_of(pa.int32()), "The original id where a token is selected, else -100."),
)
NEXT_SENTENCE_LABEL = Column(
    "next_sentence_label",
    pa.int32(),
    "The relation's place in the recipe's list: 0 is the first, for BERT next, and 1 random.",
)


def standard_schema(relations: Sequence[str]) -> pa.Schema:
    """Returns the schema of `standard_columns`, for a recipe with these relations of pairs."""
    return schema_of(COLUMNS + ((NEXT_SENTENCE_LABEL,) if relations else ()))


def standard_columns(batch: StoredBatch, copy: int, relations: Sequence[str]) -> pa.RecordBatch:
    """Returns one copy of some rows, a row an example.

    Args:
      batch: The rows as they are stored.
      copy: Which of their copies.
      relations: Names of the recipe's relations, by label; empty without pairs.
    """
    corrupted = batch.ids.astype(np.int32)
    labels = np.full(len(corrupted), IGNORED, np.int32)
    at, chosen = _selection(batch, copy)
    labels[at] = corrupted[at]
    corrupted[at] = batch.seen[chosen]
    starts = np.repeat(batch.second_segment_start, batch.lengths)
    types = (positions_in_row(batch.lengths) >= starts).astype(np.int8)
    ones = np.ones(len(corrupted), np.int8)
    arrays: list[pa.Array] = [
        arrow_list(batch.offsets, pa.array(values)) for values in (corrupted, types, ones, labels)
    ]
    if relations:
        arrays.append(pa.array(_pair_labels(batch, relations)))
    return pa.record_batch(arrays, schema=standard_schema(relations))


def _selection(batch: StoredBatch, copy: int) -> tuple[Int64, Int64]:
    """Returns where the copy's selected tokens stand in `ids`, and in `selected.values`."""
    lists = np.arange(len(batch)) * batch.copies + copy
    counts = batch.selected.lengths[lists]
    chosen = range_indices(batch.selected.offsets[lists], counts)
    return np.repeat(batch.offsets[:-1], counts) + batch.selected.values[chosen], chosen


def _pair_labels(batch: StoredBatch, relations: Sequence[str]) -> Array:
    if batch.relation is None:
        raise ValueError(f"rows of pairs ({', '.join(relations)}) have no pair_relation")
    names, codes = batch.relation
    labels: Array = np.array([relations.index(name) for name in names], np.int32)
    return labels[codes]
