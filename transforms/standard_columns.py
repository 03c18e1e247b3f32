"""Turns stored rows into the columns that Hugging Face's models and collators take."""

import numpy as np
import pyarrow as pa

from schemas.columns import Column, list_of, schema_of
from schemas.records import Array, Int64
from transforms.checks.stored import StoredBatch
from transforms.pair_segments import Pair
from transforms.ragged import range_indices
from transforms.targets import arrow_list
from transforms.token_types import token_types

IGNORED = -100
"""The label of a token that is not to be predicted."""

COLUMNS = (
    Column("input_ids", list_of(pa.int32()), "What the model sees: the copy's corrupted sequence."),
    Column(
        "token_type_ids",
        list_of(pa.int8()),
        "0 in segment A, 1 in segment B; in a dialogue 1 in every second turn.",
    ),
    Column("attention_mask", list_of(pa.int8()), "1 everywhere: rows are not padded."),
    Column("labels", list_of(pa.int32()), "The original id where a token is selected, else -100."),
)


def standard_schema(pair: Pair) -> pa.Schema:
    """Returns the schema of `standard_columns`, for a recipe that pairs like this."""
    if pair.task is None:
        return schema_of(COLUMNS)
    meaning = ", ".join(f"{label} is {name}" for name, label in pair.labels.items())
    return schema_of((*COLUMNS, Column(pair.task.label, pa.int32(), f"{meaning}; else -100.")))


def standard_columns(batch: StoredBatch, copy: int, pair: Pair) -> pa.RecordBatch:
    """Returns one copy of some rows, a row an example.

    Args:
      batch: The rows as they are stored.
      copy: Which of their copies.
      pair: How the recipe pairs.
    """
    corrupted = batch.ids.astype(np.int32)
    labels = np.full(len(corrupted), IGNORED, np.int32)
    at, chosen = _selection(batch, copy)
    labels[at] = corrupted[at]
    corrupted[at] = batch.seen[chosen]
    types = token_types(batch.ids, batch.offsets, batch.second_segment_start, batch.turn_end)
    ones = np.ones(len(corrupted), np.int8)
    arrays: list[pa.Array] = [
        arrow_list(batch.offsets, pa.array(values)) for values in (corrupted, types, ones, labels)
    ]
    if pair.task is not None:
        arrays.append(pa.array(_pair_labels(batch, pair)))
    return pa.record_batch(arrays, schema=standard_schema(pair))


def _selection(batch: StoredBatch, copy: int) -> tuple[Int64, Int64]:
    """Returns where the copy's selected tokens stand in `ids`, and in `selected.values`."""
    lists = np.arange(len(batch)) * batch.copies + copy
    counts = batch.selected.lengths[lists]
    chosen = range_indices(batch.selected.offsets[lists], counts)
    return np.repeat(batch.offsets[:-1], counts) + batch.selected.values[chosen], chosen


def _pair_labels(batch: StoredBatch, pair: Pair) -> Array:
    if batch.relation is None:
        raise ValueError(f"rows of pairs ({', '.join(pair.relations)}) have no pair_relation")
    names, codes = batch.relation
    labels: Array = np.array([pair.labels.get(name, IGNORED) for name in names], np.int32)
    return labels[codes]
