"""The rows of a shard as they were stored, as NumPy views."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numpy_of
from schemas.columns import SENTENCES, SOURCE
from schemas.records import Array, Bool, Bytes, Int64
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples
from transforms.arrays.edits import Edits
from transforms.arrays.ragged import Ragged, read_only
from transforms.arrays.sequences import CleanRows
from transforms.contract.rules import RowRules
from transforms.contract.stored_columns import (
    ragged,
    ragged_copies,
    row_values,
    special_tokens,
    stored_edits,
    stored_marks,
)


@dataclasses.dataclass(frozen=True, eq=False)
class StoredBatch:
    """Consecutive rows of a masked-LM shard.

    Attributes:
      ids: uint16[T] or uint32[T].
      offsets: int64[R + 1]; row r is ids[offsets[r]:offsets[r + 1]].
      second_segment_start: int64[R].
      special: bool[T]; a special token stands here, by the recipe's layout and packing.
      relation: Name of the relation of each row, by code, and int64[R] codes; None without pairs.
      word_starts: Positions in the row where words begin, or None.
      copies: Lists a row.
      selected: Positions in the row that the corruption in view selects, uint16, a list for each
        row and copy.
      seen: uint16[P] or uint32[P]; what the model sees there, or what else is stored of it.
      holds_ids: Whether these are ids.
      earlier: The same positions of the corruptions before it.
      annotations: The marks of annotated tokens, by name; see `transforms.arrays.marks`.
      turn_end: The separator after turns; None where rows are no dialogues.
      stream: int64[R]; the stream of each row, by its number in the shard; None without streams.
      backward: bool[R]; whether its tokens are in reversed order; None where there are none such.
      suffix_types: Token types of the special tokens at the end of a row of two segments.
      made_edits: The edits of each row and copy; None where rows have none.
      values: What rows are labelled with, by column.
    """

    ids: Array
    offsets: Int64
    second_segment_start: Int64
    special: Bool
    relation: tuple[list[str], Int64] | None
    word_starts: Ragged | None
    copies: int
    selected: Ragged
    seen: Array
    earlier: tuple[Ragged, ...] = ()
    holds_ids: bool = True
    annotations: Mapping[str, Bytes] = dataclasses.field(default_factory=dict)
    turn_end: int | None = None
    stream: Int64 | None = None
    backward: Bool | None = None
    suffix_types: tuple[int, ...] = ()
    made_edits: Edits | None = None
    values: Mapping[str, pa.Array] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(
        cls, batch: pa.RecordBatch, rules: RowRules, vocabulary: Vocabulary, number: int = 0
    ) -> "StoredBatch":
        """Takes the columns of a batch, whose structure must be sound (see `structure`).

        Args:
          batch: The rows.
          rules: Of the recipe that they were built by.
          vocabulary: Of the tokenizer.
          number: Of the corruption in view, among those that are stored.
        """
        ids = ragged(batch.column("input_ids"))
        edits = None if rules.edits is None else stored_edits(batch, rules.edits)
        starts = numpy_of(batch.column("second_segment_start")).astype(np.int64)
        names = batch.schema.names
        relation = None
        if "pair_relation" in names:
            codes = batch.column("pair_relation")
            relation = codes.dictionary.to_pylist(), numpy_of(codes.indices).astype(np.int64)
        return cls(
            ids=ids.values,
            offsets=ids.offsets,
            second_segment_start=starts,
            special=special_tokens(ids, starts, rules, vocabulary),
            relation=relation,
            word_starts=ragged(batch.column("word_starts")) if "word_starts" in names else None,
            copies=rules.copies,
            **_selection(batch, rules, number),
            annotations={
                name: stored_marks(name, batch, ids.offsets) for name in rules.annotations
            },
            turn_end=vocabulary.sep if rules.turns else None,
            stream=row_values(batch, "stream", np.int64) if rules.streams else None,
            backward=row_values(batch, "reversed", np.bool_) if rules.streams > 1 else None,
            suffix_types=rules.layout.suffix_types,
            made_edits=edits,
            values={name: batch.column(name) for name in stored_values(rules)},
        )

    def view(self, batch: pa.RecordBatch, rules: RowRules, number: int) -> "StoredBatch":
        """Returns the same rows with another corruption in view."""
        return dataclasses.replace(self, **_selection(batch, rules, number))

    @classmethod
    def views(
        cls, batch: pa.RecordBatch, rules: RowRules, vocabulary: Vocabulary
    ) -> tuple["StoredBatch", ...]:
        """Returns the rows once for each corruption that is stored, or once if none is."""
        first = cls.of(batch, rules, vocabulary)
        others = range(1, len(rules.corruptions))
        return first, *(first.view(batch, rules, number) for number in others)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def edits(self) -> Edits:
        """The edits of each row and copy, of rows that have some."""
        assert self.made_edits is not None
        return self.made_edits

    @property
    def clean(self) -> CleanRows:
        """The rows as edits are made of them."""
        marks = self.annotations.get(SENTENCES)
        return CleanRows(self.ids, self.offsets, None if marks is None else marks > 0)

    @functools.cached_property
    def lengths(self) -> Int64:
        """int64[R]; tokens of each row."""
        return np.diff(self.offsets)

    @functools.cached_property
    def selected_counts(self) -> Int64:
        """int64[R, C]; tokens selected in each row and copy."""
        return self.selected.lengths.reshape(-1, self.copies)

    @functools.cached_property
    def flat(self) -> Int64:
        """int64[P]; index into `ids` of each selected token; any where it is outside its row.

        Example, rows of 4 and 3 tokens and two copies: [1, 3], [2] and [0], [2] become
        [1, 3, 2, 4, 6].
        """
        starts = np.repeat(self.offsets[:-1], self.copies)
        flat = np.repeat(starts, self.selected.lengths)
        flat += self.selected.values
        return np.minimum(flat, len(self.ids) - 1)

    @property
    def overrun(self) -> Bool:
        """bool[R]; a selected position lies outside its row."""
        return self._checked[0][:, 1]

    @property
    def ascending(self) -> Bool:
        """bool[R]; positions ascend strictly in every list of the row."""
        return ~self._checked[0][:, 0]

    @property
    def special_counts(self) -> Int64:
        """int64[R]; special tokens of each row."""
        return self._checked[1][:, 0]

    @property
    def selected_special(self) -> Int64:
        """int64[R]; how many special tokens the copies of a row select, all together."""
        return self._checked[1][:, 1]

    @functools.cached_property
    def _checked(self) -> tuple[Bool, Int64]:
        from transforms.kernels.stored_lists import check_lists

        wrong, special = np.empty((len(self), 2), np.bool_), np.empty((len(self), 2), np.int64)
        check_lists(self.lists, self.rows(self.special), self.copies, wrong, special)
        return wrong, special

    @functools.cached_property
    def lists(self) -> tuple[Array, Int64]:
        """The positions and offsets of `selected`, for compiled loops."""
        return read_only(self.selected.values), read_only(self.selected.offsets)

    def rows(self, *columns: Array) -> Any:
        """Returns a tuple of columns of tokens and the offsets of rows, for compiled loops."""
        return (*map(read_only, columns), read_only(self.offsets))

    @functools.cached_property
    def original(self) -> Array:
        """[P]; the tokens that were selected."""
        return self.ids[self.flat]

    @functools.cached_property
    def word_flags(self) -> Bool:
        """bool[T]; a word begins here. Positions outside their row are left out."""
        from transforms.kernels.stored_words import mark_positions

        flags = np.zeros(len(self.ids), np.bool_)
        if self.word_starts is not None:
            words = read_only(self.word_starts.values), read_only(self.word_starts.offsets)
            mark_positions(words, read_only(self.offsets), flags)
        return flags

    def rows_with(self, chosen: Int64) -> Bool:
        """Returns bool[R]: the rows that some of the selected tokens, given by index, belong to."""
        found = np.zeros(len(self), np.bool_)
        if len(chosen):
            lists = np.searchsorted(self.selected.offsets, chosen, "right") - 1
            found[lists // self.copies] = True
        return found

    def rows_of_tokens(self, chosen: Bool) -> Bool:
        """Returns bool[R]: the rows that have one of these tokens, given as bool[T]."""
        found = np.zeros(len(self), np.bool_)
        tokens = np.flatnonzero(chosen)
        if len(tokens):
            found[np.searchsorted(self.offsets, tokens, "right") - 1] = True
        return found

    def examples(self, rules: RowRules) -> Examples:
        """Returns the rows as they were before they were corrupted."""
        relation = None
        if self.relation is not None:
            names, codes = self.relation
            # An unknown relation is reported by the checks of pairs; here it may be any.
            known = {name: number for number, name in enumerate(rules.relations)}
            numbers = np.array([known.get(name, 0) for name in names])
            relation = numbers[codes].astype(np.uint8)
        return Examples(
            ids=self.ids,
            offsets=self.offsets,
            second_segment_start=self.second_segment_start,
            special=self.special,
            word_starts=None if self.word_starts is None else self.word_flags,
            relation=relation,
            stream=self.stream,
            backward=self.backward,
            reuse_len=rules.reuse_len,
            annotations=self.annotations,
            values=self.values,
        )


def stored_values(rules: RowRules) -> tuple[str, ...]:
    """Returns the columns that are values of rows and say nothing of their tokens."""
    return (*rules.values, *((SOURCE,) if rules.source_stored else ()))


def _selection(batch: pa.RecordBatch, rules: RowRules, number: int) -> dict[str, Any]:
    """Returns the fields that depend on the corruption in view."""
    chosen = rules.corruptions[: number + 1]
    if not chosen:
        none = np.zeros(batch.num_rows * rules.copies, np.int64)
        nothing = Ragged.from_lengths(np.empty(0, np.uint16), none)
        return {"selected": nothing, "seen": nothing.values}
    lists = [ragged_copies(batch.column(each.positions)) for each in chosen]
    return {
        "selected": lists[-1],
        "seen": ragged_copies(batch.column(chosen[-1].seen)).values,
        "earlier": tuple(lists[:-1]),
        "holds_ids": chosen[-1].holds_ids,
    }


def any_copy(found: Bool) -> Bool:
    """Returns bool[R]: the rows where something was found in a copy, from bool[R, C]."""
    rows: Bool = np.logical_or.reduce(found, axis=1)
    return rows
