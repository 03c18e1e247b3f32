"""Finished shards as one table, gathered from files that are mapped into memory."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.columns import ANNOTATION_VALUES, ANNOTATIONS, IGNORED, Column, has_spans
from schemas.records import Array, Bool, Int64
from schemas.vocabulary import Vocabulary
from trainer.rows.mapped_columns import MappedBatches, MappedLists
from trainer.rows.mapped_edits import MappedEdits
from trainer.rows.shard_checks import map_shard, record_batches, relations_of
from trainer.rows.stored_rows import Rows, Streams, flat_positions
from transforms.arrays.edits import Edits
from transforms.arrays.marks import span_marks
from transforms.arrays.ragged import Ragged, offsets_of, read_only
from transforms.arrays.spans import Spans
from transforms.contract.stored_columns import special_tokens
from transforms.objectives.recipe import Recipe


class MappedShards:
    """Shards of one recipe on a local disk, as one table.

    Attributes:
      lengths: int32[R]; tokens of every row, shard after shard.
      stream: uint16[R]; its stream, by number in its shard; None where rows are no streams.
      reversed: bool[R]; whether its tokens stand in reversed order; None if those of none may.
    """

    def __init__(self, paths: Sequence[Path], recipe: Recipe, vocabulary: Vocabulary) -> None:
        """Maps the files and reads the lengths of all rows.

        Raises:
          UsageError: if a file cannot be opened.
          DamagedError: if a file is no uncompressed Arrow file of this recipe, or an offset or code
            in it points outside.
        """
        # The kinds of tokens and their counts are for others; less is pickled for a worker.
        plain = dataclasses.replace(vocabulary, kinds=None, counts=None)
        self._arguments = (tuple(paths), recipe, plain)
        self._copies = recipe.copies
        self._turn_end = vocabulary.sep if recipe.rules.turns else None
        self._suffix_types = recipe.layout.suffix_types
        schema, ids = recipe.schema(vocabulary), vocabulary.id_type
        files = [map_shard(path) for path in paths]
        found = [
            list(record_batches(path, file, schema, recipe))
            for path, file in zip(paths, files, strict=True)
        ]
        batches = [batch for each in found for batch in each]
        counts = [sum(batch.num_rows for batch in each) for each in found]
        self._shards = offsets_of(np.array(counts, np.int64))
        self._first = offsets_of(np.array([batch.num_rows for batch in batches], np.int64))
        mapped = MappedBatches(files, batches)
        self._tokens = mapped.lists("input_ids", ids)
        self._second = mapped.values("second_segment_start", "uint16")
        names = [each.targets.columns(ids) for each in recipe.stored]
        kept = [[_nested(mapped, column) for column in two[:2]] for two in names]
        self._selected = [positions for positions, _ in kept]
        self._seen = [seen for _, seen in kept]
        self._spans: dict[str, tuple[MappedLists, MappedLists]] = {}
        self._marked: dict[str, MappedLists] = {}
        self._values: dict[str, MappedLists] = {}
        for name in recipe.annotations:
            column = ANNOTATIONS[name].name
            if has_spans(name):
                starts, ends = (mapped.lists(column, "uint16", 1, each) for each in (4, 6))
                self._spans[name] = starts, ends
            else:
                self._marked[name] = mapped.lists(column, "uint16")
            if name in ANNOTATION_VALUES:
                self._values[name] = mapped.lists(ANNOTATION_VALUES[name].name, "uint32")
        self._words = mapped.lists("word_starts", "uint16") if recipe.needs_words else None
        self._edits: MappedEdits | None = None
        if recipe.denoise is not None:
            self._edits = MappedEdits.of(
                paths[0].parent if paths else Path(),
                mapped,
                recipe.denoise.rules,
                recipe.copies,
                ids,
                marked=recipe.denoise.target.marked,
            )
        columns = () if recipe.labelled is None else recipe.labelled.columns()
        self._labelled = {each.name: _label_column(mapped, each) for each in columns}
        self._relation = None
        if recipe.pair.relations:
            codes = str(schema.field("pair_relation").type.index_type)
            self._relation = mapped.values("pair_relation", codes)
            self._labels = _pair_labels(batches, recipe)
        streams = recipe.segment.streams
        self.stream: Array | None = mapped.column("stream") if streams else None
        self.reversed: Bool | None = mapped.column("reversed") if streams > 1 else None
        self.lengths = self._tokens.lengths(np.diff(self._first))
        # Keeps the files mapped.
        self._mapped = mapped

    def __reduce__(self) -> tuple[Any, ...]:
        return MappedShards, self._arguments

    def __len__(self) -> int:
        return len(self.lengths)

    def rows(self, rows: Int64) -> Rows:
        """Returns rows by number, in the order given."""
        place = self._find(rows)
        label = None
        if self._relation is not None:
            label = self._labels[place[0], self._relation.take(*place)]
        tokens = self._tokens.take(*place)
        second = self._second.take(*place).astype(np.int64)
        labels = self._token_labels(rows, tokens, second)
        values = {name: self.labels_of(rows, name) for name in self._labelled}
        return Rows(tokens, second, label, labels, self._turn_end, self._suffix_types, values)

    def labels_of(self, rows: Int64, name: str) -> Array | Ragged:
        """Returns a column of what rows are labelled with: a value for each, or a list."""
        column = self._labelled[name]
        if isinstance(column, MappedLists):
            return column.take(*self._find(rows))
        found: Array = column[rows]
        return found

    def values(self, name: str) -> Array:
        """Returns [R]: a column of what rows are labelled with, of one value for each row."""
        found = self._labelled[name]
        assert isinstance(found, np.ndarray)
        return found

    def second_starts(self) -> Int64:
        """Returns int64[R]: where the second segment of every row begins, or the row ends."""
        return self._second.take(*self._find(np.arange(len(self)))).astype(np.int64)

    def _token_labels(self, rows: Int64, tokens: Ragged, second: Int64) -> dict[str, Array]:
        _, recipe, vocabulary = self._arguments
        if not recipe.labels:
            return {}
        special = special_tokens(tokens, second, recipe.rules, vocabulary)
        return {
            labels.name: labels.labels(self.marks(rows, labels.name, tokens), special, IGNORED)
            for labels in recipe.labels
        }

    def selected(self, rows: Int64, copy: int, corruption: int) -> tuple[Ragged, Array]:
        """Returns the positions that a copy of a corruption selects in rows, and the ids seen."""
        batch, row = self._find(rows)
        lists = row * self._copies + copy
        positions = self._selected[corruption].take(batch, lists)
        return positions, self._seen[corruption].take(batch, lists).values

    def edits(self, rows: Int64, copy: int, lengths: Int64) -> Edits:
        """Returns the edits of a copy of rows of these lengths."""
        assert self._edits is not None
        return self._edits.take(*self._find(rows), copy, lengths)

    # Rows of 3 and 4 tokens; positions 1 in the first and 0, 2 in the second -> 0 1 0 | 1 0 1 0
    def marks(self, rows: Int64, name: str, tokens: Ragged) -> Array:
        """Returns [T]: the marks of an annotation, see `transforms.arrays.marks`."""
        if name in self._spans:
            starts, ends = (flat_positions(tokens, each) for each in self.spans(rows, name))
            return span_marks(Spans(starts, ends), len(tokens.values))
        place = self._find(rows)
        positions = self._marked[name].take(*place)
        values = np.ones(len(positions.values), np.uint8)
        if name in self._values:
            values = self._values[name].take(*place).values + 1
        marks = np.zeros(len(tokens.values), values.dtype)
        marks[flat_positions(tokens, positions)] = values
        return marks

    def spans(self, rows: Int64, name: str) -> tuple[Ragged, Ragged]:
        """Returns where the annotated spans of each row begin and end."""
        place = self._find(rows)
        starts, ends = self._spans[name]
        return starts.take(*place), ends.take(*place)

    def most_selected(self) -> Int64:
        """Returns int64[R]: the most tokens that a copy of the first corruption selects in each."""
        lengths = self._selected[0].lengths(np.diff(self._first) * self._copies)
        return lengths.reshape(-1, self._copies).max(axis=1).astype(np.int64)

    def word_starts(self, rows: Int64) -> Ragged | None:
        """Returns the positions in each row where words begin; None if they are not stored."""
        return None if self._words is None else self._words.take(*self._find(rows))

    def word_flags(self, rows: Int64, tokens: Ragged) -> Bool | None:
        """Returns bool[T]: a word begins at a token of rows; None if that is not stored."""
        from transforms.kernels.stored_words import mark_positions

        words = self.word_starts(rows)
        if words is None:
            return None
        flags = np.zeros(len(tokens.values), np.bool_)
        starts = read_only(words.values), read_only(words.offsets)
        mark_positions(starts, read_only(tokens.offsets), flags)
        return flags

    def marked(self, name: str) -> Array:
        """Returns int32[R]: the number of tokens that an annotation of tokens marks in each row."""
        return self._marked[name].lengths(np.diff(self._first))

    # Shards of 3 and 2 rows, streams 0 0 1 | 1 1: begins 0 2 3, ends 2 3 5
    def streams(self) -> Streams:
        """Returns the streams of all shards; where rows are no streams, each row is one."""
        starts = np.ones(len(self), np.bool_)
        if self.stream is not None:
            starts[1:] = self.stream[1:] != self.stream[:-1]
            borders = self._shards[:-1]
            starts[borders[borders < len(self)]] = True
        return self._ranges(np.flatnonzero(starts))

    # Shards of 3 and 2 rows, records 0 0 1 | 1 1: offsets 0 2 3 5
    def records(self) -> Int64:
        """Returns int64[G + 1]: where the rows of each labelled record begin, and all end."""
        record = self.values("record")
        starts = np.ones(len(self), np.bool_)
        starts[1:] = record[1:] != record[:-1]
        borders = self._shards[:-1]
        starts[borders[borders < len(self)]] = True
        return np.append(np.flatnonzero(starts), len(self))

    def single_rows(self) -> Streams:
        """Returns every row as a stream of its own."""
        return self._ranges(np.arange(len(self)))

    def _ranges(self, begins: Int64) -> Streams:
        backward, both = np.zeros(len(begins), np.bool_), self.reversed is not None
        if self.reversed is not None:
            backward = self.reversed[begins]
        ends = np.append(begins[1:], len(self))[: len(begins)]
        return Streams(begins, ends, backward, both)

    def _find(self, rows: Int64) -> tuple[Int64, Int64]:
        """Returns the record batch of each row, and its number in it."""
        batch = np.searchsorted(self._first, rows, "right") - 1
        return batch, rows - self._first[batch]


def _label_column(mapped: MappedBatches, column: Column) -> Array | MappedLists:
    """Returns a column of labels: its values, or its lists."""
    if pa.types.is_list(column.type):
        return mapped.lists(column.name, str(column.type.value_type))
    return mapped.column(column.name)


def _nested(mapped: MappedBatches, column: Column) -> MappedLists:
    """Returns a column of a list for each copy."""
    return mapped.nested_lists(column.name, str(column.type.value_type.value_type))


def _pair_labels(batches: Sequence[pa.RecordBatch], recipe: Recipe) -> Int64:
    """Returns int64[B, N]: for each code that a batch may use, the label of its relation."""
    most = max(1 << 7, len(recipe.pair.relations))
    labels = np.full((len(batches), most), IGNORED, np.int64)
    for row, batch in zip(labels, batches, strict=True):
        names = relations_of(batch)
        row[: len(names)] = [recipe.pair.labels.get(name, IGNORED) for name in names]
    return labels
