"""Turns stored rows into the columns that Hugging Face's models and collators take."""

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers
from schemas.columns import (
    DOCUMENTS,
    IGNORED,
    REVERSED,
    SOURCE,
    SOURCE_OF_ROW,
    STREAM,
    Column,
    list_of,
    schema_of,
)
from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.arrow_lists import arrow_list
from transforms.arrays.ragged import positions_in_row, range_indices
from transforms.build.standard_sequences import sequence_arrays, sequence_columns
from transforms.contract.attention import CONTEXTS, RECURRENT, TWO_STREAM
from transforms.contract.packing import Pair
from transforms.contract.stored import StoredBatch
from transforms.objectives.recipe import Recipe
from transforms.windows.token_types import token_types

TOKEN_TYPES = Column(
    "token_type_ids",
    list_of(pa.int8()),
    "0 in segment A, 1 in segment B; in a dialogue 1 in every second turn; 2 at a token at the end "
    "of a row that has a type of its own.",
)
ATTENTION_MASK = Column("attention_mask", list_of(pa.int8()), "1 everywhere: rows are not padded.")
COLUMNS = (
    Column("input_ids", list_of(pa.int32()), "What the model sees: the copy's corrupted sequence."),
    TOKEN_TYPES,
    ATTENTION_MASK,
)
LABELS = Column(
    "labels",
    list_of(pa.int32()),
    "The original id where a token is selected, by whichever corruption, else -100.",
)
WORD_COLUMNS = (Column("input_ids", list_of(pa.int32()), "The words of a line."),)
CAUSAL_COLUMNS = (
    Column("input_ids", list_of(pa.int32()), "The row as it is stored."),
    ATTENTION_MASK,
    Column(
        "labels",
        list_of(pa.int32()),
        "The id of the token itself where it is predicted from the one before, else -100; models "
        "shift them.",
    ),
)
NEXT_WORD_COLUMNS = (
    *CAUSAL_COLUMNS[:2],
    Column(
        "labels",
        list_of(pa.int32()),
        "The id of the token itself, which is predicted from the one before, or of the other "
        "marker where it is one; -100 at the first of a row; models shift them.",
    ),
)
STREAM_COLUMNS = (STREAM, REVERSED)
"""Of rows that are read in one of two directions, a value a row."""
POSITIONS = Column(
    "position_ids", list_of(pa.int32()), "Position in the document, or in the part of one: from 0."
)
PERMUTED_COLUMNS = (
    Column("input_ids", list_of(pa.int32()), "The row as it is stored: a model sees all tokens."),
    TOKEN_TYPES,
    ATTENTION_MASK,
    Column("labels", list_of(pa.int32()), "The id of the token itself at targets, else -100."),
    Column(
        "perm_ranks",
        list_of(pa.int32()),
        "Rank in the factorization order of its half of the row, from 0; -1 at tokens without one.",
    ),
    Column("special_tokens_mask", list_of(pa.int8()), "1 at special tokens of the layout, else 0."),
)


_LABELS = "labels"


def token_label_column(name: str) -> str:
    """Returns what the column of a token's labels is called, and the tensor of a batch."""
    return f"{name}_labels"


def standard_fields(recipe: Recipe) -> list[Column]:
    """Returns the columns of `standard_columns` for a recipe, and what they mean."""
    found = [*_token_columns(recipe), *(STREAM_COLUMNS if recipe.attention == RECURRENT else ())]
    if recipe.pair.task is not None:
        labels = recipe.pair.labels.items()
        meaning = ", ".join(f"{label} is {name}" for name, label in labels)
        found.append(Column(recipe.pair.task.label, pa.int32(), f"{meaning}; else -100."))
    found.extend(
        Column(token_label_column(each.name), list_of(each.label_type), each.meaning)
        for each in recipe.labels
    )
    if recipe.stores_source:
        found.append(SOURCE_OF_ROW)
    return found


def standard_schema(recipe: Recipe) -> pa.Schema:
    """Returns the schema of `standard_columns` for a recipe."""
    schema = schema_of(standard_fields(recipe))
    names = recipe.labelled.names if recipe.labelled is not None else ()
    return _with_classes(schema, names) if names else schema


def _with_classes(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    """Returns a schema that tells `datasets` the names of the classes in the column of labels.

    That column has the type that a `ClassLabel` has there, which may be null.
    """
    at = schema.get_field_index(_LABELS)
    lists = pa.types.is_list(schema.field(at).type)
    classes = {"names": list(names), "_type": "ClassLabel"}
    # Versions of `datasets` from 4 on say List, and read this too.
    feature = {"feature": classes, "_type": "Sequence"} if lists else classes
    kind = pa.list_(pa.int64()) if lists else pa.int64()
    told = json.dumps({"info": {"features": {_LABELS: feature}}})
    return schema.set(at, pa.field(_LABELS, kind)).with_metadata({"huggingface": told})


def _token_columns(recipe: Recipe) -> Sequence[Column]:
    """Returns the columns that have a value a token, before those of labels of their own."""
    if recipe.denoise is not None:
        return sequence_columns(recipe)
    if recipe.attention == CONTEXTS:
        return WORD_COLUMNS
    if recipe.attention == RECURRENT:
        return NEXT_WORD_COLUMNS
    if recipe.labelled is not None:
        return (*COLUMNS, *recipe.labelled.standard())
    if recipe.predict is not None:
        found = recipe.next_tokens
        return (*CAUSAL_COLUMNS, *([POSITIONS] if found and found.keep_apart else []))
    if recipe.attention == TWO_STREAM:
        return PERMUTED_COLUMNS
    # Without stored masks there are no labels of masked tokens.
    return (*COLUMNS, *([LABELS] if recipe.stored else []))


def standard_columns(
    views: Sequence[StoredBatch], copy: int, recipe: Recipe, vocabulary: Vocabulary
) -> pa.RecordBatch:
    """Returns one copy of some rows, a row an example.

    All corruptions of a copy are in it: what they select is disjoint, and whichever selects a
    token, its original is to be predicted from the vocabulary.

    Args:
      views: The rows as they are stored, once for each corruption.
      copy: Which of their copies.
      recipe: That they were built by.
      vocabulary: Of the tokenizer.
    """
    batch = views[0]
    if recipe.denoise is not None:
        arrays = [*sequence_arrays(batch, copy, recipe, vocabulary)]
    else:
        arrays = _one_sequence(views, copy, recipe, vocabulary)
    if recipe.stores_source:
        arrays.append(batch.values[SOURCE])
    return pa.record_batch(arrays, schema=standard_schema(recipe))


def _one_sequence(
    views: Sequence[StoredBatch], copy: int, recipe: Recipe, vocabulary: Vocabulary
) -> list[pa.Array]:
    """Returns the columns of one copy of rows of a model that reads one sequence."""
    batch = views[0]
    found: Sequence[Array]
    if recipe.attention == CONTEXTS:
        found = [batch.ids.astype(np.int32)]
    elif recipe.labelled is not None:
        found = _masked(views, copy, labelled=False)
    elif recipe.predict is not None:
        found = _causal(batch, recipe, vocabulary)
    elif recipe.attention == TWO_STREAM:
        found = _permuted(batch, copy)
    else:
        found = _masked(views, copy, labelled=bool(recipe.stored))
    arrays: list[pa.Array] = [arrow_list(batch.offsets, numbers(values)) for values in found]
    if recipe.labelled is not None:
        kinds = [field.type for field in standard_schema(recipe)][len(arrays) :]
        own = recipe.labelled.standard_arrays(batch)
        arrays += [each.cast(kind) for each, kind in zip(own, kinds, strict=True)]
    if recipe.attention == RECURRENT:
        assert batch.stream is not None
        assert batch.backward is not None
        arrays += [numbers(batch.stream.astype(np.uint16)), numbers(batch.backward)]
    if recipe.pair.task is not None:
        arrays.append(numbers(_pair_labels(batch, recipe.pair)))
    for each in recipe.labels:
        marks = each.labels(batch.annotations[each.name], batch.special, IGNORED)
        arrays.append(arrow_list(batch.offsets, numbers(marks)))
    return arrays


def _masked(views: Sequence[StoredBatch], copy: int, *, labelled: bool) -> list[Array]:
    """Returns the values of `COLUMNS` and, where masks are stored, of `LABELS`."""
    batch = views[0]
    corrupted = batch.ids.astype(np.int32)
    targets = np.full(len(corrupted), IGNORED, np.int32)
    for view in views:
        at, chosen = _selection(view, copy)
        targets[at] = batch.ids[at]
        corrupted[at] = view.seen[chosen]
    found: list[Array] = [corrupted, _types(batch), _ones(batch)]
    return [*found, *([targets] if labelled else [])]


def _causal(batch: StoredBatch, recipe: Recipe, vocabulary: Vocabulary) -> list[Array]:
    """Returns the values of `CAUSAL_COLUMNS` and, where documents are kept apart, of `POSITIONS`.

    Example, a row [a / b c] with `/` as the end-of-document token, documents kept apart:
      labels [-100 / -100 c], positions [0 1 0 1]
    """
    predict = recipe.next_tokens
    assert predict is not None
    ids = batch.ids.astype(np.int32)
    places, targets = predict.predicted(batch, vocabulary)
    labels = np.full(len(ids), IGNORED, np.int32)
    labels[places] = targets
    found: list[Array] = [ids, _ones(batch), labels]
    if predict.keep_apart:
        starts = np.flatnonzero(batch.annotations[DOCUMENTS])
        pieces = np.union1d(batch.offsets, starts)
        found.append(positions_in_row(np.diff(pieces)).astype(np.int32))
    return found


def _permuted(batch: StoredBatch, copy: int) -> list[Array]:
    """Returns the values of `PERMUTED_COLUMNS`."""
    at, chosen = _selection(batch, copy)
    ids = batch.ids.astype(np.int32)
    ranks = np.full(len(ids), -1, np.int32)
    ranks[at] = batch.seen[chosen]
    labels = np.where((ranks >= 0) & ~batch.special, ids, np.int32(IGNORED))
    return [ids, _types(batch), _ones(batch), labels, ranks, batch.special.astype(np.int8)]


def _types(batch: StoredBatch) -> Array:
    return token_types(
        batch.ids, batch.offsets, batch.second_segment_start, batch.turn_end, batch.suffix_types
    )


def _ones(batch: StoredBatch) -> Array:
    return np.ones(len(batch.ids), np.int8)


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
