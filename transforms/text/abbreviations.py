"""Periods of abbreviations, initials, numbers and enumerations, which do not end a sentence.

These are the exceptions for "." and "．" in the rules of `transforms.text.sentences`. All functions
take a text with a margin of line feeds, and int64[D] positions of dots in it.
"""

import numpy as np

from schemas.records import Bool, Bytes, Int64
from transforms.text import sentence_rules as rules
from transforms.text.characters import character_before, classes_at
from transforms.text.sentence_rules import LINE_END, OPENER

_SPACE, _LINE_FEED, _DOT = b" \n."


def is_abbreviation(text: Bytes, dots: Int64) -> Bool:
    r"""Returns bool[D]: whether a period belongs to an abbreviation, initial or enumeration.

    The dots of "Mr. A" and "was. A":

    >>> text = np.frombuffer(b"\n" * 16 + b"So Mr. A was. A" + b"\n" * 16, np.uint8)
    >>> is_abbreviation(text, np.array([21, 28])).tolist()
    [True, False]
    """
    # uint8[D, 8]: the bytes before each dot, backwards. The word is the letters it begins with.
    window = text[dots[:, None] - np.arange(1, rules.KEY_BYTES + 1)]
    is_letter = ((window | 0x20) >= ord("a")) & ((window | 0x20) <= ord("z"))
    in_word = np.logical_and.accumulate(is_letter, axis=1)
    before_word = classes_at(text, character_before(text, dots - in_word.sum(axis=1)))
    whole = (before_word & rules.IN_WORD) == 0
    keys = rules.word_keys(window * in_word)
    never, numbered = rules.abbreviation_keys()
    has_digit = (classes_at(text, dots + 2) & rules.DIGIT) > 0
    listed = _is_in(keys, never) | (_is_in(keys, numbered) & has_digit)
    return (whole & listed) | _is_initial(text, dots) | _is_enumeration(text, dots, window)


def is_full_width_number(text: Bytes, dots: Int64) -> Bool:
    """Returns bool[D]: whether a full-width dot belongs to a number, initial or enumeration.

    That is a dot after a digit or cased letter, after the first character of a line, or after
    Chinese numerals that begin a line.
    """
    at = character_before(text, dots)
    found = (classes_at(text, at) & (rules.UPPER | rules.LOWER | rules.DIGIT)) > 0
    found |= text[at - 1] == _LINE_FEED
    only_numerals = np.ones(len(dots), np.bool_)
    for _ in range(rules.MAX_NUMERALS):
        only_numerals &= (classes_at(text, at) & rules.NUMERAL) > 0
        found |= only_numerals & (text[at - 1] == _LINE_FEED)
        at = character_before(text, at)
    return found


def _is_initial(text: Bytes, dots: Int64) -> Bool:
    """Returns bool[D]: whether a dot follows a single letter: an initial, or the "g" of "e.g."."""
    # The four characters before the dot, backwards: of " e.g." they are "g", ".", "e" and " ".
    letter = character_before(text, dots)
    previous = character_before(text, letter)
    earlier = character_before(text, previous)
    first = character_before(text, earlier)
    letter_class, previous_class = classes_at(text, letter), classes_at(text, previous)
    earlier_class, first_class = classes_at(text, earlier), classes_at(text, first)

    dotted = text[previous] == _DOT
    alone = dotted | (text[previous] == _SPACE) | (text[previous] == ord("-"))
    alone |= (previous_class & (LINE_END | OPENER)) > 0
    pronoun = (text[letter] == ord("I")) & (text[previous] == _SPACE) & (text[earlier] != _DOT)
    capital = ((letter_class & rules.UPPER) > 0) & alone & ~pronoun

    pair = ((earlier_class & (rules.UPPER | rules.LOWER)) > 0) & (
        (first_class & rules.IN_WORD) == 0
    )
    half_day = (text[letter] == ord("m")) & np.isin(text[earlier], [ord("a"), ord("p")])
    small = ((letter_class & rules.LOWER) > 0) & dotted & pair & ~half_day
    return capital | small


def _is_enumeration(text: Bytes, dots: Int64, window: Bytes) -> Bool:
    """Returns bool[D]: whether a dot ends a number or single character that begins a line."""
    in_line = np.logical_and.accumulate(window != _LINE_FEED, axis=1)
    begins_line = ~in_line[:, -1]
    number = ((window >= ord("0")) & (window <= ord("9"))) | (window == _DOT)
    roman = np.isin(window, np.frombuffer(b"IVXLCDM", np.uint8))
    only = (number | ~in_line).all(axis=1) | (roman | ~in_line).all(axis=1)
    return (begins_line & only) | (text[character_before(text, dots) - 1] == _LINE_FEED)


def _is_in(keys: rules.Keys, table: rules.Keys) -> Bool:
    at = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    return table[at] == keys
