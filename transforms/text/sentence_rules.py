"""Character classes and abbreviation lists for the rules of `transforms.text.sentences`."""

import functools
import unicodedata

import numpy as np
import numpy.typing as npt

from schemas.records import Bytes
from transforms.text.ideographs import FOUR_BYTE_RANGES, THREE_BYTE_RANGES

Flags = npt.NDArray[np.uint16]
Keys = npt.NDArray[np.uint64]

# One bit per property; a character may have several.
UPPER, LOWER, DIGIT, CASELESS, CJK, OPENER, CLOSER, STOP, JOINER, LINE_END, NUMERAL = (
    1 << bit for bit in range(11)
)
OPENS_SENTENCE = UPPER | DIGIT | CASELESS | CJK
IN_WORD = UPPER | LOWER | DIGIT | CASELESS

# Kinds of stops, by the condition under which they end a sentence.
PERIOD, EXCLAMATION, ELLIPSIS, FULL_STOP, SEMICOLON, WIDE_PERIOD = range(1, 7)
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
MAX_NUMERALS = 4

# Kana, bopomofo, the iteration mark and zero; ideographs are in `transforms.text.ideographs`.
CJK_RANGES = ((0x3005, 0x3007), (0x3040, 0x30FF), (0x3100, 0x312F), (0xFF66, 0xFF9F))

# Code points after this one are neither letters of a cased script nor ideographs of the tables.
LAST_POINT = 0x2FFFF

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

KEY_BYTES = 8


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


def word_keys(backwards: Bytes) -> Keys:
    """Packs words of up to eight bytes into integers, which compare fast.

    >>> backwards = np.array([[ord("r"), ord("M"), 0, 0, 0, 0, 0, 0]], np.uint8)
    >>> word_keys(backwards) == ord("r") + (ord("M") << 8)
    array([ True])

    Args:
      backwards: uint8[W, KEY_BYTES]; the bytes of each word from last to first, then zeros.

    Returns:
      uint64[W]; different words have different keys.
    """
    return np.ascontiguousarray(backwards).view("<u8").ravel()


def _keys_of_words(words: list[str]) -> Keys:
    rows = b"".join(word[::-1].encode().ljust(KEY_BYTES, b"\0") for word in words)
    return np.sort(word_keys(np.frombuffer(rows, np.uint8).reshape(-1, KEY_BYTES)))
