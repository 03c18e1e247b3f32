"""The loops of checks of what copies select, and what is seen there.

Lists are given as uint16[P] positions in their rows, and int64[R * C + 1]: where the list of each
row and copy begins. A position outside its row is found here, and otherwise passed over.
"""

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.kernels.compiled import compiled

BUCKETS = 16


@compiled
def check_lists(
    lists: tuple[Array, Int64], rows: tuple[Bool, Int64], copies: int, wrong: Bool, special: Int64
) -> None:
    """Checks that positions ascend within their rows, and counts the special tokens among them.

    Example, a row of 4 tokens, of which 0 and 3 are special, with the lists [1, 3] and [2, 2, 4]:
    both faults, and a special token.

    Args:
      lists: Positions and their offsets.
      rows: bool[T], special tokens, and int64[R + 1], the offsets of rows.
      copies: C.
      wrong: bool[R, 2]; is set where positions do not ascend, and where one is outside.
      special: int64[R]; is increased by the special tokens that are selected.
    """
    positions, offsets = lists
    flags, row_offsets = rows
    for row in range(len(row_offsets) - 1):
        own = flags[row_offsets[row] : row_offsets[row + 1]]
        hits, falls, outside = 0, False, False
        for number in range(row * copies, (row + 1) * copies):
            here = positions[offsets[number] : offsets[number + 1]]
            last = -1
            for index in range(len(here)):
                position = np.int64(here[index])
                falls |= position <= last
                last = position
                if position < len(own):
                    hits += own[position]
                else:
                    outside = True
        wrong[row, 0] |= falls
        wrong[row, 1] |= outside
        special[row] += hits


@compiled
def bucket_of(token: np.int64, size: int) -> np.int64:
    """Returns the sixteenth of a vocabulary that an id is in; the last one if it is in none."""
    return min(token * BUCKETS // size, np.int64(BUCKETS - 1))


@compiled
def count_rewriting(
    lists: tuple[Array, Array, Int64],
    rows: tuple[Array, Int64],
    copies: int,
    vocabulary: tuple[int, int, Bool],
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
      vocabulary: The mask token, -1 where none is used; the size; and bool[at least that], the ids
        that a random token may be.
      counts: int64[2]; is increased by masked and random tokens.
      buckets: int64[2, 16]; is increased by random ids, and by the ids that they replaced if these
        may be random ids, by sixteenths of the vocabulary.
      wrong: bool[R]; is set where a random id is one that is never drawn.
    """
    positions, seen, offsets = lists
    ids, row_offsets = rows
    mask, size, allowed = vocabulary
    for row in range(len(row_offsets) - 1):
        own = ids[row_offsets[row] : row_offsets[row + 1]]
        for number in range(row * copies, (row + 1) * copies):
            here = positions[offsets[number] : offsets[number + 1]]
            instead = seen[offsets[number] : offsets[number + 1]]
            for index in range(len(here)):
                token, position = np.int64(instead[index]), np.int64(here[index])
                if token == mask:
                    counts[0] += 1
                    continue
                if position >= len(own) or token == own[position]:
                    continue
                counts[1] += 1
                buckets[0, bucket_of(token, size)] += 1
                wrong[row] |= token >= len(allowed) or not allowed[token]
                original = np.int64(own[position])
                if original < len(allowed) and allowed[original]:
                    buckets[1, bucket_of(original, size)] += 1
