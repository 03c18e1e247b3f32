"""Lists of the words of a text, counted in the plainest way."""

import collections
from collections.abc import Iterable

import numpy as np

from schemas.records import ShardText
from schemas.word_list import WordList
from transforms.text.separate_words import separate_words
from transforms.text.words import Segmenter, annotate_words


def separated(text: str) -> str:
    """Returns normalised text with a space between any two words."""
    data = np.frombuffer(f"{text}\n".encode(), np.uint8)
    marked = annotate_words(ShardText(data, np.zeros(1, np.int64)), Segmenter())
    return separate_words(marked).data.tobytes().decode().removesuffix("\n")


def words_of(lines: Iterable[str], least: int = 1) -> WordList:
    """Returns the words that occur so often at least; each line is normalised text."""
    lines = list(lines)
    found = collections.Counter(separated("\n".join(lines)).split())
    kept = {word: count for word, count in found.items() if count >= least}
    words = sorted(kept, key=lambda word: (-kept[word], word.encode()))
    counts = np.array([kept[word] for word in words], np.int64)
    return WordList(words, counts, len(lines))
