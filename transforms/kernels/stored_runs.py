"""The loops of checks of runs: neighbouring positions that a copy selects.

Lists are given as in `transforms.kernels.stored_lists`.
"""

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.kernels.compiled import compiled
from transforms.kernels.stored_lists import bucket_of

MASKED, RANDOM, KEPT = 0, 1, 2


@compiled
def _run_end(positions: Array, begin: int) -> int:
    """Returns the index behind the run that begins at an index."""
    end = begin + 1
    while end < len(positions) and positions[end] == positions[end - 1] + 1:
        end += 1
    return end


@compiled
def _continues(special: Bool, starts: Bool, token: np.int64) -> bool:
    """Returns whether a token of a row continues the word of the token right before it."""
    inside = 0 < token < len(special)
    return inside and not (special[token] or starts[token] or special[token - 1])


@compiled
def check_borders(
    lists: tuple[Array, Int64],
    rows: tuple[Bool, Bool, Int64],
    copies: int,
    counts: Int64,
    wrong: Bool,
) -> None:
    """Checks that runs begin where words do, and end there but for one a copy.

    Example, a row `S ab cd S` of words of two tokens each, and the runs [1, 3) and [3, 4): two
    runs, and one that is cut.

    Args:
      lists: Positions and their offsets.
      rows: bool[T], special tokens; bool[T], word starts; and int64[R + 1], the offsets of rows.
      copies: C.
      counts: int64[2]; is increased by runs, and by those that end inside a word.
      wrong: bool[R, 2]; is set where a run begins inside a word, and where two runs of a copy end
        inside one.
    """
    positions, offsets = lists
    special, starts, row_offsets = rows
    for row in range(len(row_offsets) - 1):
        low, high = row_offsets[row], row_offsets[row + 1]
        own, begun = special[low:high], starts[low:high]
        for number in range(row * copies, (row + 1) * copies):
            here = positions[offsets[number] : offsets[number + 1]]
            begin, cuts = 0, 0
            while begin < len(here):
                end = _run_end(here, begin)
                wrong[row, 0] |= _continues(own, begun, np.int64(here[begin]))
                cuts += _continues(own, begun, np.int64(here[end - 1]) + 1)
                counts[0] += 1
                begin = end
            counts[1] += cuts
            wrong[row, 1] |= cuts > 1


@compiled
def count_runs(
    lists: tuple[Array, Array, Int64],
    rows: tuple[Array, Int64],
    copies: int,
    vocabulary: tuple[int, int, Bool, Int64],
    counts: Int64,
    buckets: Int64,
    wrong: Bool,
) -> int:
    """Counts masked, random and kept runs, and which ids came in at random.

    Of a random run, the ids behind the first that differs from the original are counted: they
    follow the law of what is drawn, whatever they replace.

    Example, a row of ids 5 6 7 8, the mask 4, the run [0, 3) seen as 5 9 1: it is random, and 1 is
    counted.

    Args:
      lists: Positions, [P] ids seen there, and offsets.
      rows: [T] ids, and int64[R + 1], the offsets of rows.
      copies: C.
      vocabulary: The mask token, -1 where none is used; the size; bool[at least that], the ids that
        a random token may be; and int64[V], how likely ids are against one another.
      counts: int64[3, 2]; is increased by the runs that are masked, random and kept, and by their
        tokens.
      buckets: int64[16]; is increased by random ids, by sixteenths of the vocabulary.
      wrong: bool[R, 2]; is set where a run is masked in part, and where a random id is one that is
        never drawn.

    Returns:
      The sum of the weights of the originals of runs of one token.
    """
    positions, seen, offsets = lists
    ids, row_offsets = rows
    mask, size, allowed, weights = vocabulary
    single = 0
    for row in range(len(row_offsets) - 1):
        own = ids[row_offsets[row] : row_offsets[row + 1]]
        for number in range(row * copies, (row + 1) * copies):
            here = positions[offsets[number] : offsets[number + 1]]
            instead = seen[offsets[number] : offsets[number + 1]]
            begin = 0
            while begin < len(here):
                end = _run_end(here, begin)
                masks, same = 0, 0
                for index in range(begin, end):
                    masks += np.int64(instead[index]) == mask
                    position = np.int64(here[index])
                    same += position < len(own) and instead[index] == own[position]
                if end - begin == 1 and here[begin] < len(own):
                    single += weights[min(np.int64(own[here[begin]]), len(weights) - 1)]
                action = RANDOM
                if masks == end - begin:
                    action = MASKED
                elif same == end - begin:
                    action = KEPT
                counts[action, 0] += 1
                counts[action, 1] += end - begin
                wrong[row, 0] |= 0 < masks < end - begin
                changed = action != RANDOM
                for index in range(begin, end if action == RANDOM else begin):
                    token, position = np.int64(instead[index]), np.int64(here[index])
                    if token != mask:
                        wrong[row, 1] |= token >= len(allowed) or not allowed[token]
                    if changed:
                        buckets[bucket_of(token, size)] += 1
                    changed |= position >= len(own) or token != own[position]
                begin = end
    return single
