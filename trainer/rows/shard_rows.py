"""The rows of finished shards, gathered from files that are mapped into memory.

Uncompressed Arrow files need no parsing: a value lies in the mapped file at a place that the file's
own offsets tell. All files together are looked at as one array of numbers, from the lowest address
to the highest, so a batch with rows of any shards is gathered by one index, without a loop. Only
indices that the files' offsets give are used, so what lies between the files is never touched.
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.checked_json import DamagedError
from schemas.columns import ANNOTATION_VALUES, ANNOTATIONS, has_spans
from schemas.errors import UsageError
from schemas.records import Array, Int64
from schemas.shards import map_file
from schemas.vocabulary import Vocabulary
from transforms.annotate.annotations import span_marks
from transforms.arrays.ragged import Ragged, offsets_of, range_indices
from transforms.arrays.spans import Spans
from transforms.build.standard_columns import IGNORED
from transforms.contract.stored import special_tokens
from transforms.objectives.recipe import Recipe
from transforms.windows.token_types import token_types


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Some rows as they are stored.

    Attributes:
      tokens: `input_ids`, uint16 or uint32, not corrupted.
      second_segment_start: int64[R].
      pair_label: int64[R] label of the pair's relation, -100 if it has none; None without pairs.
      token_labels: What is told of tokens: name to int[T], -100 where nothing is; see
        `transforms.labels.token_labels`.
      turn_end: The separator after the turns of a dialogue; None where rows are no dialogues.
    """

    tokens: Ragged
    second_segment_start: Int64
    pair_label: Int64 | None
    token_labels: Mapping[str, Array] = dataclasses.field(default_factory=dict)
    turn_end: int | None = None

    @property
    def token_types(self) -> Array:
        """int8[T]; see `transforms.windows.token_types`."""
        tokens = self.tokens
        return token_types(tokens.values, tokens.offsets, self.second_segment_start, self.turn_end)


@dataclasses.dataclass(frozen=True, eq=False)
class _Lists:
    """Where the lists of a column begin: for every record batch, addresses in items.

    Attributes:
      offsets: int64[B]; of the batch's int32 offsets.
      values: int64[B]; of its values.
    """

    offsets: Int64
    values: Int64


class MappedShards:
    """Shards of one recipe on a local disk, as one table.

    Attributes:
      lengths: int32[R]; tokens of every row, shard after shard.
    """

    def __init__(self, paths: Sequence[Path], recipe: Recipe, vocabulary: Vocabulary) -> None:
        """Maps the files and reads the lengths of all rows.

        Raises:
          UsageError: if a file cannot be opened.
          DamagedError: if a file is no uncompressed Arrow file of this recipe, or an offset or code
            in it points outside.
        """
        # The kinds of tokens are for checks; without them the shards travel to a worker lightly.
        self._arguments = (tuple(paths), recipe, dataclasses.replace(vocabulary, kinds=None))
        self._copies = recipe.copies
        self._turn_end = vocabulary.sep if recipe.turns else None
        schema = recipe.schema(vocabulary)
        self._files = [_map(path) for path in paths]
        batches = [
            batch
            for path, file in zip(paths, self._files, strict=True)
            for batch in _batches(path, file, schema, recipe)
        ]
        filled = [file for file in self._files if file.size]
        self._base = min((file.address for file in filled), default=0)
        self._end = max((file.address + file.size for file in filled), default=0)
        self._first = offsets_of(np.array([batch.num_rows for batch in batches], np.int64))
        ids = np.dtype(vocabulary.id_type).itemsize
        self._ids = self._numbers(vocabulary.id_type)
        self._halves = self._numbers("uint16")
        self._quarters = self._numbers("uint32")
        self._offsets = self._numbers("int32")
        self._tokens = self._lists(batches, "input_ids", ids)
        self._second = self._places(batches, "second_segment_start", 1, 2)
        names = [each.targets.columns(vocabulary.id_type) for each in recipe.stored]
        self._selected = [self._lists(batches, each.name, 2, nested=True) for each, _ in names]
        self._seen = [self._lists(batches, each.name, ids, nested=True) for _, each in names]
        self._spans = {
            name: self._span_lists(batches, ANNOTATIONS[name].name)
            for name in recipe.annotations
            if has_spans(name)
        }
        self._marked = {
            name: self._lists(batches, ANNOTATIONS[name].name, 2)
            for name in recipe.annotations
            if not has_spans(name)
        }
        self._values = {
            name: self._lists(batches, ANNOTATION_VALUES[name].name, 4)
            for name in recipe.annotations
            if name in ANNOTATION_VALUES
        }
        self._words = self._lists(batches, "word_starts", 2) if recipe.needs_words else None
        self._relation = None
        if recipe.pair.relations:
            kind = schema.field("pair_relation").type.index_type
            self._codes = self._numbers(str(kind))
            self._relation = self._places(batches, "pair_relation", 1, kind.bit_width // 8)
            self._labels = _pair_labels(batches, recipe)
        self.lengths = self._all_lengths(self._tokens)

    def __reduce__(self) -> tuple[Any, ...]:
        return MappedShards, self._arguments

    def __len__(self) -> int:
        return len(self.lengths)

    def rows(self, rows: Int64) -> Rows:
        """Returns rows by number, in the order given."""
        batch, row = self._find(rows)
        label = None
        if self._relation is not None:
            label = self._labels[batch, self._codes[self._relation[batch] + row]]
        tokens = self._gather(self._tokens, self._ids, batch, row)
        second = self._halves[self._second[batch] + row].astype(np.int64)
        labels = self._token_labels(rows, tokens, second)
        return Rows(tokens, second, label, labels, self._turn_end)

    def _token_labels(self, rows: Int64, tokens: Ragged, second: Int64) -> dict[str, Array]:
        _, recipe, vocabulary = self._arguments
        if not recipe.labels:
            return {}
        special = special_tokens(tokens, second, recipe, vocabulary)
        return {
            labels.name: labels.told(self.marks(rows, labels.name, tokens), special, IGNORED)
            for labels in recipe.labels
        }

    def selected(self, rows: Int64, copy: int, number: int = 0) -> tuple[Ragged, Array]:
        """Returns the positions that a copy selects in each row, and the ids seen at them.

        Args:
          rows: Their numbers.
          copy: Number of the copy.
          number: Of the corruption.
        """
        batch, row = self._find(rows)
        lists = row * self._copies + copy
        positions = self._gather(self._selected[number], self._halves, batch, lists)
        return positions, self._gather(self._seen[number], self._ids, batch, lists).values

    def marks(self, rows: Int64, name: str, tokens: Ragged) -> Array:
        """Returns [T]: the marks of an annotation, see `transforms.annotate.annotations`.

        Args:
          rows: Their numbers.
          name: Of the annotation.
          tokens: Of these rows.
        """
        if not has_spans(name):
            place = self._find(rows)
            positions = self._gather(self._marked[name], self._halves, *place)
            values = np.ones(len(positions.values), np.uint8)
            if name in self._values:
                values = self._gather(self._values[name], self._quarters, *place).values + 1
            marks = np.zeros(len(tokens.values), values.dtype)
            marks[np.repeat(tokens.offsets[:-1], positions.lengths) + positions.values] = values
            return marks
        starts, ends = self.spans(rows, name)
        base = np.repeat(tokens.offsets[:-1], starts.lengths)
        return span_marks(Spans(base + starts.values, base + ends.values), len(tokens.values))

    def most_selected(self, number: int = 0) -> Int64:
        """Returns int64[R]: the most tokens that a copy of a corruption selects in each row."""
        counts = np.diff(self._first) * self._copies
        parts = [
            np.diff(self._offsets[at : at + count + 1]).reshape(-1, self._copies).max(axis=1)
            for at, count in zip(
                self._selected[number].offsets.tolist(), counts.tolist(), strict=True
            )
        ]
        return np.concatenate(parts).astype(np.int64) if parts else np.empty(0, np.int64)

    def spans(self, rows: Int64, name: str) -> tuple[Ragged, Ragged]:
        """Returns where the annotated spans of each row begin and end."""
        place = self._find(rows)
        starts, ends = self._spans[name]
        return self._gather(starts, self._halves, *place), self._gather(ends, self._halves, *place)

    def word_starts(self, rows: Int64) -> Ragged | None:
        """Returns the positions in each row where words begin; None if they are not stored."""
        if self._words is None:
            return None
        return self._gather(self._words, self._halves, *self._find(rows))

    def _find(self, rows: Int64) -> tuple[Int64, Int64]:
        """Returns the record batch of each row, and its number in it."""
        batch = np.searchsorted(self._first, rows, "right") - 1
        return batch, rows - self._first[batch]

    def _gather(self, lists: _Lists, values: Array, batch: Int64, row: Int64) -> Ragged:
        at = lists.offsets[batch] + row
        begins = self._offsets[at].astype(np.int64)
        lengths = self._offsets[at + 1] - begins
        return Ragged.from_lengths(
            values[range_indices(lists.values[batch] + begins, lengths)], lengths
        )

    def marked(self, name: str) -> Array:
        """Returns int32[R]: how many tokens of each row an annotation of single tokens marks."""
        return self._all_lengths(self._marked[name])

    def _all_lengths(self, lists: _Lists) -> Array:
        counts = np.diff(self._first)
        parts = [
            np.diff(self._offsets[at : at + count + 1])
            for at, count in zip(lists.offsets.tolist(), counts.tolist(), strict=True)
        ]
        return np.concatenate(parts) if parts else np.empty(0, np.int32)

    def _numbers(self, kind: str) -> Array:
        """Returns all memory from the first file to the last as numbers of one type."""
        return np.asarray(_Memory(self._base, self._end, np.dtype(kind)))

    def _lists(
        self, batches: Sequence[pa.RecordBatch], name: str, size: int, *, nested: bool = False
    ) -> _Lists:
        offsets, values = (3, 5) if nested else (1, 3)
        return _Lists(
            self._places(batches, name, offsets, 4), self._places(batches, name, values, size)
        )

    def _span_lists(self, batches: Sequence[pa.RecordBatch], name: str) -> tuple[_Lists, _Lists]:
        offsets = self._places(batches, name, 1, 4)
        return (
            _Lists(offsets, self._places(batches, name, 4, 2)),
            _Lists(offsets, self._places(batches, name, 6, 2)),
        )

    def _places(
        self, batches: Sequence[pa.RecordBatch], name: str, buffer: int, size: int
    ) -> Int64:
        """Returns where each batch has one of a column's buffers, counted in items."""
        found = [_buffers(batch.column(name))[buffer] for batch in batches]
        addresses = np.array([each.address if each else self._base for each in found], np.int64)
        return (addresses - self._base) // size


@dataclasses.dataclass(frozen=True)
class _Memory:
    """Shows NumPy the memory in [begin, end) as a read-only array."""

    begin: int
    end: int
    kind: np.dtype[Any]

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {
            "data": (self.begin, True),
            "shape": ((self.end - self.begin) // self.kind.itemsize,),
            "typestr": self.kind.str,
            "version": 3,
        }


def _map(path: Path) -> pa.Buffer:
    """Maps a file into memory."""
    try:
        if not os.path.getsize(path):
            return pa.py_buffer(b"")
        with map_file(path) as file:
            return file.read_buffer()
    except OSError as error:
        raise UsageError(f"{path} cannot be opened: {error}") from error


def _batches(
    path: Path, file: pa.Buffer, schema: pa.Schema, recipe: Recipe
) -> Iterator[pa.RecordBatch]:
    """Yields the record batches of a file that have rows; they are views of it."""
    try:
        reader = pa.ipc.open_file(pa.BufferReader(file))
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            if not batch.schema.equals(schema):
                raise DamagedError(f"{path} has other columns than its recipe; build it anew")
            if batch.num_rows:
                _check_place(path, file, batch)
                _check_indices(path, batch, recipe)
                _check_relations(path, batch, recipe)
                yield batch
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        told = " ".join(str(error).split())
        raise DamagedError(f"{path} is not a valid Arrow file: {told}") from error


def _check_place(path: Path, file: pa.Buffer, batch: pa.RecordBatch) -> None:
    """Makes sure that the values lie in the file: they do not if it is compressed."""
    for column in batch.columns:
        for buffer in filter(None, _buffers(column)):
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
    for name in recipe.annotations:
        if name in ANNOTATION_VALUES:
            pair = ANNOTATIONS[name].name, ANNOTATION_VALUES[name].name
            one, other = (_list_lengths(batch.column(each)) for each in pair)
            if not np.array_equal(one, other):
                raise DamagedError(f"{path} has a row whose {' and '.join(pair)} differ in number")


def _list_lengths(column: pa.ListArray) -> Array:
    return np.diff(column.offsets.to_numpy())


def _buffers(column: pa.Array) -> list[pa.Buffer | None]:
    indices = column.indices if isinstance(column, pa.DictionaryArray) else column
    buffers: list[pa.Buffer | None] = indices.buffers()
    return buffers


def _check_relations(path: Path, batch: pa.RecordBatch, recipe: Recipe) -> None:
    """Makes sure that the recipe knows the relations of pairs."""
    for name in _relations(batch) if recipe.pair.relations else ():
        if name not in recipe.pair.relations:
            raise DamagedError(
                f"{path} has pairs with the relation {name!r}; {recipe.name} knows "
                f"{', '.join(recipe.pair.relations)}"
            )


def _pair_labels(batches: Sequence[pa.RecordBatch], recipe: Recipe) -> Int64:
    """Returns int64[B, N]: for each code that a batch may use, the label of its relation."""
    most = max(1 << 7, len(recipe.pair.relations))
    labels = np.full((len(batches), most), IGNORED, np.int64)
    for row, batch in zip(labels, batches, strict=True):
        names = _relations(batch)
        row[: len(names)] = [recipe.pair.labels.get(name, IGNORED) for name in names]
    return labels


def _relations(batch: pa.RecordBatch) -> list[str]:
    names: list[str] = batch.column("pair_relation").dictionary.to_pylist()
    return names
