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
      wrong: bool[R, 3]; is filled: a start is outside; starts do not ascend; one is special.
    """
    positions, offsets = lists
    special, row_offsets = rows
    for row in range(len(row_offsets) - 1):
        own = special[row_offsets[row] : row_offsets[row + 1]]
        here = positions[offsets[row] : offsets[row + 1]]
        last, outside, falls, hits = np.int64(-1), False, False, False
        for index in range(len(here)):
            position = np.int64(here[index])
            falls |= bool(position <= last)
            last = position
            if position < len(own):
                hits |= bool(own[position])
            else:
                outside = True
        wrong[row, 0], wrong[row, 1], wrong[row, 2] = outside, falls, hits


@compiled
def check_kinds(rows: tuple[Array, Bool, Bool, Int64], kinds: Bytes, wrong: Bool) -> None:
    """Checks that words begin at spaces, and not inside of what the tokenizer keeps together.

    The first token of a segment is left out: a segment may have lost the beginning of a word.

    Args:
      rows: [T] ids; bool[T], special tokens; bool[T], word starts; and int64[R + 1], the offsets of
        rows.
      kinds: uint8[V]; of tokens, by id: CONTINUES, AFTER_SPACE, BEFORE_SPACE. Ids that are in no
        vocabulary are of the last one's kind.
      wrong: bool[R, 3]; is filled: a word begins at a piece that continues the one before; it
        continues at a piece after a space; it continues behind a piece with one.
    """
    ids, special, starts, row_offsets = rows
    most = np.int64(len(kinds) - 1)
    for row in range(len(row_offsets) - 1):
        begin, end = row_offsets[row], row_offsets[row + 1]
        own, off, begun = ids[begin:end], special[begin:end], starts[begin:end]
        inside = after = behind = False
        before, behind_text = np.uint8(0), False
        # Where words begin cannot be foreseen, so branches would cost more than what they skip.
        for token in range(len(own)):
            kind = kinds[min(np.int64(own[token]), most)]
            text, begins = not off[token], begun[token]
            goes_on = text & (not begins)
            inside |= behind_text & text & begins & (kind & CONTINUES != 0)
            after |= goes_on & (kind & AFTER_SPACE != 0)
            behind |= behind_text & goes_on & (before & BEFORE_SPACE != 0)
            before, behind_text = kind, text
        wrong[row, 0], wrong[row, 1], wrong[row, 2] = inside, after, behind


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
def _place_text(special: Bool, starts: Bool, place: Int64, links: Bool, firsts: Int64) -> int:
    """Finds the words of a row among its tokens that are not special, its text.

    Example, a row `S a b S b c S` with a word start at c, a text of 4 tokens: places 4 0 1 4 2 3 4,
    links 0 1 1 0, and firsts 0 3 4.

    Args:
      special: bool[L]; special tokens.
      starts: bool[L]; word starts.
      place: int64[L]; is filled with places in the text; its length for special tokens.
      links: bool[at least the text and 2]; is filled: a token continues the word before it. None
        does behind the text.
      firsts: int64[at least words and 1]; is filled with the places where words begin, and with the
        length of the text.

    Returns:
      How many words there are.
    """
    size, words = 0, 0
    for token in range(len(special)):
        place[token] = size
        if not special[token]:
            begins = (size == 0) | starts[token]
            links[size] = not begins
            firsts[words] = size
            words += begins
            size += 1
    for token in range(len(special)):
        if special[token]:
            place[token] = size
    firsts[words] = size
    links[size] = links[size + 1] = False
    return words


@compiled
def _select(positions: Array, place: Int64, chosen: Bool, value: bool) -> None:
    """Sets the marks of the places of selected tokens."""
    for index in range(len(positions)):
        position = np.int64(positions[index])
        if position < len(place):
            chosen[place[position]] = value


@compiled
def _cuts_a_word(positions: Array, place: Int64, links: Bool, chosen: Bool) -> bool:
    """Returns whether a selected token has a neighbour in its word that is not selected."""
    cut = False
    for index in range(len(positions)):
        position = np.int64(positions[index])
        if position < len(place):
            at = place[position]
            # The first token of a row has no link to the one before it.
            cut |= links[at] & (not chosen[max(at - 1, 0)])
            cut |= links[at + 1] & (not chosen[at + 1])
    return cut


@compiled
def _passes_over(firsts: Int64, chosen: Bool, left: int, run: int) -> bool:
    """Returns whether a word is not selected that fits, and none of the next `run` - 1 either.

    Args:
      firsts: int64[W + 1]; the places where words begin.
      chosen: bool[at least those]; selected tokens.
      left: Tokens for which there is room.
      run: Words that are selected together, at most.
    """
    free = run
    for word in range(len(firsts) - 2, -1, -1):
        free = 0 if chosen[firsts[word]] else free + 1
        if free >= run and firsts[word + 1] - firsts[word] <= left:
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
      wrong: bool[R, 2]; is filled: a word is selected in part; one is passed over.
    """
    positions, offsets = lists
    special, starts, row_offsets = rows
    longest = 0
    for row in range(len(row_offsets) - 1):
        longest = max(longest, row_offsets[row + 1] - row_offsets[row])
    places, firsts = np.empty(longest, np.int64), np.empty(longest + 1, np.int64)
    links, chosen = np.empty(longest + 2, np.bool_), np.zeros(longest + 2, np.bool_)
    for row in range(len(row_offsets) - 1):
        begin, end = row_offsets[row], row_offsets[row + 1]
        place = places[: end - begin]
        words = _place_text(special[begin:end], starts[begin:end], place, links, firsts)
        partly, passed = False, False
        for number in range(row * copies, (row + 1) * copies):
            here = positions[offsets[number] : offsets[number + 1]]
            _select(here, place, chosen, True)
            partly |= _cuts_a_word(here, place, links, chosen)
            if left[number] > 0:
                passed |= _passes_over(firsts[: words + 1], chosen, left[number], run)
            _select(here, place, chosen, False)
        wrong[row, 0], wrong[row, 1] = partly, passed
