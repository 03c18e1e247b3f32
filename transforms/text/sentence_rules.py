"""Tables of characters and abbreviations for the rules of `transforms.text.sentences`."""

import functools
import unicodedata

import numpy as np
import numpy.typing as npt

from schemas.records import Bytes
from transforms.kernels.sentence_flags import (
    CASELESS,
    CJK,
    CLOSER,
    DIGIT,
    ELLIPSIS,
    EXCLAMATION,
    FULL_STOP,
    JOINER,
    KEY_BYTES,
    LAST_POINT,
    LINE_END,
    LOWER,
    NUMERAL,
    OPENER,
    PERIOD,
    SEMICOLON,
    STOP,
    UPPER,
    WIDE_PERIOD,
)
from transforms.text.ideographs import FOUR_BYTE_RANGES, THREE_BYTE_RANGES

Flags = npt.NDArray[np.uint16]
Keys = npt.NDArray[np.uint64]

_STOPS_OF_KIND = {
    PERIOD: ".",
    EXCLAMATION: "!?‼⁇⁈⁉",
    ELLIPSIS: "…⋯‥︙",
    FULL_STOP: "。！？；｡︒﹗﹖﹔︕︖︔",
    SEMICOLON: ";",
    WIDE_PERIOD: "．﹒",
}
STOP_KINDS = {stop: kind for kind, stops in _STOPS_OF_KIND.items() for stop in stops}
# Stops that may be part of an ellipsis, or stand for omitted words.
DOTS = ".…⋯‥︙．﹒"
# Straight quotes open after a space and close otherwise.
STRAIGHT = "\"'＂＇"
# In addition to the opening and closing punctuation of Unicode 3.2.
OPENERS = STRAIGHT + "¿¡❛❝⸂⸄⸉⸌⸜⸠⸢⸤⸦⸨︗﹇"
CLOSERS = STRAIGHT + "❜❞⸃⸅⸊⸍⸝⸡⸣⸥⸧⸩︘﹈"
MARK_FLAGS = {"Ps": OPENER, "Pi": OPENER, "Pe": CLOSER, "Pf": CLOSER}
# A closing title mark after a stop shows that the stop is part of the title, not of the sentence.
TITLE_CLOSERS = "》〉〉︾﹀"
# A sentence continues with these.
JOINERS = " ,:-–—―－︱，、：､﹐﹑﹕︐︑︓" + TITLE_CLOSERS
# Numerals that number the sections of a Chinese text.
NUMERALS = "〇零一二三四五六七八九十百"

# Kana, bopomofo, the iteration mark and zero; ideographs are in `transforms.text.ideographs`.
CJK_RANGES = ((0x3005, 0x3007), (0x3040, 0x30FF), (0x3100, 0x312F), (0xFF66, 0xFF9F))

# A name or a continuation follows these, so their period never ends a sentence.
TITLES = (
    "Mr Mrs Ms Mx Dr Prof St Ste Mt Ft Jr Sr Gen Col Capt Lt Sgt Maj Cpl Cmdr Adm Rev Hon Fr Gov "
    "Sen Rep Pres Supt Messrs Mme Mlle Mgr"
)
CONTINUING = "vs Vs v cf Cf viz al pp Fig Figs Vol Vols Eq Eqs Sec Ch Chap"
# These are abbreviations only before a digit: "No. 5", but "No. He said".
NUMBERED = (
    "No no Nos nos vol vols fig figs eq eqs sec ch chap p c ca approx ver Ver pt Pt para Art art "
    "Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Rs"
)


@functools.cache
def character_classes() -> Flags:
    """Returns uint16[LAST_POINT + 1]: the properties of each code point.

    Categories are those of Unicode 3.2, which every version of Python includes, so that all of them
    split a text at the same positions.
    """
    category_flags = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Lo": CASELESS}
    category_flags |= {"Nd": DIGIT, "Nl": DIGIT, "No": DIGIT} | MARK_FLAGS
    classes = np.zeros(LAST_POINT + 1, np.uint16)
    classes[:0x10000] = [
        category_flags.get(unicodedata.ucd_3_2_0.category(chr(point)), 0)
        for point in range(0x10000)
    ]
    for low, high in (*CJK_RANGES, *THREE_BYTE_RANGES, *FOUR_BYTE_RANGES):
        classes[low : high + 1] = CJK
    classes[[ord(mark) for mark in TITLE_CLOSERS]] = 0
    marks = ((OPENERS, OPENER), (CLOSERS, CLOSER), (JOINERS, JOINER), (STOP_KINDS, STOP))
    for characters, flag in (*marks, (NUMERALS, NUMERAL)):
        classes[[ord(character) for character in characters]] |= flag
    classes[ord("\n")] = LINE_END
    return classes


@functools.cache
def abbreviation_keys() -> tuple[Keys, Keys]:
    """Returns the sorted keys of abbreviations that never end a sentence, and of NUMBERED."""
    never = " ".join((TITLES, TITLES.upper(), CONTINUING))
    return _keys_of_words(never.split()), _keys_of_words(NUMBERED.split())


def _keys_of_words(words: list[str]) -> Keys:
    """Returns the sorted keys of words of up to eight ASCII letters: their bytes as one number.

    >>> _keys_of_words(["Mr"]).tolist() == [ord("r") + (ord("M") << 8)]
    True
    """
    keys = [int.from_bytes(word.encode().rjust(KEY_BYTES, b"\0"), "big") for word in words]
    return np.sort(np.array(keys, np.uint64))


@functools.cache
def stop_bytes() -> Bytes:
    """Returns uint8[256]: 1 for the line feed, 2 for the first bytes of stops, else 0."""
    leads = np.zeros(256, np.uint8)
    leads[ord("\n")] = 1
    leads[[stop.encode()[0] for stop in STOP_KINDS]] = 2
    return leads


@functools.cache
def stop_classes() -> tuple[Bytes, Bytes]:
    """Returns uint8[65536] each: the kind of a stop by its code point, and whether it is a dot."""
    kinds, dots = np.zeros(0x10000, np.uint8), np.zeros(0x10000, np.uint8)
    kinds[[ord(stop) for stop in STOP_KINDS]] = list(STOP_KINDS.values())
    dots[[ord(dot) for dot in DOTS]] = 1
    return kinds, dots
