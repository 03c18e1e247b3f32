"""The loops of checks of what copies select, and what is seen there.

Lists are given as uint16[P] positions in their rows, and int64[R * C + 1]: where the list of each
row and copy begins. A position outside its row stands for the last token of it, or for none.
"""

import numpy as np

from schemas.records import Array, Bool, Bytes, Int64
from transforms.kernels.compiled import compiled


@compiled
def check_lists(
    lists: tuple[Array, Int64], rows: tuple[Bool, Int64], copies: int, wrong: Bool, special: Int64
) -> None:
    """Checks that positions ascend within their rows, and counts the special tokens among them.

    Example, a row of 4 tokens, of which 0 and 3 are special, with the lists [1, 3] and [2, 2, 4]:
    both faults, and special tokens are selected twice.

    Args:
      lists: Positions and their offsets.
      rows: bool[T], special tokens, and int64[R + 1], the offsets of rows.
      copies: C.
      wrong: bool[R, 2]; is filled: positions do not ascend; one is outside.
      special: int64[R, 2]; is filled with how many special tokens there are, and are selected.
    """
    positions, offsets = lists
    flags, row_offsets = rows
    for row in range(len(row_offsets) - 1):
        own = flags[row_offsets[row] : row_offsets[row + 1]]
        present, hits, falls, outside = 0, 0, False, False
        for token in range(len(own)):
            present += own[token]
        for number in range(row * copies, (row + 1) * copies):
            here = positions[offsets[number] : offsets[number + 1]]
            last = np.int64(-1)
            for index in range(len(here)):
                position = np.int64(here[index])
                falls |= bool(position <= last)
                last = position
                outside |= bool(position >= len(own))
                hits += own[min(position, np.int64(len(own) - 1))]
        wrong[row, 0], wrong[row, 1] = falls, outside
        special[row, 0], special[row, 1] = present, hits


@compiled
def find_text(rows: tuple[Array, Bool, Int64], seconds: Int64, wanted: Bool, found: Bool) -> None:
    """Finds text in the segments of rows.

    Args:
      rows: [T] ids; bool[T], special tokens; and int64[R + 1], the offsets of rows.
      seconds: int64[R]; where the second segment begins in its row.
      wanted: bool[V]; the ids that are text. What is in no vocabulary is as the last one.
      found: bool[R, 2]; is filled: each segment has a token that is text and not special.
    """
    ids, special, row_offsets = rows
    for row in range(len(row_offsets) - 1):
        begin, end = row_offsets[row], row_offsets[row + 1]
        middle = min(begin + seconds[row], end)
        for segment in range(2):
            token, last = (middle, end) if segment else (begin, middle)
            while token < last and (
                special[token] or not wanted[min(np.int64(ids[token]), np.int64(len(wanted) - 1))]
            ):
                token += 1
            found[row, segment] = token < last


@compiled
def bucket_of(token: np.int64, buckets: Bytes) -> np.int64:
    """Returns the sixteenth of the vocabulary that an id is in; the last one if it is in none."""
    return np.int64(buckets[min(token, np.int64(len(buckets) - 1))])


@compiled
def count_rewriting(
    lists: tuple[Array, Array, Int64],
    rows: tuple[Array, Int64],
    copies: int,
    vocabulary: tuple[int, Bytes, Bool],
    counts: Int64,
    buckets: Int64,
    wrong: Bool,
) -> None:
    """Counts masked and random tokens, and which ids came in at random for which.

    Example, a row of ids 5 6 7, the mask 4, positions 0 1 2 and ids seen 4 6 9: one is masked, one
    is kept, and at random 9 replaced 7.

    Args:
      lists: Positions, [P] ids seen there, and offsets.
      rows: [T] ids, and int64[R + 1], the offsets of rows.
      copies: C.
      vocabulary: The mask token, -1 where none is used; uint8[V], the sixteenth of the vocabulary
        that each id is in; and bool[V], the ids that a random token may be.
      counts: int64[2]; is increased by masked and random tokens.
      buckets: int64[2, 16]; is increased by random ids, and by the ids that they replaced if these
        may be random ids, by sixteenths of the vocabulary.
      wrong: bool[R]; is filled: a random id is one that is never drawn.
    """
    positions, seen, offsets = lists
    ids, row_offsets = rows
    mask, sixteenths, allowed = vocabulary
    changed = np.empty(len(positions), np.int64)
    for row in range(len(row_offsets) - 1):
        own = ids[row_offsets[row] : row_offsets[row + 1]]
        low, high = offsets[row * copies], offsets[(row + 1) * copies]
        here, instead = positions[low:high], seen[low:high]
        masked, random, never = 0, 0, False
        for index in range(len(here)):
            original = own[min(np.int64(here[index]), np.int64(len(own) - 1))]
            is_mask = instead[index] == mask
            masked += is_mask
            # What becomes of a token cannot be foreseen, so a branch here would cost more.
            changed[random] = index
            random += (instead[index] != original) & (not is_mask)
        counts[0] += masked
        counts[1] += random
        for index in changed[:random]:
            token = np.int64(instead[index])
            replaced = np.int64(own[min(np.int64(here[index]), np.int64(len(own) - 1))])
            buckets[0, bucket_of(token, sixteenths)] += 1
            never |= bool(token >= len(allowed) or not allowed[token])
            if replaced < len(allowed) and allowed[replaced]:
                buckets[1, bucket_of(replaced, sixteenths)] += 1
        wrong[row] = never
