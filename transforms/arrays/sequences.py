"""Source and target of rows and edits. Verify, inspect, export and the trainer share them."""

import dataclasses
import functools

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.arrays.edits import Edits
from transforms.arrays.ragged import Ragged, offsets_of, read_only


@dataclasses.dataclass(frozen=True, eq=False)
class CleanRows:
    """Rows that are read with their edits.

    Attributes:
      ids: uint16[T] or uint32[T].
      offsets: int64[R + 1].
      sentences: bool[T]; a sentence begins here. None where no recipe of these rows reorders them.
    """

    ids: Array
    offsets: Int64
    sentences: Bool | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Int64:
        return self.offsets[1:] - self.offsets[:-1]

    @property
    def sentence_flags(self) -> tuple[Int64, Bool]:
        """Offsets and sentences, for compiled loops."""
        if self.sentences is None:
            raise ValueError("sentences are to be reordered, and it is not known where they begin")
        return read_only(self.offsets), read_only(self.sentences)

    @functools.cached_property
    def arrays(self) -> tuple[Int64, Array]:
        """Offsets and ids, for compiled loops."""
        return read_only(self.offsets), read_only(self.ids)


@dataclasses.dataclass(frozen=True, eq=False)
class Sequences:
    """What an encoder and a decoder are given: a list for each copy of each row, L of all.

    Attributes:
      source: The encoder's input.
      target: What the decoder is to write.
      decoder_input: [N]; what it is given in the place of each token of the target.
      positions: uint16[N]; its position. None where positions count from 0.
      target_positions: uint16[N]; positions of the tokens of the target. None where `positions` is.
    """

    source: Ragged
    target: Ragged
    decoder_input: Array
    positions: Array | None = None
    target_positions: Array | None = None


def measured(lengths: Int64, edits: Edits) -> Int64:
    """Returns int64[L, 3]: tokens of sources, tokens taken away, spans a token stands for.

    Args:
      lengths: int64[R]; tokens of the rows.
      edits: A list for each copy of each row.
    """
    from transforms.kernels.sequences import measure

    found = np.empty((len(edits), 3), np.int64)
    copies = len(edits) // max(len(lengths), 1)
    measure(edits.spans, read_only(lengths, np.int64), copies, found)
    return found


def sources(
    rows: CleanRows, edits: Edits, tokens: Array, end: Array, sizes: Int64 | None = None
) -> Ragged:
    """Returns rows with their spans replaced, a list for each list of edits.

    Args:
      rows: The clean rows.
      edits: A list for each copy of each row.
      tokens: [S]; the tokens that stand for spans: the first span gets the first one, and so on,
        and all others the last one.
      end: Ids that are added to each source.
      sizes: What `measured` returned for them; None to measure them.
    """
    from transforms.kernels.sequences import write_sources

    sizes = measured(rows.lengths, edits) if sizes is None else sizes
    found = _empty(sizes[:, 0] + len(end), rows)
    write_sources(
        rows.arrays, edits.spans, edits.stored_ids, read_only(tokens), read_only(end), found
    )
    return Ragged(found[1], found[0])


def removed(
    rows: CleanRows, edits: Edits, tokens: Array, end: Array, sizes: Int64 | None = None
) -> Ragged:
    """Returns what is taken away, each span after the token that stands for it; see `sources`."""
    from transforms.kernels.sequences import write_removed

    sizes = measured(rows.lengths, edits) if sizes is None else sizes
    found = _empty(sizes[:, 1] + sizes[:, 2] + len(end), rows)
    write_removed(rows.arrays, edits.spans, read_only(tokens), read_only(end), found)
    return Ragged(found[1], found[0])


def sentence_counts(rows: CleanRows, edges: tuple[int, int]) -> Int64:
    """Returns int64[R]: sentences that can be put in another order, see `kernels.arranging`.

    Args:
      rows: With their sentences.
      edges: Special tokens at the begin and at the end of a row.
    """
    from transforms.kernels.arranging import count_sentences

    found = np.empty(len(rows), np.int64)
    count_sentences(rows.sentence_flags, edges, found)
    return found


def arranged(rows: CleanRows, orders: Ragged, edges: tuple[int, int], values: Array) -> Array:
    """Returns [T * C]: values of tokens in the orders of all copies, row after row.

    Args:
      rows: With their sentences.
      orders: The sentence at each place, a list for each copy of each row.
      edges: Special tokens at the begin and at the end of a row.
      values: [T].
    """
    from transforms.kernels.arranging import arrange

    copies = len(orders) // max(len(rows), 1)
    found = np.empty(len(values) * copies, values.dtype)
    lists = read_only(orders.offsets), read_only(orders.values)
    arrange(rows.sentence_flags, edges, lists, read_only(values), found)
    return found


def arranged_rows(rows: CleanRows, edits: Edits, edges: tuple[int, int]) -> CleanRows:
    """Returns the rows that edits are of: a row for each list, where sentences are reordered."""
    if edits.orders is None:
        return rows
    lengths = np.repeat(rows.lengths, len(edits) // max(len(rows), 1))
    return CleanRows(arranged(rows, edits.orders, edges, rows.ids), offsets_of(lengths))


def rotated(source: Ragged, rotations: Array, edges: tuple[int, int]) -> Ragged:
    """Returns sources whose texts are rotated to the left.

    Args:
      source: One for each list of edits.
      rotations: uint16[L].
      edges: Special tokens at the begin and at the end of a row.
    """
    from transforms.kernels.arranging import rotate

    found = np.empty_like(source.values)
    lists = read_only(source.offsets), read_only(source.values)
    rotate(lists, edges, read_only(rotations), found)
    return Ragged(found, source.offsets)


def shifted(target: Ragged, start: int) -> Array:
    """Returns [N]: for each token of a target the one before it, and `start` for the first.

    >>> shifted(Ragged.from_lengths(np.array([5, 6, 7]), np.array([2, 1])), 0).tolist()
    [0, 5, 0]
    """
    found = np.empty_like(target.values)
    found[1:] = target.values[:-1]
    found[target.offsets[:-1][target.lengths > 0]] = start
    return found


def _empty(lengths: Int64, rows: CleanRows) -> tuple[Int64, Array]:
    """Returns offsets of lists with these lengths, and room for their ids."""
    offsets = offsets_of(lengths)
    return offsets, np.empty(offsets[-1], rows.ids.dtype)
