"""The stored edits of mapped shards."""

import dataclasses
from pathlib import Path

import numpy as np

from schemas.checked_json import DamagedError
from schemas.columns import EDITS, FRAGMENT_STARTS, NOISE_SEED, ROTATIONS, SENTENCE_ORDERS, edit_ids
from schemas.records import Array, Bool, Int64
from trainer.rows.mapped_columns import MappedBatches, MappedLists, MappedValues
from transforms.arrays.edits import Edits, count_encoded, one_span, read_counted, seeds_of
from transforms.arrays.ragged import Ragged
from transforms.contract.rules import StoredEdits


@dataclasses.dataclass(frozen=True, eq=False)
class MappedEdits:
    """Columns with a list, or a value, for each copy of each row.

    Attributes:
      folder: Of the shards.
      copies: How many there are of each row.
      id_type: Of ids.
      codes: What `transforms.arrays.edits.Edits.encoded` returned; None where `starts` are stored.
      starts: Where the one span of each copy begins, a list for each row; None if there are codes.
      part: Of the row that it takes; None likewise.
      ids: That they put in; None if none are stored.
      orders: Of sentences; None if they stay where they are.
      rotations: Of sources, a list for each row; None if none is rotated.
      seeds: Of what is drawn where a row is read, one for each row; None if nothing is.
      marked: A token can stand for a span.
    """

    folder: Path
    copies: int
    id_type: str
    codes: MappedLists | None
    starts: MappedLists | None
    part: float | None
    ids: MappedLists | None
    orders: MappedLists | None
    rotations: MappedLists | None
    seeds: MappedValues | None
    marked: bool

    @staticmethod
    def of(
        folder: Path,
        mapped: MappedBatches,
        rules: StoredEdits,
        copies: int,
        id_type: str,
        *,
        marked: bool,
    ) -> "MappedEdits":
        """Finds the columns in record batches."""
        return MappedEdits(
            folder,
            copies,
            id_type,
            codes=mapped.nested_lists(EDITS.name, "uint8") if rules.part is None else None,
            starts=None if rules.part is None else mapped.lists(FRAGMENT_STARTS.name, "uint16"),
            part=rules.part,
            ids=mapped.nested_lists(edit_ids(id_type).name, id_type) if rules.ids else None,
            orders=mapped.nested_lists(SENTENCE_ORDERS.name, "uint8") if rules.orders else None,
            rotations=mapped.lists(ROTATIONS.name, "uint16") if rules.rotations else None,
            seeds=mapped.values(NOISE_SEED.name, "uint32") if rules.seeds else None,
            marked=marked,
        )

    def take(self, batch: Int64, row: Int64, copy: int, lengths: Int64) -> Edits:
        """Returns the edits of a copy of rows.

        Args:
          batch: int64[R]; the record batch of each row.
          row: int64[R]; its number in it.
          copy: Number of the copy.
          lengths: int64[R]; tokens of the rows.

        Raises:
          DamagedError: if they are no edits of such rows.
        """
        lists = row * self.copies + copy
        if self.starts is not None:
            found = self._one_span(self._copy(self.starts, batch, row, copy), lengths)
        else:
            found = self._coded(batch, lists, lengths)
        turned, seeds = self.rotations, self.seeds
        return dataclasses.replace(
            found,
            orders=None if self.orders is None else self.orders.take(batch, lists),
            rotations=None if turned is None else self._copy(turned, batch, row, copy),
            seeds=None if seeds is None else seeds_of(seeds.take(batch, row), np.array([copy])),
        )

    def _one_span(self, starts: Array, lengths: Int64) -> Edits:
        """Returns the one span of each row that begins there."""
        assert self.part is not None
        one_each = Ragged(starts, np.arange(len(starts) + 1))
        found, outside = one_span(one_each, self.part, lengths, np.dtype(self.id_type))
        self._check(outside)
        return found

    def _coded(self, batch: Int64, lists: Int64, lengths: Int64) -> Edits:
        """Returns the spans of some lists, and the ids that they put in."""
        assert self.codes is not None
        codes = self.codes.take(batch, lists)
        ids = Ragged(np.empty(0, self.id_type), np.zeros(len(lists) + 1, np.int64))
        if self.ids is not None:
            ids = self.ids.take(batch, lists)
        counts = count_encoded(codes, lengths, 1, marked=self.marked)
        self._check((counts[:, 0] < 0) | (counts[:, 1] != ids.lengths))
        return read_counted(codes, counts[:, 0], ids)

    def _check(self, damaged: Bool) -> None:
        if damaged.any():
            raise DamagedError(
                f"{self.folder} has damaged edits; run shardmill verify for a full check"
            )

    def _copy(self, lists: MappedLists, batch: Int64, row: Int64, copy: int) -> Array:
        """Returns the number of a copy of each row, of a column with one for each copy."""
        return lists.take(batch, row).values.reshape(-1, self.copies)[:, copy]
