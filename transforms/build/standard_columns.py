"""Turns stored rows into the columns that Hugging Face's models and collators take."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from schemas.columns import IGNORED, Column, list_of, schema_of
from schemas.records import Array, Int64
from transforms.arrays.arrow_lists import arrow_list
from transforms.arrays.ragged import range_indices
from transforms.contract.axes import Pair
from transforms.contract.stored import StoredBatch
from transforms.labels.token_labels import TokenLabels
from transforms.windows.token_types import token_types

COLUMNS = (
    Column("input_ids", list_of(pa.int32()), "What the model sees: the copy's corrupted sequence."),
    Column(
        "token_type_ids",
        list_of(pa.int8()),
        "0 in segment A, 1 in segment B; in a dialogue 1 in every second turn.",
    ),
    Column("attention_mask", list_of(pa.int8()), "1 everywhere: rows are not padded."),
)
LABELS = Column(
    "labels",
    list_of(pa.int32()),
    "The original id where a token is selected, by whichever corruption, else -100.",
)


def token_label_column(name: str) -> str:
    """Returns what the column of a token's labels is called, and the tensor of a batch."""
    return f"{name}_labels"


def standard_schema(
    pair: Pair, labels: Sequence[TokenLabels] = (), *, masked: bool = True
) -> pa.Schema:
    """Returns the schema of `standard_columns`, for a recipe that pairs and labels like this.

    Args:
      pair: How the recipe pairs.
      labels: Its labels of tokens.
      masked: Whether masks are stored; there are no labels of masked tokens without.
    """
    found = [*COLUMNS, *([LABELS] if masked else [])]
    if pair.task is not None:
        meaning = ", ".join(f"{label} is {name}" for name, label in pair.labels.items())
        found.append(Column(pair.task.label, pa.int32(), f"{meaning}; else -100."))
    found.extend(
        Column(token_label_column(each.name), list_of(each.label_type), each.meaning)
        for each in labels
    )
    return schema_of(found)


def standard_columns(
    views: Sequence[StoredBatch],
    copy: int,
    pair: Pair,
    labels: Sequence[TokenLabels] = (),
    *,
    masked: bool = True,
) -> pa.RecordBatch:
    """Returns one copy of some rows, a row an example.

    All corruptions of a copy are in it: what they select is disjoint, and whichever selects a
    token, its original is to be predicted from the vocabulary.

    Args:
      views: The rows as they are stored, once for each corruption.
      copy: Which of their copies.
      pair: How the recipe pairs.
      labels: Its labels of tokens.
      masked: Whether masks are stored.
    """
    batch = views[0]
    corrupted = batch.ids.astype(np.int32)
    targets = np.full(len(corrupted), IGNORED, np.int32)
    for view in views:
        at, chosen = _selection(view, copy)
        targets[at] = batch.ids[at]
        corrupted[at] = view.seen[chosen]
    types = token_types(
        batch.ids, batch.offsets, batch.second_segment_start, batch.turn_end, batch.suffix_types
    )
    ones = np.ones(len(corrupted), np.int8)
    found = (corrupted, types, ones, *([targets] if masked else []))
    arrays: list[pa.Array] = [arrow_list(batch.offsets, pa.array(values)) for values in found]
    if pair.task is not None:
        arrays.append(pa.array(_pair_labels(batch, pair)))
    for each in labels:
        marks = each.labels(batch.annotations[each.name], batch.special, IGNORED)
        arrays.append(arrow_list(batch.offsets, pa.array(marks)))
    return pa.record_batch(arrays, schema=standard_schema(pair, labels, masked=masked))


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
