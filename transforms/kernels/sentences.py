"""The loop over text that finds sentences, by the rules of `transforms.text.sentences`.

The text ends with a line feed. No rule looks back beyond one, or ahead: so index -1, the line feed
at the end, may stand for one before the text.
"""

import numpy as np

from schemas.records import Array, Bytes, Int64
from transforms.kernels.characters import (
    character_before,
    class_at,
    point_at,
    size_of,
    skip_flagged,
)
from transforms.kernels.compiled import compiled
from transforms.kernels.sentence_flags import (
    CJK,
    CLOSER,
    DIGIT,
    ELLIPSIS,
    EXCLAMATION,
    FULL_STOP,
    IN_WORD,
    JOINER,
    KEY_BYTES,
    LINE_END,
    LOWER,
    MAX_CLOSERS,
    MAX_NUMERALS,
    MAX_OPENERS,
    NUMERAL,
    OPENER,
    OPENS_SENTENCE,
    PERIOD,
    SEMICOLON,
    STOP,
    UPPER,
    WIDE_PERIOD,
)

_LINE_FEED, _SPACE, _DOT, _HYPHEN = b"\n .-"
_ROMAN = np.zeros(256, np.bool_)
_ROMAN[np.frombuffer(b"IVXLCDM", np.uint8)] = True
_BYTE = np.uint64(8)


@compiled
def _is_listed(key: np.uint64, keys: Array) -> bool:
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low < len(keys) and keys[low] == key


@compiled
def _is_listed_word(text: Bytes, dot: int, tables: tuple[Array, Array, Array]) -> bool:
    """Whether a title or abbreviation stands before the dot, or one that needs a digit after it."""
    classes, never, numbered = tables
    key, size = np.uint64(0), 0
    while size < KEY_BYTES and ord("a") <= text[dot - 1 - size] | 0x20 <= ord("z"):
        key |= np.uint64(text[dot - 1 - size]) << (_BYTE * np.uint64(size))
        size += 1
    if class_at(text, character_before(text, dot - size), classes) & IN_WORD:
        return False
    if _is_listed(key, never):
        return True
    return _is_listed(key, numbered) and class_at(text, dot + 2, classes) & DIGIT != 0


@compiled
def _is_initial(text: Bytes, dot: int, classes: Array) -> bool:
    """Whether a dot follows a single letter: an initial, or the "g" of "e.g."."""
    letter = character_before(text, dot)
    previous = character_before(text, letter)
    dotted, spaced = text[previous] == _DOT, text[previous] == _SPACE
    letter_class = class_at(text, letter, classes)
    if letter_class & UPPER:
        if text[letter] == ord("I") and spaced and text[character_before(text, previous)] != _DOT:
            return False
        alone = dotted or spaced or text[previous] == _HYPHEN
        return alone or class_at(text, previous, classes) & (LINE_END | OPENER) != 0
    if letter_class & LOWER == 0 or not dotted:
        return False
    earlier = character_before(text, previous)
    if class_at(text, earlier, classes) & (UPPER | LOWER) == 0:
        return False
    if class_at(text, character_before(text, earlier), classes) & IN_WORD:
        return False
    half_day = text[earlier] == ord("a") or text[earlier] == ord("p")
    return not (half_day and text[letter] == ord("m"))


@compiled
def _is_enumeration(text: Bytes, dot: int) -> bool:
    """Whether a dot ends a number or single character that begins a line."""
    if text[character_before(text, dot) - 1] == _LINE_FEED:
        return True
    number, roman = True, True
    for back in range(1, KEY_BYTES + 1):
        byte = text[dot - back]
        if byte == _LINE_FEED:
            return number or roman
        number &= ord("0") <= byte <= ord("9") or byte == _DOT
        roman &= _ROMAN[byte]
    return False


@compiled
def _is_full_width_number(text: Bytes, dot: int, classes: Array) -> bool:
    """Whether a full-width dot belongs to a number, initial or enumeration.

    That is a dot after a digit or cased letter, after the first character of a line, or after
    Chinese numerals that begin a line.
    """
    at = character_before(text, dot)
    if class_at(text, at, classes) & (UPPER | LOWER | DIGIT) or text[at - 1] == _LINE_FEED:
        return True
    for _ in range(MAX_NUMERALS):
        if class_at(text, at, classes) & NUMERAL == 0:
            return False
        if text[at - 1] == _LINE_FEED:
            return True
        at = character_before(text, at)
    return False


@compiled
def _goes_on(
    text: Bytes, begin: int, end: int, after: int, opened: int | np.int64, classes: Array
) -> bool:
    """Whether what stands around a run keeps any stop from ending a sentence."""
    spaced = text[after] == _SPACE
    before, next_class = character_before(text, begin), class_at(text, after + spaced, classes)
    if next_class & (STOP | JOINER) or opened & LINE_END:
        return True
    if next_class & CLOSER and not (spaced and next_class & OPENER):
        return True
    before_class = class_at(text, before, classes)
    if before_class & OPENER == 0 or after == end:
        return False
    return before_class & CLOSER == 0 or point_at(text, before) == point_at(text, end)


@compiled
def _is_part(text: Bytes, begin: int, end: int, tables: tuple[Array, Array, Array]) -> bool:
    """Whether a period belongs to an abbreviation, an initial or an enumeration."""
    # Before a closing quote an abbreviation does end the sentence: "from the U.S.A." Then
    unquoted = text[end] in (_SPACE, ord(")"), ord("]"), ord("}"))
    if end - begin > 1 or not unquoted:
        return False
    if _is_listed_word(text, begin, tables) or _is_initial(text, begin, tables[0]):
        return True
    return _is_enumeration(text, begin)


@compiled
def _fits(
    text: Bytes,
    run: tuple[int, int, np.int64],
    after: int,
    opened: int | np.int64,
    dots_first: bool,
    tables: tuple[Array, Array, Array],
) -> bool:
    """Whether a run of stops ends a sentence by the first table, if nothing keeps it from that."""
    classes = tables[0]
    begin, end, kind = run
    spaced, before = text[after] == _SPACE, character_before(text, begin)
    following, before_class = after + spaced, class_at(text, before, classes)
    if kind == SEMICOLON:
        around = class_at(text, following, classes) & before_class
        return after == end and around & CJK != 0
    if kind == EXCLAMATION:
        if opened & CJK:
            return text[before] != _SPACE
        return spaced and opened & (LOWER | JOINER | CLOSER) == 0
    if opened & (OPENS_SENTENCE if spaced else CJK) == 0:
        return False
    if kind == ELLIPSIS:
        if before_class & JOINER or before_class & (OPENER | CLOSER) == OPENER:
            return False
        return not (dots_first and point_at(text, before) == point_at(text, following))
    if kind == WIDE_PERIOD:
        return not _is_full_width_number(text, begin, classes)
    return not _is_part(text, begin, end, tables)


@compiled
def _ends_sentence(
    text: Bytes,
    run: tuple[int, int, np.int64],
    after: int,
    dots_first: bool,
    tables: tuple[Array, Array, Array],
) -> bool:
    """Whether a run of stops ends a sentence.

    Args:
      text: uint8[N].
      run: Where it begins and ends, and the kind of its last stop.
      after: Where the closing marks after it end.
      dots_first: Whether its first stop is one of an ellipsis.
      tables: See `find_sentences`.
    """
    classes = tables[0]
    begin, end, kind = run
    spaced = text[after] == _SPACE
    if text[end] == _LINE_FEED or (kind == PERIOD and not spaced):
        return False
    if class_at(text, character_before(text, begin), classes) & LINE_END:
        return False
    opening = skip_flagged(text, after + spaced, OPENER, MAX_OPENERS, classes)
    opened = class_at(text, opening, classes)
    if _goes_on(text, begin, end, after, opened, classes):
        return False
    return kind == FULL_STOP or _fits(text, run, after, opened, dots_first, tables)


@compiled
def find_sentences(
    text: Bytes,
    begin: int,
    leads: Bytes,
    stops: tuple[Bytes, Bytes],
    tables: tuple[Array, Array, Array],
    found: Int64,
) -> tuple[int, int]:
    r"""Finds where sentences begin, from a byte on, until there is no more room.

    Example, "One. Mr. Two!\nThree.\n": the dot of byte 3 ends a sentence, that of "Mr." and the
    stops before line feeds do not, and a line begins at byte 14. Found: 4 14.

    Args:
      text: uint8[N]; ends with a line feed.
      begin: 0, or what an earlier call returned.
      leads: uint8[256]; 1 for the line feed, 2 for the first bytes of stops, else 0.
      stops: uint8[65536] each; the kind of a stop by its code point, else 0, and whether it may be
        part of an ellipsis.
      tables: Classes of characters, uint16[LAST_POINT + 1]; and the keys of abbreviations that
        never end a sentence, and of those that do not before a digit, ascending uint64.
      found: Is filled with first bytes of sentences but the first of the text, ascending.

    Returns:
      The byte to go on with, N if all is done; and how many were found.
    """
    kinds, dots = stops
    count, at = 0, begin
    while at < len(text) and count < len(found):
        lead = leads[text[at]]
        if lead == 0:
            at += 1
        elif lead == 1:
            at += 1
            if at < len(text):
                found[count] = at
                count += 1
        else:
            first, last = at, np.int64(0)
            dotted = False
            point = point_at(text, at)
            dots_first = dots[point] != 0
            # A run of stops, of which the last decides; two dots are an ellipsis.
            while point < len(kinds) and kinds[point] != 0:
                kind = np.int64(kinds[point])
                is_dot = kind in (PERIOD, WIDE_PERIOD)
                last = np.int64(ELLIPSIS) if is_dot and dotted else kind
                dotted = is_dot
                at += size_of(text[at])
                point = point_at(text, at)
            if last == 0:
                at += size_of(text[at])
            else:
                after = skip_flagged(text, at, CLOSER, MAX_CLOSERS, tables[0])
                if _ends_sentence(text, (first, at, last), after, dots_first, tables):
                    found[count] = after
                    count += 1
    return at, count
