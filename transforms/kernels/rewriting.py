"""What is seen at selected positions, for the lists of all copies of a batch of rows.

Every list has a stream of its own, of other keys than the selection's. One draw says with 32 of its
bits what becomes of a token, and with the other 32 which token a random one is.
"""

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.kernels.compiled import compiled
from transforms.kernels.draws import STEP, below, high_bits, low_bits, mixed, stream_of


@compiled
def random_id(bits: np.uint64, choices: Array, law: Int64) -> np.int64:
    """Returns an id: any as likely as any other, or by a law.

    Example, choices 5 7 9 and law 2**31 3 * 2**30 2**32: 5 has probability 1/2, 7 and 9 have 1/4.
    """
    if len(law) == 0:
        return np.int64(choices[below(bits, len(choices))])
    drawn, low, high = high_bits(bits), 0, len(law) - 1
    while low < high:
        middle = (low + high) >> 1
        if drawn < law[middle]:
            high = middle
        else:
            low = middle + 1
    return np.int64(choices[low])


@compiled
def rewrite_tokens(
    rows: tuple[Int64, Int64, Array],
    keys: Array,
    lists: tuple[Int64, Array],
    shares: tuple[int, int],
    ids: tuple[int, Array, Int64],
    seen: Array,
) -> None:
    """Makes each selected token the mask token, or a random token, or leaves it as it is.

    Example, 80 % mask tokens and 10 % random ones, positions 2 5 7 and draws .31 .85 .97:
      [MASK], a random id, and the id at position 7

    Args:
      rows: int64[R + 1], offsets; int64[R], numbers; and the ids [T] of the rows.
      keys: uint64[C] of the copies.
      lists: int64[R * C + 1], offsets, and uint16[P], positions in the row.
      shares: A token is masked if 32 bits are below the first, else random if below the second.
      ids: The mask token; ids that a random token may be, of the type of the rows' ids; and how
        likely they are, see `random_id`.
      seen: [P]; is filled.
    """
    offsets, numbers, tokens = rows
    list_offsets, positions = lists
    masked, replaced = shares
    mask, choices, law = ids
    at = 0
    for row in range(len(numbers)):
        begin = offsets[row]
        for key in keys:
            state = stream_of(key, numbers[row])
            for index in range(list_offsets[at], list_offsets[at + 1]):
                state += STEP
                bits = mixed(state)
                fate = low_bits(bits)
                if fate < masked:
                    seen[index] = mask
                elif fate < replaced:
                    seen[index] = random_id(bits, choices, law)
                else:
                    seen[index] = tokens[begin + positions[index]]
            at += 1


@compiled
def rewrite_runs(
    rows: tuple[Int64, Int64, Array],
    keys: Array,
    lists: tuple[Int64, Array],
    shares: tuple[int, int],
    ids: tuple[int, Array, Int64],
    seen: Array,
) -> None:
    """Makes all tokens of a run mask tokens, or random tokens, or leaves them as they are.

    A run is all that is selected without a gap; the first draw of a run says what becomes of it.
    Example, positions 2 3 7 and draws .31 .55 .85: [MASK] [MASK], and a random id.

    Args:
      rows: As those of `rewrite_tokens`.
      keys: uint64[C] of the copies.
      lists: As those of `rewrite_tokens`.
      shares: As those of `rewrite_tokens`.
      ids: As those of `rewrite_tokens`.
      seen: [P]; is filled.
    """
    offsets, numbers, tokens = rows
    list_offsets, positions = lists
    masked, replaced = shares
    mask, choices, law = ids
    at = 0
    for row in range(len(numbers)):
        begin = offsets[row]
        for key in keys:
            state = stream_of(key, numbers[row])
            fate, following = np.int64(0), np.int64(-1)
            for index in range(list_offsets[at], list_offsets[at + 1]):
                position = np.int64(positions[index])
                state += STEP
                bits = mixed(state)
                if position != following:
                    fate = low_bits(bits)
                following = position + 1
                if fate < masked:
                    seen[index] = mask
                elif fate < replaced:
                    seen[index] = random_id(bits, choices, law)
                else:
                    seen[index] = tokens[begin + position]
            at += 1


@compiled
def reorder_spans(
    rows: tuple[Int64, Int64, Array],
    keys: Array,
    lists: tuple[Int64, Array],
    orders: Array,
    seen: Array,
) -> None:
    """Puts the tokens of each span in another order, each order as likely as every other.

    Example, spans of three, positions 4 5 6 with tokens a b c, the order 2 0 1 is drawn: c a b.

    Args:
      rows: As those of `rewrite_tokens`.
      keys: uint64[C] of the copies.
      lists: As those of `rewrite_tokens`; spans of K positions each.
      orders: int64[N, K]; the orders that may be drawn.
      seen: [P]; is filled.
    """
    offsets, numbers, tokens = rows
    list_offsets, positions = lists
    count, size = orders.shape
    at = 0
    for row in range(len(numbers)):
        begin = offsets[row]
        for key in keys:
            state = stream_of(key, numbers[row])
            for index in range(list_offsets[at], list_offsets[at + 1], size):
                state += STEP
                order = orders[below(mixed(state), count)]
                for place in range(size):
                    seen[index + place] = tokens[begin + positions[index + order[place]]]
            at += 1


@compiled
def take_text(ids: Array, special: Bool, found: Array) -> int:
    """Fills in the ids that are not special tokens; returns how many they are.

    Args:
      ids: [T].
      special: bool[T].
      found: [at least T]; is filled.
    """
    count = 0
    for token in range(len(ids)):
        # Written over by the next one if it is special.
        found[count] = ids[token]
        count += not special[token]
    return count


@compiled
def put_seen(
    rows: tuple[Int64, Array],
    lists: tuple[Int64, Array],
    ids: Array,
    found: tuple[Array, Int64, Array],
) -> None:
    """Writes what is seen of rows where it is not the token itself, with targets and labels.

    Example, rows a b | c d, positions 1 | 0 and ids X Y: seen a X Y d, targets 1 2, labels b c.

    Args:
      rows: int64[R + 1], offsets, and [T], ids of the rows.
      lists: int64[R + 1], offsets, and uint16[P], positions in the row.
      ids: [P]; seen at the positions.
      found: [T], what is seen; int64[P], flat positions; and [P], the ids of the rows at these; are
        filled, the first only at the positions.
    """
    offsets, tokens = rows
    list_offsets, positions = lists
    seen, targets, labels = found
    for row in range(len(offsets) - 1):
        for index in range(list_offsets[row], list_offsets[row + 1]):
            at = offsets[row] + np.int64(positions[index])
            targets[index], labels[index] = at, tokens[at]
            seen[at] = ids[index]
