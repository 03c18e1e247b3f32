"""Opens shards, and makes sure that whatever is read by index lies inside them."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numpy_of
from schemas.checked_json import DamagedError
from schemas.columns import ANNOTATION_VALUES, ANNOTATIONS
from schemas.errors import UsageError
from schemas.records import Array
from schemas.shards import map_file
from trainer.rows.mapped_columns import buffers_of
from transforms.contract.structure import columns_of
from transforms.objectives.recipe import Recipe


def map_shard(path: Path) -> pa.Buffer:
    """Maps a file into memory."""
    try:
        if not os.path.getsize(path):
            return pa.py_buffer(b"")
        with map_file(path) as file:
            return file.read_buffer()
    except OSError as error:
        raise UsageError(f"{path} cannot be opened: {error}") from error


def record_batches(
    path: Path, file: pa.Buffer, schema: pa.Schema, recipe: Recipe
) -> Iterator[pa.RecordBatch]:
    """Yields the record batches of a file that have rows; they are views of it."""
    try:
        reader = pa.ipc.open_file(pa.BufferReader(file))
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            if not batch.schema.equals(schema):
                raise DamagedError(f"{path} has other columns than its recipe; build it again")
            if batch.num_rows:
                _check_place(path, file, batch)
                _check_indices(path, batch, recipe)
                _check_relations(path, batch, recipe)
                _check_labels(path, batch, recipe)
                yield batch
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        what = " ".join(str(error).split())
        raise DamagedError(f"{path} is not a valid Arrow file: {what}") from error


def _check_place(path: Path, file: pa.Buffer, batch: pa.RecordBatch) -> None:
    """Makes sure that the values lie in the file: they do not if it is compressed."""
    for column in batch.columns:
        for buffer in filter(None, buffers_of(column)):
            begin = buffer.address - file.address
            if buffer.size and not 0 <= begin <= file.size - buffer.size:
                raise DamagedError(f"{path} is compressed; shards are mapped, and must not be")


def _check_indices(path: Path, batch: pa.RecordBatch, recipe: Recipe) -> None:
    """Makes sure that what is read by index is there: all offsets and codes, not the values.

    Rows are gathered from mapped memory, where a wrong offset would read whatever lies there.
    """
    batch.validate(full=True)
    if any(column.null_count for column in batch.columns):
        raise DamagedError(f"{path} has nulls, and shards have none")
    lengths = _list_lengths(batch.column("input_ids"))
    if (batch.column("second_segment_start").to_numpy() > lengths).any():
        raise DamagedError(f"{path} has a row whose segment B begins outside")
    for corruption in recipe.stored:
        positions, seen = (
            batch.column(each.name) for each in corruption.targets.columns("uint16")[:2]
        )
        if any((_list_lengths(each) != recipe.copies).any() for each in (positions, seen)):
            raise DamagedError(f"{path} has a row with another number of copies than its recipe")
        if not np.array_equal(_list_lengths(positions.flatten()), _list_lengths(seen.flatten())):
            raise DamagedError(f"{path} has a row with more or fewer positions than ids seen there")
    edits = () if recipe.rules.edits is None else columns_of(recipe.rules.edits)
    if any((_list_lengths(batch.column(name)) != recipe.copies).any() for name in edits):
        raise DamagedError(f"{path} has a row with another number of copies than its recipe")
    for name in recipe.annotations:
        if name in ANNOTATION_VALUES:
            pair = ANNOTATIONS[name].name, ANNOTATION_VALUES[name].name
            one, other = (_list_lengths(batch.column(each)) for each in pair)
            if not np.array_equal(one, other):
                raise DamagedError(f"{path} has a row whose {' and '.join(pair)} differ in number")


def _check_labels(path: Path, batch: pa.RecordBatch, recipe: Recipe) -> None:
    """Makes sure that labels of tokens are as many as the tokens."""
    lengths = _list_lengths(batch.column("input_ids"))
    for column in () if recipe.labelled is None else recipe.labelled.columns():
        if pa.types.is_list(column.type) and not np.array_equal(
            _list_lengths(batch.column(column.name)), lengths
        ):
            raise DamagedError(f"{path} has a row with more or fewer {column.name} than tokens")


def _list_lengths(column: pa.ListArray) -> Array:
    # Arrow's own conversion of offsets imports pandas.
    return np.diff(numpy_of(column.offsets))


def _check_relations(path: Path, batch: pa.RecordBatch, recipe: Recipe) -> None:
    """Makes sure that the recipe knows the relations of pairs."""
    for name in relations_of(batch) if recipe.pair.relations else ():
        if name not in recipe.pair.relations:
            raise DamagedError(
                f"{path} has pairs with the relation {name!r}; {recipe.name} knows "
                f"{', '.join(recipe.pair.relations)}"
            )


def relations_of(batch: pa.RecordBatch) -> list[str]:
    """Returns the names of the relations that the codes of a record batch stand for."""
    return batch.column("pair_relation").dictionary.to_pylist()
