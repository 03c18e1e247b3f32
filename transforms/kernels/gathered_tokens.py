"""The loops that put the tokens of words together."""

import numpy as np

from schemas.records import Array, Bool, Int64
from transforms.kernels.compiled import compiled


@compiled
def count_tokens(
    rows: Array, word_offsets: Int64, firsts: Int64, unsafe: Bool, counts: Int64, found: Bool
) -> None:
    """Counts the tokens of sentences.

    Example, a sentence of the rows 0 and 2 of a table in which row 0 has two tokens, row 1 three
    and row 2 one: `firsts` 0 2 5 6, so the sentence has 3 tokens.

    Args:
      rows: int32[W]; see `find_rows`.
      word_offsets: int64[S + 1]; see there.
      firsts: int64[R + 1]; first token of each row.
      unsafe: bool[R]; rows whose sentence must be known.
      counts: int64[S]; is filled.
      found: bool[S]; is filled with whether the sentence has an unsafe word.
    """
    for sentence in range(len(counts)):
        total, is_unsafe = np.int64(0), False
        for word in range(word_offsets[sentence], word_offsets[sentence + 1]):
            row = rows[word]
            total += firsts[row + 1] - firsts[row]
            is_unsafe |= unsafe[row]
        counts[sentence], found[sentence] = total, is_unsafe


@compiled
def gather_ids(rows: Array, firsts: Int64, ids: Array, found: Array) -> None:
    """Writes the ids of the tokens of words.

    Example, rows 2 0 where row 0 has the ids 7 8 and row 2 the id 9: 9 7 8.

    Args:
      rows: int32[W].
      firsts: int64[R + 1]; first token of each row.
      ids: Of the tokens of all rows.
      found: Of the type of `ids`, is filled; as many as `count_tokens` counts.
    """
    total = 0
    for word in range(len(rows)):
        row = rows[word]
        for token in range(firsts[row], firsts[row + 1]):
            found[total] = ids[token]
            total += 1


@compiled
def find_groups(
    continues: Bool, begins: Int64, ends: Int64, group_begins: Int64, group_ends: Int64
) -> None:
    """Fills in the bytes of the whole group of each token.

    Example, tokens of the bytes [0, 1), [2, 6) and [6, 11), of which the last one continues the
    group of the second: [0, 1), [2, 11) and [2, 11).

    Args:
      continues: bool[T]; the token is of the group of the one before it. The first one is not.
      begins: int64[T].
      ends: int64[T].
      group_begins: int64[T]; is filled.
      group_ends: int64[T]; is filled.
    """
    head = 0
    while head < len(continues):
        after = head + 1
        while after < len(continues) and continues[after]:
            after += 1
        group_begins[head:after] = begins[head]
        group_ends[head:after] = max(ends[after - 1], ends[head])
        head = after


@compiled
def gather_places(
    rows: Array,
    word_begins: Array,
    firsts: Int64,
    edges: tuple[Array, Array, Bool, Bool],
    found: tuple[Int64, Int64, Bool, Bool],
) -> None:
    """Writes where the tokens of words are.

    Example, a word that begins at byte 10, with tokens of its bytes [1, 3) and [3, 5): [11, 13) and
    [13, 15).

    Args:
      rows: int32[W].
      word_begins: int32[W]; first byte of each word.
      firsts: int64[R + 1]; first token of each row.
      edges: `byte_starts`, `byte_ends`, `may_begin_word` and `continues_group` of the tokens of all
        rows, see `transforms.tokens.word_encoder.Pieces`.
      found: The same of the tokens of the words; is filled.
    """
    starts, ends, may_begin, continues = edges
    found_starts, found_ends, found_may_begin, found_continues = found
    total = 0
    for word in range(len(rows)):
        row, base = rows[word], np.int64(word_begins[word])
        for token in range(firsts[row], firsts[row + 1]):
            found_starts[total], found_ends[total] = base + starts[token], base + ends[token]
            found_may_begin[total], found_continues[total] = may_begin[token], continues[token]
            total += 1
