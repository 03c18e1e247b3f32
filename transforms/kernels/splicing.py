"""Puts targets back into sources, to compare them with the rows that they were made of."""

import numpy as np

from schemas.edits import EACH, NOTHING, TOKEN
from schemas.records import Array, Bool, Bytes, Int64
from transforms.kernels.compiled import compiled
from transforms.kernels.units import BEGINS, CONTINUES, OUTSIDE


@compiled
def splice_removed(
    rows: tuple[Int64, Array],
    sources: tuple[Int64, Array],
    targets: tuple[Int64, Array],
    tokens: Array,
    end: Array,
    broken: Bool,
) -> None:
    """Puts the spans of targets back into sources, at the tokens that stand for them, and compares.

    What a target has behind the last of these tokens follows at the end: that of a source in which
    no token stands for the rest of the row. No edits are looked at.

    Example, source a X d Z and target X b c Z: a b c d.

    Args:
      rows: Of clean ids.
      sources: int64[L + 1], offsets, and ids.
      targets: The same.
      tokens: The tokens that stand for spans, in order.
      end: Ids at the end of each source and target.
      broken: bool[R]; is set to true where a copy does not give the row.
    """
    row_offsets, ids = rows
    source_offsets, source = sources
    target_offsets, target = targets
    if len(row_offsets) == 1:
        return
    copies = (len(source_offsets) - 1) // (len(row_offsets) - 1)
    for number in range(len(source_offsets) - 1):
        row = number // copies
        at, limit = row_offsets[row], row_offsets[row + 1]
        last = source_offsets[number + 1] - len(end)
        other, stop = target_offsets[number], target_offsets[number + 1] - len(end)
        good, token = last >= source_offsets[number] and stop >= other, 0
        for place in range(len(end)):
            good &= good and source[last + place] == end[place] == target[stop + place]
        for read in range(source_offsets[number], last):
            if token < len(tokens) and source[read] == tokens[token]:
                good &= other < stop and target[other] == tokens[token]
                token += 1
                other += 1
                while other < stop and not (token < len(tokens) and target[other] == tokens[token]):
                    good &= at < limit and target[other] == ids[min(at, limit - 1)]
                    other += 1
                    at += 1
            else:
                good &= at < limit and source[read] == ids[min(at, limit - 1)]
                at += 1
        while other < stop:
            good &= at < limit and target[other] == ids[min(at, limit - 1)]
            other += 1
            at += 1
        broken[row] |= not (good and at == limit)


@compiled
def _rotated(at: np.int64, text: np.int64, size: np.int64, turned: np.int64) -> np.int64:
    """Returns where a token stands in a source whose text, of this size, is rotated to the left."""
    if text <= at < text + size:
        return text + (at - text - turned) % size
    return at


@compiled
def splice_filled(
    rows: tuple[Int64, Array],
    edits: tuple[Int64, Array, Array, Bytes],
    sources: tuple[Int64, Array],
    rotations: Array,
    edges: tuple[int, int],
    mask: int,
    found: Bool,
) -> None:
    """Follows edits through sources, which must have the tokens of rows between them.

    Args:
      rows: The rows that edits are of: one for each list of edits, or for several.
      edits: Offsets, starts, ends and fills.
      sources: int64[L + 1], offsets, and ids.
      rotations: uint16[L]; by how many tokens the text of a source is rotated.
      edges: Special tokens at the begin and at the end of a row.
      mask: The token that stands for spans.
      found: bool[L, 2]; is filled: a token differs, or there are too few or too many; another token
        stands for a span.
    """
    row_offsets, ids = rows
    offsets, starts, ends, fills = edits
    source_offsets, source = sources
    before, behind = edges
    if len(row_offsets) == 1:
        return
    copies = (len(offsets) - 1) // (len(row_offsets) - 1)
    for number in range(len(offsets) - 1):
        begin, limit = row_offsets[number // copies], row_offsets[number // copies + 1]
        first, last = source_offsets[number], source_offsets[number + 1]
        text, size = first + before, last - first - before - behind
        turned = np.int64(rotations[number])
        differs, masked, at, read = False, True, first, begin
        for edit in range(offsets[number], offsets[number + 1] + 1):
            ends_here = edit == offsets[number + 1]
            start = limit if ends_here else begin + np.int64(starts[edit])
            for token in range(read, start):
                place = _rotated(at, text, size, turned)
                differs |= at >= last or source[min(place, last - 1)] != ids[token]
                at += 1
            if ends_here:
                break
            read = begin + np.int64(ends[edit])
            if fills[edit] == TOKEN:
                place = _rotated(at, text, size, turned)
                masked &= at < last and source[min(place, last - 1)] == mask
            if fills[edit] == EACH:
                at += read - start
            else:
                at += fills[edit] != NOTHING
        found[number, 0], found[number, 1] = differs or at != last, not masked


@compiled
def count_words(
    rows: Int64,
    lists: tuple[Int64, Bytes],
    edits: tuple[Int64, Array, Array, Bytes],
    found: Int64,
) -> None:
    """Counts words, those that spans take away, and spans that are not of whole words.

    Args:
      rows: int64[R]; their tokens.
      lists: int64[R * C], where the marks of each copy of each row begin, and uint8[...],
        marks, see `transforms.kernels.units`.
      edits: Offsets, starts, ends and fills.
      found: int64[R * C, 3]; is filled with words, those that are taken away, and strange spans.
    """
    begins, marks = lists
    offsets, starts, ends, _ = edits
    copies = len(begins) // max(len(rows), 1)
    for row in range(len(rows)):
        words = np.int64(0)
        for number in range(row * copies, (row + 1) * copies):
            own = marks[begins[number] : begins[number] + rows[row]]
            first = 0
            while first < len(own) and own[first] == OUTSIDE:
                first += 1
            if number == row * copies:
                for token in range(len(own)):
                    words += own[token] == BEGINS
            opened = first < len(own) and own[first] != BEGINS
            taken, strange = np.int64(0), np.int64(0)
            for edit in range(offsets[number], offsets[number + 1]):
                start, end = np.int64(starts[edit]), np.int64(ends[edit])
                if start == end:
                    strange += start < first
                    continue
                strange += own[start] != BEGINS and start != first
                strange += end < len(own) and own[end] == CONTINUES
                for token in range(start, end):
                    strange += own[token] == OUTSIDE
                    taken += own[token] == BEGINS or token == first
            found[number, 0], found[number, 1] = words + opened, taken
            found[number, 2] = strange


@compiled
def splice_fragments(
    rows: tuple[Int64, Array],
    sources: tuple[Int64, Array],
    targets: tuple[Int64, Array, Array, Array],
    broken: Bool,
) -> None:
    """Puts the tokens of targets at their places in sources, and compares them with the rows.

    A source as long as its row shows the places of the target; else it has all other tokens.

    Args:
      rows: Of clean ids.
      sources: int64[L + 1], offsets, and ids.
      targets: int64[L + 1], offsets, ids, the ids that the decoder is given, and uint16[N], their
        positions: those before the tokens of the target.
      broken: bool[R]; is set to true where a copy does not give the row.
    """
    row_offsets, ids = rows
    source_offsets, source = sources
    target_offsets, target, given, positions = targets
    if len(row_offsets) == 1:
        return
    copies = (len(source_offsets) - 1) // (len(row_offsets) - 1)
    for number in range(len(source_offsets) - 1):
        begin, limit = row_offsets[number // copies], row_offsets[number // copies + 1]
        read, last = source_offsets[number], source_offsets[number + 1]
        at, stop = target_offsets[number], target_offsets[number + 1]
        shown, good = last - read == limit - begin, True
        good &= shown or last - read + stop - at == limit - begin
        for token in range(begin, limit if good else begin):
            if at < stop and begin + np.int64(positions[at]) + 1 == token:
                good &= target[at] == ids[token] and given[at] == ids[token - 1]
                at += 1
                read += shown
            else:
                good &= read < last and source[min(read, last - 1)] == ids[token]
                read += 1
        broken[number // copies] |= not (good and at == stop and read == last)
