"""Source and target of rows and their edits: flat arrays in, flat arrays of known size out.

Rows are int64[R + 1] offsets and [T] ids. Edits are int64[L + 1] offsets, a list for each copy of
each row, uint16[E] starts and ends of spans in their row, and uint8[E] fills, see
`schemas.edits`. Ids are stored for some fills: int64[L + 1] offsets and [I] ids.
"""

import numpy as np

from schemas.edits import EACH, NOTHING, TOKEN
from schemas.records import Array, Bytes, Int64
from transforms.kernels.compiled import compiled


@compiled
def measure(
    edits: tuple[Int64, Array, Array, Bytes], lengths: Int64, copies: int, found: Int64
) -> None:
    """Counts the tokens of sources, those that are taken away, and the spans a token stands for.

    Example, a row of 6 tokens and the edit [1, 3) by a token: 5, 2 and 1.

    Args:
      edits: Of the rows.
      lengths: int64[R].
      copies: C.
      found: int64[L, 3]; is filled.
    """
    offsets, starts, ends, fills = edits
    for number in range(len(offsets) - 1):
        taken, filled, tokens = np.int64(0), np.int64(0), np.int64(0)
        for edit in range(offsets[number], offsets[number + 1]):
            size = np.int64(ends[edit]) - np.int64(starts[edit])
            taken += size
            fill = fills[edit]
            filled += size if fill == EACH else fill != NOTHING
            tokens += fill == TOKEN
        found[number, 0] = lengths[number // copies] - taken + filled
        found[number, 1] = taken
        found[number, 2] = tokens


@compiled
def write_sources(
    rows: tuple[Int64, Array],
    edits: tuple[Int64, Array, Array, Bytes],
    stored: tuple[Int64, Array],
    tokens: Array,
    end: Array,
    found: tuple[Int64, Array],
) -> None:
    """Writes rows with their spans replaced.

    Example, the row a b c d e, edits [1, 3) and [4, 5) by tokens X Y, end Z: a X d Y Z

    Args:
      rows: Of clean ids.
      edits: Of the rows.
      stored: Ids for the fills that have some.
      tokens: [S]; the first span that a token stands for gets the first one, and so on; the last
        one is for all others.
      end: Ids that are added to each row.
      found: int64[L + 1], offsets, and [N] ids; the ids are filled.
    """
    row_offsets, ids = rows
    offsets, starts, ends, fills = edits
    stored_offsets, own = stored
    out_offsets, out = found
    if len(row_offsets) == 1:
        return
    copies = (len(offsets) - 1) // (len(row_offsets) - 1)
    for number in range(len(offsets) - 1):
        begin, limit = row_offsets[number // copies], row_offsets[number // copies + 1]
        at, read, taken, token = out_offsets[number], begin, stored_offsets[number], 0
        for edit in range(offsets[number], offsets[number + 1]):
            start = begin + np.int64(starts[edit])
            while read < start:
                out[at] = ids[read]
                at += 1
                read += 1
            read = begin + np.int64(ends[edit])
            if fills[edit] == TOKEN:
                out[at] = tokens[min(token, len(tokens) - 1)]
                at += 1
                token += 1
            elif fills[edit] != NOTHING:
                for _ in range(read - start if fills[edit] == EACH else 1):
                    out[at] = own[taken]
                    at += 1
                    taken += 1
        while read < limit:
            out[at] = ids[read]
            at += 1
            read += 1
        for each in end:
            out[at] = each
            at += 1


@compiled
def write_removed(
    rows: tuple[Int64, Array],
    edits: tuple[Int64, Array, Array, Bytes],
    tokens: Array,
    end: Array,
    found: tuple[Int64, Array],
) -> None:
    """Writes what is taken away from rows, each span after the token that stands for it.

    Example, the row a b c d e, edits [1, 3) and [4, 5) by tokens X Y, end Z: X b c Y e Z

    Args:
      rows: Of clean ids.
      edits: Of the rows.
      tokens: As those of `write_sources`.
      end: As that of `write_sources`.
      found: As that of `write_sources`.
    """
    row_offsets, ids = rows
    offsets, starts, ends, fills = edits
    out_offsets, out = found
    if len(row_offsets) == 1:
        return
    copies = (len(offsets) - 1) // (len(row_offsets) - 1)
    for number in range(len(offsets) - 1):
        begin, at, token = row_offsets[number // copies], out_offsets[number], 0
        for edit in range(offsets[number], offsets[number + 1]):
            if fills[edit] == TOKEN:
                out[at] = tokens[min(token, len(tokens) - 1)]
                at += 1
                token += 1
            for read in range(begin + np.int64(starts[edit]), begin + np.int64(ends[edit])):
                out[at] = ids[read]
                at += 1
        for each in end:
            out[at] = each
            at += 1
