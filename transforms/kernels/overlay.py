"""Joins two lists of edits of each row. For what edits are, see `transforms.kernels.infilling`."""

import numpy as np

from schemas.edits import NOTHING, ONE
from schemas.records import Array, Bytes, Int64
from transforms.kernels.compiled import compiled


@compiled
def cut_out(
    old: tuple[Int64, Array, Array, Bytes, Int64, Array],
    new: tuple[Int64, Array, Array],
    found: tuple[Int64, Array, Array, Bytes, Int64, Array],
) -> None:
    """Leaves of edits what other spans do not take away.

    What stands for a span stays with its first token; nothing stands for its other parts. What is
    put in stays unless it is inside another span.

    Example, the span [2, 6) by X and the other span [4, 5): [2, 4) by X and [5, 6) by nothing.

    Args:
      old: Edits.
      new: Offsets, starts and ends of the other spans.
      found: Edits, with room for the old ones and the new ones; are filled.
    """
    offsets, starts, ends, fills, id_offsets, ids = old
    new_offsets, new_starts, new_ends = new
    out_offsets, out_starts, out_ends, out_fills, out_id_offsets, out_ids = found
    out, out_id = 0, 0
    out_offsets[0] = out_id_offsets[0] = 0
    for number in range(len(offsets) - 1):
        other, own = new_offsets[number], id_offsets[number]
        stop = new_offsets[number + 1]
        for edit in range(offsets[number], offsets[number + 1]):
            begin, end, before = np.int64(starts[edit]), np.int64(ends[edit]), out
            empty, fill = begin == end, fills[edit]
            headed = True
            while other < stop and new_ends[other] <= begin:
                other += 1
            each = other
            while each < stop and new_starts[each] < end:
                low = np.int64(new_starts[each])
                if begin < low:
                    out_starts[out], out_ends[out] = begin, low
                    out_fills[out] = fill if headed else NOTHING
                    out += 1
                begin, headed = np.int64(new_ends[each]), False
                each += 1
            if begin < end or (empty and headed):
                out_starts[out], out_ends[out] = begin, end
                out_fills[out] = fill if headed else NOTHING
                out += 1
            if fills[edit] == ONE:
                if out > before and out_fills[before] == ONE:
                    out_ids[out_id] = ids[own]
                    out_id += 1
                own += 1
        out_offsets[number + 1], out_id_offsets[number + 1] = out, out_id


@compiled
def merge(
    one: tuple[Int64, Array, Array, Bytes, Int64, Array],
    two: tuple[Int64, Array, Array, Bytes, Int64, Array],
    found: tuple[Int64, Array, Array, Bytes, Int64, Array],
) -> None:
    """Puts edits that do not overlap in one order.

    Args:
      one: Edits.
      two: Edits.
      found: Edits, with room for both; are filled.
    """
    offsets, starts, ends, fills, _, ids = one
    two_offsets, two_starts, two_ends, two_fills, _, two_ids = two
    out_offsets, out_starts, out_ends, out_fills, out_id_offsets, out_ids = found
    out, own, first_id, second_id = 0, 0, 0, 0
    out_offsets[0] = out_id_offsets[0] = 0
    for number in range(len(offsets) - 1):
        first, second = offsets[number], two_offsets[number]
        last, end = offsets[number + 1], two_offsets[number + 1]
        while first < last or second < end:
            if first < last and (second == end or ends[first] <= two_starts[second]):
                out_starts[out], out_ends[out] = starts[first], ends[first]
                out_fills[out] = fills[first]
                if fills[first] == ONE:
                    out_ids[own] = ids[first_id]
                    own += 1
                    first_id += 1
                first += 1
            else:
                out_starts[out], out_ends[out] = two_starts[second], two_ends[second]
                out_fills[out] = two_fills[second]
                if two_fills[second] == ONE:
                    out_ids[own] = two_ids[second_id]
                    own += 1
                    second_id += 1
                second += 1
            out += 1
        out_offsets[number + 1], out_id_offsets[number + 1] = out, own
