"""The loops of checks of runs: neighbouring positions that a copy selects.

Lists are given as in `transforms.kernels.stored_lists`.
"""

import numpy as np

from schemas.records import Array, Bool, Bytes, Int64
from transforms.kernels.compiled import compiled
from transforms.kernels.stored_lists import bucket_of

_MOST = 1 << 16
MASKED, RANDOM, KEPT = 0, 1, 2


@compiled
def _find_runs(positions: Array, begins: Int64) -> int:
    """Fills in where runs begin among positions, and their number; returns how many there are."""
    count = 0
    for index in range(len(positions)):
        # Where runs begin cannot be foreseen, so a branch here would cost more.
        begins[count] = index
        count += (index == 0) | (positions[index] != np.int64(positions[index - 1]) + 1)
    begins[count] = len(positions)
    return count


@compiled
def _find_inner(special: Bool, starts: Bool, inner: Bool) -> None:
    """Marks the tokens of a row that continue the word of the token right before them.

    Args:
      special: bool[L]; special tokens.
      starts: bool[L]; word starts.
      inner: bool[L + 1]; is filled. Nothing continues behind the row.
    """
    inner[0] = inner[len(special)] = False
    before, here, begun = special[:-1], special[1:], starts[1:]
    behind = inner[1:]
    for token in range(len(here)):
        behind[token] = not (here[token] | begun[token] | before[token])


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
      wrong: bool[R, 2]; is filled: a run begins inside a word; two runs of a copy end inside one.
    """
    positions, offsets = lists
    special, starts, row_offsets = rows
    begins, flags = np.empty(_MOST + 1, np.int64), np.empty(_MOST + 1, np.bool_)
    for row in range(len(row_offsets) - 1):
        low, high = row_offsets[row], row_offsets[row + 1]
        inner = flags[: high - low + 1]
        _find_inner(special[low:high], starts[low:high], inner)
        inside, twice = False, False
        for number in range(row * copies, (row + 1) * copies):
            here = positions[offsets[number] : offsets[number + 1]]
            runs, cuts = _find_runs(here, begins), 0
            for run in range(runs):
                first, end = np.int64(here[begins[run]]), np.int64(here[begins[run + 1] - 1]) + 1
                inside |= inner[min(first, high - low)]
                cuts += inner[min(end, high - low)]
            counts[0] += runs
            counts[1] += cuts
            twice |= cuts > 1
        wrong[row, 0], wrong[row, 1] = inside, twice


@compiled
def _sum_up(own: Array, here: Array, instead: Array, mask: int, masks: Int64, same: Int64) -> None:
    """Fills in for every index how many ids before it are the mask, and how many the original."""
    masks[0] = same[0] = 0
    for index in range(len(here)):
        original = own[min(np.int64(here[index]), np.int64(len(own) - 1))]
        masks[index + 1] = masks[index] + (instead[index] == mask)
        same[index + 1] = same[index] + (instead[index] == original)


@compiled
def _count_drawn(
    drawn: Array, same: Int64, vocabulary: tuple[int, Bytes, Bool, Int64], buckets: Int64
) -> bool:
    """Counts the ids of a random run; returns whether one of them is never drawn.

    Args:
      drawn: [N] ids.
      same: int64[N + 1]; how many before each index are the original.
      vocabulary: As in `count_runs`.
      buckets: As in `count_runs`.
    """
    mask, sixteenths, allowed, _ = vocabulary
    changed, never = False, False
    for index in range(len(drawn)):
        token = np.int64(drawn[index])
        if token != mask:
            never |= bool(token >= len(allowed) or not allowed[token])
        if changed:
            buckets[bucket_of(token, sixteenths)] += 1
        changed |= bool(same[index + 1] == same[index])
    return never


@compiled
def count_runs(
    lists: tuple[Array, Array, Int64],
    rows: tuple[Array, Int64],
    copies: int,
    vocabulary: tuple[int, Bytes, Bool, Int64],
    counts: Int64,
    buckets: Int64,
    wrong: Bool,
) -> np.int64:
    """Counts masked, random and kept runs, and which ids came in at random.

    Of a random run, the ids behind the first that differs from the original are counted: they
    follow the law of what is drawn, whatever they replace.

    Example, a row of ids 5 6 7 8, the mask 4, the run [0, 3) seen as 5 9 1: it is random, and 1 is
    counted.

    Args:
      lists: Positions, [P] ids seen there, and offsets.
      rows: [T] ids, and int64[R + 1], the offsets of rows.
      copies: C.
      vocabulary: The mask token, -1 where none is used; uint8[V], the sixteenth of the vocabulary
        that each id is in; bool[V], the ids that a random token may be; and int64[V], how likely
        ids are against one another.
      counts: int64[3, 2]; is increased by the runs that are masked, random and kept, and by their
        tokens.
      buckets: int64[16]; is increased by random ids, by sixteenths of the vocabulary.
      wrong: bool[R, 2]; is filled: a run is masked in part; a random id is one that is never drawn.

    Returns:
      The sum of the weights of the originals of runs of one token.
    """
    positions, seen, offsets = lists
    ids, row_offsets = rows
    mask, _, _, weights = vocabulary
    begins, random_runs = np.empty(_MOST + 1, np.int64), np.empty(_MOST + 1, np.int64)
    masks, same = np.empty(_MOST + 1, np.int64), np.empty(_MOST + 1, np.int64)
    single = np.int64(0)
    for row in range(len(row_offsets) - 1):
        own = ids[row_offsets[row] : row_offsets[row + 1]]
        partly, never = False, False
        for number in range(row * copies, (row + 1) * copies):
            here = positions[offsets[number] : offsets[number + 1]]
            instead = seen[offsets[number] : offsets[number + 1]]
            runs, random = _find_runs(here, begins), 0
            _sum_up(own, here, instead, mask, masks, same)
            for run in range(runs):
                begin, end = begins[run], begins[run + 1]
                size, hidden = end - begin, masks[end] - masks[begin]
                masked = hidden == size
                kept = (same[end] - same[begin] == size) & (not masked)
                partly |= (hidden > 0) & (not masked)
                counts[MASKED, 0] += masked
                counts[MASKED, 1] += size * masked
                counts[KEPT, 0] += kept
                counts[KEPT, 1] += size * kept
                original = np.int64(own[min(np.int64(here[begin]), np.int64(len(own) - 1))])
                single += weights[min(original, np.int64(len(weights) - 1))] * (size == 1)
                random_runs[random] = run
                random += not (masked | kept)
            for run in random_runs[:random]:
                begin, end = begins[run], begins[run + 1]
                counts[RANDOM, 0] += 1
                counts[RANDOM, 1] += end - begin
                own_same = same[begin : end + 1]
                never |= _count_drawn(instead[begin:end], own_same, vocabulary, buckets)
        wrong[row, 0], wrong[row, 1] = partly, never
    return single


@compiled
def _order_of(original: Array, seen: Array, orders: Int64) -> int:
    """Returns the number of the first order that makes what is seen of a trigram; -1 if none."""
    for number in range(len(orders)):
        one, two, three = orders[number]
        if seen[0] == original[one] and seen[1] == original[two] and seen[2] == original[three]:
            return number
    return -1


@compiled
def count_orders(
    lists: tuple[Array, Array, Int64],
    rows: tuple[Array, Int64],
    copies: int,
    orders: Int64,
    counts: Int64,
    wrong: Bool,
) -> int:
    """Counts the orders that trigrams are in, where their three tokens differ.

    Example, a row of ids 5 6 7 and the positions 0 1 2, seen as 7 5 6: the order [2, 0, 1].

    Args:
      lists: Positions, [P] ids seen there, and offsets.
      rows: [T] ids, and int64[R + 1], the offsets of rows.
      copies: C.
      orders: int64[6, 3]; the orders, the identity first.
      counts: int64[6]; is increased.
      wrong: bool[R, 2]; is filled: a trigram does not hold its own tokens; one whose tokens differ
        is in its order.

    Returns:
      How many tokens are not the original.
    """
    positions, seen, offsets = lists
    ids, row_offsets = rows
    original = np.empty(3, ids.dtype)
    changed = 0
    for row in range(len(row_offsets) - 1):
        own = ids[row_offsets[row] : row_offsets[row + 1]]
        strange, same, last = False, False, np.int64(len(own) - 1)
        for number in range(row * copies, (row + 1) * copies):
            for begin in range(offsets[number], offsets[number + 1] - 2, 3):
                instead = seen[begin : begin + 3]
                for step in range(3):
                    original[step] = own[min(np.int64(positions[begin + step]), last)]
                    changed += original[step] != instead[step]
                order = _order_of(original, instead, orders)
                one, two, three = original
                if order < 0:
                    strange = True
                elif one != two and two != three and one != three:
                    counts[order] += 1
                    same |= order == 0
        wrong[row, 0], wrong[row, 1] = strange, same
    return changed
