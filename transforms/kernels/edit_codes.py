"""The code that edits are stored in: about a byte for each span.

A list of spans is said from the begin of its row on, as what to skip and what the span takes away.
A byte below 248 is a span: its high five bits are the tokens between the span before and this one,
its low three bits the tokens of the span. Seven of these mean seven and as many as the next bytes
say: each adds its value, and 255 that one more follows. The other bytes come before that of a span:

    248 249 250 251   31, 124, 496 or 1984 tokens more are between
    252               nothing stands in place of the span
    253               one id that is stored does
    254               a stored id for each of its tokens does
    255               is not used

Without one of 252 to 254, the token stands there that the recipe names: a mask, or the next
sentinel.

Example: spans [2, 5) and [40, 49), of which nothing is left of the second. The bytes are 2 * 8 + 3;
then 248, 252 and 4 * 8 + 7, since 35 = 31 + 4 tokens are between, and 2, since 9 = 7 + 2.
"""

import numpy as np

from schemas.records import Array, Bytes, Int64
from transforms.kernels.compiled import compiled

TOKEN, NOTHING, ONE, EACH = 0, 1, 2, 3
"""What stands in place of a span: the token that the recipe names, nothing, one stored id, or a
stored id for each of its tokens."""
SKIP, UNUSED = 248, 255
"""The first byte that is no span, and the one that has no meaning."""
_FILL = 251
"""Added to what stands in place of a span, gives its byte."""
_STEP, _LONG, _MORE = 31, 7, 255


@compiled
def skipped(byte: int | np.int64) -> np.int64:
    """Returns how many tokens one of the bytes 248 to 251 skips."""
    return np.int64(_STEP) << np.int64(2 * (byte - SKIP))


@compiled
def count_edits(
    lists: tuple[Int64, Bytes], lengths: Int64, copies: int, marked: bool, found: Int64
) -> None:
    """Counts the spans of lists, and the ids that are stored for them; finds damaged lists.

    Args:
      lists: int64[L + 1], offsets, and uint8[B]; a list for each copy of each row.
      lengths: int64[R]; tokens of the rows.
      copies: C.
      marked: The recipe names a token that stands for spans.
      found: int64[L, 2]; is filled with spans and ids. Spans are -1 if the code is damaged: it ends
        too early, uses a byte without meaning, goes beyond the row, or asks for a token that the
        recipe does not name.
    """
    offsets, codes = lists
    for number in range(len(offsets) - 1):
        at, end = offsets[number], offsets[number + 1]
        position, spans, ids, fill = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
        whole, known = True, True
        length = lengths[number // copies]
        while at < end:
            byte = np.int64(codes[at])
            at += 1
            whole = bool(byte < SKIP)
            if byte == UNUSED:
                break
            if byte > _FILL:
                fill = byte - _FILL
            elif byte >= SKIP:
                position += skipped(byte)
            else:
                size = byte & _LONG
                if size == _LONG:
                    more = np.int64(_MORE)
                    while more == _MORE and at < end:
                        more = np.int64(codes[at])
                        size += more
                        at += 1
                    whole = bool(more != _MORE)
                position += (byte >> 3) + size
                spans += 1
                known &= marked or fill != TOKEN
                ids += np.int64(fill == ONE) + (size if fill == EACH else np.int64(0))
                fill = np.int64(0)
        found[number, 0] = spans if whole and known and position <= length else -1
        found[number, 1] = ids


@compiled
def read_edits(
    lists: tuple[Int64, Bytes], offsets: Int64, spans: tuple[Array, Array, Bytes]
) -> None:
    """Reads spans, whose code is not damaged.

    Args:
      lists: As those of `count_edits`.
      offsets: int64[L + 1]; of the spans of each list.
      spans: uint16[E] starts, uint16[E] ends and uint8[E] fills; are filled.
    """
    code_offsets, codes = lists
    starts, ends, fills = spans
    for number in range(len(offsets) - 1):
        at = code_offsets[number]
        position, fill = np.int64(0), np.int64(0)
        for edit in range(offsets[number], offsets[number + 1]):
            byte = np.int64(codes[at])
            while byte >= SKIP:
                if byte > _FILL:
                    fill = byte - _FILL
                else:
                    position += skipped(byte)
                at += 1
                byte = np.int64(codes[at])
            at += 1
            position += byte >> 3
            starts[edit], fills[edit] = position, fill
            size = byte & _LONG
            if size == _LONG:
                more = np.int64(_MORE)
                while more == _MORE:
                    more = np.int64(codes[at])
                    size += more
                    at += 1
            position += size
            ends[edit], fill = position, np.int64(0)


@compiled
def most_bytes(edits: int, tokens: int, lists: int) -> int:
    """Returns how many bytes the code of so many spans and tokens can have at most."""
    return 3 * edits + tokens // _STEP + tokens // _MORE + lists


@compiled
def write_code(edits: tuple[Int64, Array, Array, Bytes], lists: tuple[Int64, Bytes]) -> None:
    """Writes the code of spans.

    Args:
      edits: int64[L + 1], offsets; uint16[E] starts, uint16[E] ends and uint8[E] fills.
      lists: int64[L + 1], zeros, and uint8[`most_bytes`]; are filled with offsets and code.
    """
    offsets, starts, ends, fills = edits
    code_offsets, codes = lists
    at = 0
    for number in range(len(offsets) - 1):
        position = np.int64(0)
        for edit in range(offsets[number], offsets[number + 1]):
            gap = np.int64(starts[edit]) - position
            position = np.int64(ends[edit])
            size = position - np.int64(starts[edit])
            for byte in (251, 250, 249, 248):
                while gap >= skipped(byte):
                    gap -= skipped(byte)
                    codes[at] = byte
                    at += 1
            if fills[edit] != TOKEN:
                codes[at] = _FILL + np.int64(fills[edit])
                at += 1
            codes[at] = (gap << 3) + min(size, np.int64(_LONG))
            at += 1
            if size >= _LONG:
                size -= _LONG
                while size >= _MORE:
                    codes[at] = _MORE
                    at += 1
                    size -= _MORE
                codes[at] = size
                at += 1
        code_offsets[number + 1] = at
