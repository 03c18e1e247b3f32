"""Characters of words, as ELMo reads them: the bytes of a word between two marks, in 50 places."""

from collections.abc import Sequence

import numpy as np

from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary
from schemas.word_list import words_by_id
from transforms.arrays.ragged import offsets_of, range_indices

PLACES = 50
"""Characters of every word, filler included."""
CHARACTERS = 261
"""Ids: 256 bytes, and those below."""
TEXT_BEGIN, TEXT_END, WORD_BEGIN, WORD_END, FILLER = range(256, CHARACTERS)
_MOST = PLACES - 2


# The words "an" and "é", whose bytes are 61 6e and c3 a9:
#   258 97 110 259 260 ... | 258 195 169 259 260 ...
def character_ids(words: Sequence[bytes]) -> Array:
    """Returns uint16[W, 50]: the characters of words.

    A word is 258, its first 48 bytes, which may end inside a character, 259, and then 260. The ids
    are 0 to 260, for training and for use; code that keeps 0 for places without a word (the
    inference graph of the reference) has them one higher.

    Args:
      words: In UTF-8.

    Source: allenai/bilm-tf bilm/data.py (UnicodeCharsVocabulary).
    """
    offsets = offsets_of(np.fromiter(map(len, words), np.int64, len(words)))
    values = np.frombuffer(b"".join(words), np.uint8)
    lengths = np.minimum(np.diff(offsets), _MOST)
    found = np.full((len(words), PLACES), FILLER, np.uint16)
    found[:, 0] = WORD_BEGIN
    begins: Int64 = np.arange(len(words)) * PLACES
    found.reshape(-1)[range_indices(begins + 1, lengths)] = values[
        range_indices(offsets[:-1], lengths)
    ]
    found.reshape(-1)[begins + lengths + 1] = WORD_END
    return found


def marker_ids(character: int) -> Array:
    """Returns uint16[50]: the characters of a marker, which is one character instead of bytes."""
    found = np.full(PLACES, FILLER, np.uint16)
    found[:3] = WORD_BEGIN, character, WORD_END
    return found


def character_table(tokenizer_json: str, vocabulary: Vocabulary) -> Array:
    """Returns uint16[V, 50]: the characters of each word of a build, by its id.

    The token that a sentence begins with is 258 256 259, and the one that it ends with
    258 257 259. Unknown words all have the characters of the token that stands for them.

    Args:
      tokenizer_json: Of the build.
      vocabulary: The same, read.
    """
    found = character_ids([word.encode() for word in words_by_id(tokenizer_json)])
    found[vocabulary.roles["cls"]] = marker_ids(TEXT_BEGIN)
    found[vocabulary.roles["sep"]] = marker_ids(TEXT_END)
    return found
