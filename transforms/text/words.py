"""Marks the words of Chinese text, which a segmenter finds in the text as written."""

import dataclasses
import functools
import itertools
import logging
from collections.abc import Callable

import numpy as np

from schemas.records import Bytes, ShardText
from transforms.text.ideographs import FIRST_LEAD, ideograph_ranges

SEGMENTERS = ("auto", "rjieba", "jieba")
BLOCK_BYTES = 1 << 18
GAP_BYTES = 1 << 12
"""Shorter gaps between Chinese lines are segmented too: that costs no more than another call."""

Segment = Callable[[str], list[str]]


@dataclasses.dataclass(frozen=True)
class Segmenter:
    """Which segmenter finds Chinese words.

    Attributes:
      name: "rjieba" (the Rust port), "jieba" (the original), or "auto": the port, or the original
        when there is a user dictionary, which the port does not read.
      user_dict: Content of a jieba dictionary (one word per line, then optionally its frequency and
        tag), or "".
    """

    name: str = "auto"
    user_dict: str = ""

    def __post_init__(self) -> None:
        if self.name not in SEGMENTERS:
            raise ValueError(f"segmenter must be one of {', '.join(SEGMENTERS)}, got {self.name!r}")
        if self.name == "rjieba" and self.user_dict:
            raise ValueError("a user dictionary needs segmenter 'jieba' or 'auto', got 'rjieba'")

    @property
    def resolved(self) -> str:
        if self.name != "auto":
            return self.name
        return "jieba" if self.user_dict else "rjieba"


@functools.lru_cache(maxsize=4)
def load_segmenter(segmenter: Segmenter) -> Segment:
    """Loads a segmenter, once per process; the words it returns concatenate to the text."""
    if segmenter.resolved == "rjieba":
        # Both load dictionaries, which few builds need.
        import rjieba

        return rjieba.cut
    import jieba

    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    tokenizer.initialize()
    for line in segmenter.user_dict.splitlines():
        word, *rest = line.split()[:2] or [""]
        if word:
            tokenizer.add_word(word, *(int(frequency) for frequency in rest if frequency.isdigit()))
    return tokenizer.lcut


def annotate_words(text: ShardText, segmenter: Segmenter) -> ShardText:
    """Marks the first byte and the inside of each segmented word that contains an ideograph.

    Only lines with an ideograph, and lines near them, are segmented. Elsewhere there is nothing to
    mark: there the pre-tokens of the tokenizer are the words. Segmented words without an ideograph
    ("3.5", "TiDB") are not marked either.

    Source: Chinese-BERT-wwm issues 13 and 17 (words come from the sentence as written).
    Differs: The authors segment with LTP; jieba can be installed everywhere. In a word of mixed
      scripts ("T恤") the authors join only the non-initial ideographs; here it is one whole word.
    """
    marks = np.zeros(len(text.data), np.uint8)
    for low, high in chinese_runs(text.data):
        _mark(text.data[low:high], marks[low:high], load_segmenter(segmenter))
    return dataclasses.replace(text, word_marks=marks)


def chinese_runs(data: Bytes) -> list[tuple[int, int]]:
    r"""Returns byte ranges of whole lines, of about `BLOCK_BYTES`, that cover all ideographs.

    >>> chinese_runs(np.frombuffer("ab\n电影\ncd\n".encode(), np.uint8))
    [(3, 10)]
    """
    if data.max(initial=0) < FIRST_LEAD:
        return []
    lines = np.concatenate([[0], np.flatnonzero(data == ord("\n")) + 1])
    # A line is Chinese if its largest byte may begin an ideograph; runs begin and end at changes.
    chinese = np.zeros(len(lines) + 1, np.int8)
    chinese[1:-1] = np.maximum.reduceat(data, lines[:-1]) >= FIRST_LEAD
    edges = lines[np.flatnonzero(np.diff(chinese))]
    begins, ends = edges[::2], edges[1::2]
    separate = np.ones(len(begins) + 1, np.bool_)
    separate[1:-1] = begins[1:] - ends[:-1] > GAP_BYTES
    runs: list[tuple[int, int]] = []
    for begin, end in zip(begins[separate[:-1]].tolist(), ends[separate[1:]].tolist(), strict=True):
        inner = lines[np.searchsorted(lines, np.arange(begin + BLOCK_BYTES, end, BLOCK_BYTES))]
        cuts = np.unique(np.concatenate([[begin], inner, [end]])).tolist()
        runs.extend(itertools.pairwise(cuts))
    return runs


def _mark(data: Bytes, marks: Bytes, segment: Segment) -> None:
    """Segments some lines and writes their marks.

    The words of "看a电影" begin at bytes 0, 3 and 4. Of these 看 and 电影 contain an ideograph: the
    byte after each is marked WORD_BEGINS (1) too. Inside of 电影, 影 is WORD_INSIDE (2):

    >>> marks = np.zeros(10, np.uint8)
    >>> _mark(np.frombuffer("看a电影".encode(), np.uint8), marks, lambda _: ["看", "a", "电影"])
    >>> marks.tolist()
    [1, 0, 0, 1, 1, 0, 0, 2, 0, 0]
    """
    from transforms.kernels.word_marks import mark_words

    # NUL, which normalised text does not have, parts the words: joining is faster than to count
    # the characters of every word.
    words = segment(data.tobytes().decode())
    joined = bytearray("\0".join(words), "utf-8")
    if len(joined) != len(data) + max(len(words) - 1, 0):
        raise ValueError(
            f"the words of the segmenter have {len(joined) - len(words) + 1} bytes, but the text "
            f"has {len(data)}; a segmenter must return all of the text, cut into words"
        )
    mark_words(np.frombuffer(joined, np.uint8), ideograph_ranges(), marks)
