"""The loop that splits words into the pieces of WordPiece."""

import numpy as np

from schemas.records import Array, Bytes, Int64
from transforms.kernels.compiled import compiled
from transforms.kernels.word_keys import EXACT, LONG, NONE, is_same, packed, slot_of


@compiled
def _longest_piece(
    data: Bytes, at: int, end: int, slots: Array, keys: Array, arena: Bytes, firsts: Int64
) -> tuple[int, int | np.int64]:
    """Returns where the longest piece ends that begins here, and its row; -1 if there is none."""
    key, rest, last, best = NONE, NONE, at, np.int64(-1)
    for after in range(at + 1, end + 1):
        key, rest = packed(key, rest, after - 1 - at, np.uint64(data[after - 1]))
        full = key | LONG if after - at > EXACT else key
        slot = slot_of(full, rest, len(slots))
        while slots[slot] >= 0:
            row = np.int64(slots[slot])
            same = keys[2 * row] == full and keys[2 * row + 1] == rest
            if same and is_same(data, at, after, arena, firsts[row], firsts[row + 1]):
                last, best = after, row
                break
            slot = (slot + 1) & (len(slots) - 1)
    return last, best


@compiled
def split_into_pieces(
    data: Bytes,
    borders: Int64,
    longest: int,
    unknown: int,
    heads: tuple[tuple[Array, Array, Bytes, Int64], Array],
    tails: tuple[tuple[Array, Array, Bytes, Int64], Array],
    found: tuple[Array, Int64, Int64, Int64],
) -> int:
    """Splits words into pieces of a vocabulary: from left to right, the longest that fits.

    Example, "cats" with the heads "c" and "cat" and the tails "s" and "t": cat, ##s, which are its
    bytes [0, 3) and [3, 4). "dog" is unknown, [0, 3).

    Args:
      data: uint8[N]; ASCII.
      borders: int64[W + 1] of words, none of them empty.
      longest: A word with more bytes is unknown.
      unknown: The id of a word that cannot be split.
      heads: The pieces that begin a word: a table, see `find_rows`, and int32[R], their ids.
      tails: Those that do not, without their prefix.
      found: Is filled with int32 ids, int64 first bytes and int64 bytes after the last one in the
        word, of each piece, which there is room for N of; and int64[W], pieces of each word.

    Returns:
      The number of pieces.
    """
    ids, starts, ends, counts = found
    (slots, keys, arena, firsts), numbers = heads
    (tail_slots, tail_keys, tail_arena, tail_firsts), tail_numbers = tails
    total = 0
    for word in range(len(counts)):
        begin, end, first = borders[word], borders[word + 1], total
        at = begin
        while at < end and end - begin <= longest:
            if at == begin:
                last, row = _longest_piece(data, at, end, slots, keys, arena, firsts)
            else:
                last, row = _longest_piece(
                    data, at, end, tail_slots, tail_keys, tail_arena, tail_firsts
                )
            if row < 0:
                break
            ids[total] = numbers[row] if at == begin else tail_numbers[row]
            starts[total], ends[total] = at - begin, last - begin
            total += 1
            at = last
        if at < end:
            total = first
            ids[total], starts[total], ends[total] = unknown, 0, end - begin
            total += 1
        counts[word] = total - first
    return total
