"""The loops of checks of whole words: where they begin, and that they are selected whole.

Lists are given as in `transforms.kernels.stored_lists`.
"""

import numpy as np

from schemas.records import Array, Bool, Bytes, Int64
from transforms.kernels.compiled import compiled

CONTINUES, AFTER_SPACE, BEFORE_SPACE = 1, 2, 4
"""Kinds of tokens: it continues the word before it; it begins with a space; one is inside of it."""


@compiled
def mark_positions(lists: tuple[Array, Int64], row_offsets: Int64, flags: Bool) -> None:
    """Marks positions that are given for each row, but for those outside.

    Example, rows of 3 and 2 tokens with the lists [0, 2] and [1, 2]: 1 0 1 | 0 1.

    Args:
      lists: uint16[P] positions, and int64[R + 1], where the list of each row begins.
      row_offsets: int64[R + 1]; where rows begin.
      flags: bool[T]; is filled.
    """
    positions, offsets = lists
    for row in range(len(row_offsets) - 1):
        own = flags[row_offsets[row] : row_offsets[row + 1]]
        here = positions[offsets[row] : offsets[row + 1]]
        for index in range(len(here)):
            position = np.int64(here[index])
            if position < len(own):
                own[position] = True


@compiled
def check_starts(lists: tuple[Array, Int64], rows: tuple[Bool, Int64], wrong: Bool) -> None:
    """Checks that word starts ascend within their rows, and are no special tokens.

    Args:
      lists: uint16[P] positions, and int64[R + 1], where the list of each row begins.
      rows: bool[T], special tokens, and int64[R + 1], the offsets of rows.
      wrong: bool[R, 3]; is set where a start is outside, where starts do not ascend, and where one
        is a special token.
    """
    positions, offsets = lists
    special, row_offsets = rows
    for row in range(len(row_offsets) - 1):
        own = special[row_offsets[row] : row_offsets[row + 1]]
        here = positions[offsets[row] : offsets[row + 1]]
        last = -1
        for index in range(len(here)):
            position = np.int64(here[index])
            wrong[row, 1] |= position <= last
            last = position
            if position < len(own):
                wrong[row, 2] |= own[position]
            else:
                wrong[row, 0] = True


@compiled
def check_kinds(rows: tuple[Array, Bool, Bool, Int64], kinds: Bytes, wrong: Bool) -> None:
    """Checks that words begin at spaces, and not inside of what the tokenizer keeps together.

    The first token of a segment is left out: a segment may have lost the beginning of a word.

    Args:
      rows: [T] ids; bool[T], special tokens; bool[T], word starts; and int64[R + 1], the offsets of
        rows.
      kinds: uint8[V]; of tokens, by id: CONTINUES, AFTER_SPACE, BEFORE_SPACE. Ids that are in no
        vocabulary are of the last one's kind.
      wrong: bool[R, 3]; is set where a word begins at a piece that continues the one before, where
        one continues at a piece after a space, and where one continues behind a piece with one.
    """
    ids, special, starts, row_offsets = rows
    most = len(kinds) - 1
    for row in range(len(row_offsets) - 1):
        before, behind_text = np.uint8(0), False
        for token in range(row_offsets[row], row_offsets[row + 1]):
            kind = kinds[min(np.int64(ids[token]), most)]
            text = not special[token]
            if text:
                if starts[token]:
                    wrong[row, 0] |= behind_text and kind & CONTINUES != 0
                else:
                    wrong[row, 1] |= kind & AFTER_SPACE != 0
                    wrong[row, 2] |= behind_text and before & BEFORE_SPACE != 0
            before, behind_text = kind, text


@compiled
def number_words(special: Bool, starts: Bool, words: Int64, sizes: Int64) -> int:
    """Numbers the words of a row, and fills in their sizes; returns how many there are.

    Special tokens belong to no word, and a word may go on behind them; the first other token begins
    one in any case.

    Example, a row `S a b S b c S` with word starts at c: words -1 0 0 -1 0 1 -1 of sizes 3 and 1.

    Args:
      special: bool[L]; special tokens.
      starts: bool[L]; word starts.
      words: int64[at least L]; is filled.
      sizes: int64[at least L]; is filled up to the number of words.
    """
    count = 0
    for token in range(len(special)):
        if special[token]:
            words[token] = -1
            continue
        if starts[token] or count == 0:
            sizes[count] = 0
            count += 1
        words[token] = count - 1
        sizes[count - 1] += 1
    return count


@compiled
def _cuts_a_word(positions: Array, words: Int64, sizes: Int64) -> bool:
    """Returns whether ascending positions have some but not all tokens of a word."""
    word, chosen = np.int64(-1), 0
    for index in range(len(positions)):
        if positions[index] >= len(words):
            continue
        this = words[positions[index]]
        if this < 0:
            continue
        if this != word:
            if chosen and chosen != sizes[word]:
                return True
            word, chosen = this, 0
        chosen += 1
    return chosen > 0 and chosen != sizes[word]


@compiled
def _passes_over(chosen: Bool, sizes: Int64, left: int, run: int) -> bool:
    """Returns whether a word is not selected that fits, and none of the next `run` - 1 either.

    Args:
      chosen: bool[W]; whether a token of each word is selected.
      sizes: int64[W].
      left: Tokens for which there is room.
      run: Words that are selected together, at most.
    """
    free = run
    for word in range(len(sizes) - 1, -1, -1):
        free = 0 if chosen[word] else free + 1
        if free >= run and sizes[word] <= left:
            return True
    return False


@compiled
def check_words(
    lists: tuple[Array, Int64],
    rows: tuple[Bool, Bool, Int64],
    copies: int,
    left: Int64,
    run: int,
    wrong: Bool,
) -> None:
    """Checks that copies select whole words, and pass over none that has room.

    Args:
      lists: Positions and their offsets.
      rows: bool[T], special tokens; bool[T], word starts; and int64[R + 1], the offsets of rows.
      copies: C.
      left: int64[R * C]; tokens of the budget that were not used.
      run: Words that are selected together, at most. A word that fits may be passed over where its
        run would touch a selected one, so one of the next `run` - 1 words must be selected.
      wrong: bool[R, 2]; is set where a word is selected in part, and where one is passed over.
    """
    positions, offsets = lists
    special, starts, row_offsets = rows
    longest = 0
    for row in range(len(row_offsets) - 1):
        longest = max(longest, row_offsets[row + 1] - row_offsets[row])
    words, sizes = np.empty(longest, np.int64), np.empty(longest, np.int64)
    chosen_words = np.zeros(longest, np.bool_)
    for row in range(len(row_offsets) - 1):
        begin, end = row_offsets[row], row_offsets[row + 1]
        own = words[: end - begin]
        count = number_words(special[begin:end], starts[begin:end], own, sizes)
        for number in range(row * copies, (row + 1) * copies):
            here = positions[offsets[number] : offsets[number + 1]]
            wrong[row, 0] |= _cuts_a_word(here, own, sizes)
            if left[number] <= 0:
                continue
            chosen_words[:count] = False
            for index in range(len(here)):
                position = np.int64(here[index])
                if position < len(own) and own[position] >= 0:
                    chosen_words[own[position]] = True
            wrong[row, 1] |= _passes_over(chosen_words[:count], sizes[:count], left[number], run)
