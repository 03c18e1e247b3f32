"""Edits of rows: which spans are taken away, and what stands in their place."""

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np

from schemas.edits import TOKEN
from schemas.records import Array, Bool, Bytes, Int64
from transforms.arrays.parts import rounded_parts
from transforms.arrays.ragged import Ragged, offsets_of, range_indices, read_only


@dataclasses.dataclass(frozen=True, eq=False)
class Edits:
    """Spans of rows, and what stands in their place; a list for each copy of each row.

    The spans of a list ascend, are disjoint, and may be empty: then something is put in. Where a
    list has an order, they are spans of the row whose sentences stand in that order.

    Attributes:
      offsets: int64[L + 1]; list l is the edits [offsets[l], offsets[l + 1]).
      starts: uint16[E]; first token of each span, in its row.
      ends: uint16[E]; the token behind it.
      fills: uint8[E]; what stands in its place, see `schemas.edits`.
      ids: The ids that fills ask for, one after the other, a list for each of these lists.
      orders: Which sentence of the row stands at each place, uint8, a list for each of these lists;
        None if the sentences of all rows stand where they stood.
      rotations: uint16[L]; by how many tokens a source is rotated. None if none is.
      seeds: uint64[L]; of what is drawn where a row is read: the 32 bits that the row has, and
        above them the number of the copy. None if nothing is.
      drawn: Counts of what they do not show, of all lists together, by the names of statistics.
    """

    offsets: Int64
    starts: Array
    ends: Array
    fills: Bytes
    ids: Ragged
    orders: Ragged | None = None
    rotations: Array | None = None
    seeds: Array | None = None
    drawn: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @staticmethod
    def none(lists: int, id_type: str) -> "Edits":
        """Returns no edits, in so many lists, of rows whose ids are of this type."""
        empty = np.empty(0, np.uint16)
        return Edits(
            np.zeros(lists + 1, np.int64),
            empty,
            empty,
            np.empty(0, np.uint8),
            Ragged(np.empty(0, id_type), np.zeros(lists + 1, np.int64)),
        )

    @functools.cached_property
    def spans(self) -> tuple[Int64, Array, Array, Bytes]:
        """Offsets, starts, ends and fills, for compiled loops."""
        return (
            read_only(self.offsets),
            read_only(self.starts),
            read_only(self.ends),
            read_only(self.fills),
        )

    @functools.cached_property
    def stored_ids(self) -> tuple[Int64, Array]:
        """Offsets and ids, for compiled loops."""
        return read_only(self.ids.offsets), read_only(self.ids.values)

    @property
    def counts(self) -> Int64:
        """int64[L]; edits of each list."""
        return np.diff(self.offsets)

    @property
    def lengths(self) -> Int64:
        """int64[E]; tokens of each span."""
        return self.ends.astype(np.int64) - self.starts

    @property
    def taken(self) -> Ragged:
        """The positions that are taken away, uint16, a list for each of these lists."""
        lengths = self.lengths
        positions = range_indices(self.starts, lengths).astype(np.uint16)
        return Ragged(positions, offsets_of(lengths)[self.offsets])

    def take(self, lists: Int64) -> "Edits":
        """Returns some of the lists, copied."""
        counts = self.counts[lists]
        at = range_indices(self.offsets[lists], counts)
        return Edits(
            offsets_of(counts),
            self.starts[at],
            self.ends[at],
            self.fills[at],
            _take(self.ids, lists),
            None if self.orders is None else _take(self.orders, lists),
            None if self.rotations is None else self.rotations[lists],
            None if self.seeds is None else self.seeds[lists],
        )

    def overlaid(self, other: "Edits") -> "Edits":
        """Returns these edits with others over them: a token that any of them takes away is gone.

        What stands for a span of the others stays; see `transforms.kernels.overlay.cut_out`.
        """
        from transforms.kernels.overlay import cut_out, merge

        room, ids = len(self.starts) + len(other.starts), len(self.ids.values)
        left = self._room(room, ids)
        cut_out((*self.spans, *self.stored_ids), other.spans[:3], left)
        found = self._room(room + len(other.starts), ids + len(other.ids.values))
        merge(left, (*other.spans, *other.stored_ids), found)
        offsets, starts, ends, fills, id_offsets, values = found
        last = offsets[-1]
        kept = Ragged(values[: id_offsets[-1]], id_offsets)
        return Edits(offsets, starts[:last], ends[:last], fills[:last], kept)

    def _room(self, edits: int, ids: int) -> tuple[Int64, Array, Array, Bytes, Int64, Array]:
        """Returns empty arrays for edits and their ids."""
        return (
            np.zeros(len(self) + 1, np.int64),
            np.empty(edits, np.uint16),
            np.empty(edits, np.uint16),
            np.empty(edits, np.uint8),
            np.zeros(len(self) + 1, np.int64),
            np.empty(ids, self.ids.values.dtype),
        )

    def encoded(self) -> Ragged:
        """Returns the spans and fills as they are stored, uint8, a list for each list."""
        from transforms.kernels.edit_codes import most_bytes, write_code

        last = self.offsets[1:][self.counts > 0] - 1
        room = most_bytes(len(self.starts), int(self.ends[last].sum(dtype=np.int64)), len(self))
        offsets, codes = np.zeros(len(self) + 1, np.int64), np.empty(room, np.uint8)
        write_code(self.spans, (offsets, codes))
        return Ragged(codes[: offsets[-1]], offsets)


def seeds_of(rows: Array, copies: Array) -> Array:
    """Returns uint64[R * C]: the seed of each copy of each row, see `Edits`.

    Args:
      rows: uint32[R]; what is stored of each row.
      copies: int64[C]; numbers of the copies.

    >>> seeds_of(np.array([5, 6], np.uint32), np.array([0, 1])).tolist()
    [5, 4294967301, 6, 4294967302]
    """
    above = copies.astype(np.uint64) << np.uint64(32)
    return np.bitwise_or.outer(rows.astype(np.uint64), above).ravel()


def count_encoded(codes: Ragged, lengths: Int64, copies: int, *, marked: bool = True) -> Int64:
    """Returns int64[L, 2]: how many edits stored lists have, -1 if damaged, and how many ids.

    Args:
      codes: What `Edits.encoded` returned.
      lengths: int64[R]; tokens of the rows.
      copies: Lists of each row.
      marked: The recipe names a token that stands for spans; else a list that asks for it is
        damaged.
    """
    from transforms.kernels.edit_codes import count_edits

    found = np.empty((len(codes), 2), np.int64)
    lists = read_only(codes.offsets), read_only(codes.values)
    count_edits(lists, read_only(lengths, np.int64), copies, marked, found)
    return found


def read_lists(codes: Ragged, ids: Ragged, lengths: Int64, copies: int = 1) -> Edits:
    """Returns the edits that were encoded, without orders and rotations.

    Args:
      codes: What `Edits.encoded` returned; not damaged.
      ids: The ids that fills ask for.
      lengths: int64[R]; tokens of the rows.
      copies: Lists of each row.
    """
    return read_counted(codes, count_encoded(codes, lengths, copies)[:, 0], ids)


def one_span(starts: Ragged, part: float, lengths: Int64, id_type: np.dtype) -> tuple[Edits, Bool]:
    """Returns edits of one span each, and bool[L]: those whose span is not in its row.

    Args:
      starts: uint16; where the spans of the copies begin, a list for each row, all of one length.
      part: Of the row, see `transforms.arrays.parts.rounded_parts`.
      lengths: int64[R]; tokens of the rows.
      id_type: Of the ids of rows.
    """
    count = len(starts.values)
    rows = np.repeat(lengths, starts.lengths)
    ends = starts.values + rounded_parts(part)[rows]
    ids = Ragged(np.empty(0, id_type), np.zeros(count + 1, np.int64))
    fills = np.full(count, TOKEN, np.uint8)
    found = Edits(np.arange(count + 1), starts.values, ends.astype(np.uint16), fills, ids)
    return found, ends > rows


def read_counted(codes: Ragged, counts: Int64, ids: Ragged) -> Edits:
    """Returns the same where it is known how many edits each list has, int64[L]."""
    from transforms.kernels.edit_codes import read_edits

    offsets = offsets_of(counts)
    starts, ends = np.empty(offsets[-1], np.uint16), np.empty(offsets[-1], np.uint16)
    fills = np.empty(offsets[-1], np.uint8)
    lists = read_only(codes.offsets), read_only(codes.values)
    read_edits(lists, read_only(offsets), (starts, ends, fills))
    return Edits(offsets, starts, ends, fills, ids)


def _take(lists: Ragged, chosen: Int64) -> Ragged:
    lengths = lists.lengths[chosen]
    return Ragged.from_lengths(lists.values[range_indices(lists.offsets[chosen], lengths)], lengths)
