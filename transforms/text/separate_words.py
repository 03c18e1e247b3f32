"""Separates the words of a text by spaces: the words that a list of words counts.

1. White space separates words.
2. Where a segmenter found words with an ideograph (`transforms.text.words`), these are the words;
   but none begins inside a run of letters or digits: DS|D版|本 are the words DSD, 版 and 本.
3. Elsewhere a run of letters, digits, combining marks and underscores is a word. So are runs with
   a single apostrophe, hyphen, full stop or middle dot between two of these (don't, well-known,
   3.14, U.S), and runs of digits with a comma or colon between them (1,000 and 12:30).
4. Every other character is a word by itself: punctuation, symbols, emoji.
5. What is not seen, or only changes the look of a character, goes with the character before it,
   whatever that is: zero-width characters, marks of direction, variation selectors, skin tones. It
   is a word only where white space or nothing precedes. A zero-width space ends the word; a
   zero-width joiner between two emoji makes them one word.

Letter case is kept. The rule is the same for every script that separates words by spaces.
"""

import dataclasses
import functools
import unicodedata

import numpy as np

from schemas.records import Bytes, ShardText
from transforms.arrays.ragged import read_only
from transforms.text.ideographs import FOUR_BYTE_RANGES, THREE_BYTE_RANGES
from transforms.text.sentence_rules import CJK_RANGES

JOINERS = "'\u2019-\u2010\u2011.\u00b7"
"""Marks that are part of a word between two of its characters."""
DIGIT_JOINERS = ",:"
"""Marks that are part of a number between two of its digits."""
_SOFT_HYPHEN = "\u00ad"
_JOINED_RANGES = (
    (0x200B, 0x200F),
    (0x2060, 0x2064),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0x1F3FB, 0x1F3FF),
)
"""Zero-width characters and marks of direction, invisible operators, variation selectors, the byte
order mark, and skin tones."""
_LAST = 0x2FFFF
_PICTURES = 0x1F000, 0x1FAFF


def separate_words(text: ShardText) -> ShardText:
    r"""Returns a text whose words are separated by white space alone.

    Lines, sentences and documents stay what they are; the marks of words are used up.

    >>> data = np.frombuffer("(don't)\n".encode(), np.uint8)
    >>> text = ShardText(data, np.zeros(1, np.int64), word_marks=np.zeros(8, np.uint8))
    >>> separate_words(text).data.tobytes()
    b"( don't )\n"

    Args:
      text: Without spans; its words are marked, see `transforms.text.words.annotate_words`.
    """
    from transforms.kernels.separated import separate

    assert text.word_marks is not None
    assert not text.spans
    count = len(text.document_starts)
    starts = np.concatenate([text.document_starts, text.sentence_starts])
    order = np.argsort(starts, kind="stable")
    found, moved = np.empty(2 * len(text.data), np.uint8), np.empty(len(starts), np.int64)
    texts = read_only(text.data), read_only(text.word_marks), word_classes()
    size = separate(*texts, read_only(starts[order]), found, moved)
    places = np.empty_like(moved)
    places[order] = moved
    return dataclasses.replace(
        text,
        data=found[:size].copy(),
        document_starts=places[:count],
        sentence_starts=places[count:],
        word_marks=None,
    )


@functools.cache
def word_classes() -> Bytes:
    """Returns uint8[_LAST + 1]: the class of each code point, see `transforms.kernels.separated`.

    Categories are those of Unicode 3.2, which every version of Python includes. Characters that it
    does not know are letters, but for the planes of pictures.
    """
    from transforms.kernels.separated import (
        ALONE,
        CJK,
        DIGIT,
        DIGIT_JOINER,
        GAP,
        JOINED,
        JOINER,
        WORD,
    )

    kinds = {"L": WORD, "M": WORD, "N": WORD, "Nd": DIGIT, "Cn": WORD, "Co": WORD}
    category = unicodedata.ucd_3_2_0.category
    classes = np.full(_LAST + 1, WORD, np.uint8)
    classes[:0x10000] = [
        kinds.get(kind, kinds.get(kind[0], ALONE))
        for kind in map(category, map(chr, range(0x10000)))
    ]
    for low, high in (*CJK_RANGES, *THREE_BYTE_RANGES, *FOUR_BYTE_RANGES):
        classes[low : high + 1] = CJK
    classes[_PICTURES[0] : _PICTURES[1] + 1] = ALONE
    for low, high in _JOINED_RANGES:
        classes[low : high + 1] = JOINED
    for characters, kind in (
        ("_" + _SOFT_HYPHEN, WORD),
        (JOINERS, JOINER),
        (DIGIT_JOINERS, DIGIT_JOINER),
        (" \n", GAP),
    ):
        classes[[ord(character) for character in characters]] = kind
    return read_only(classes)
