"""Marks the words of Chinese text, as a segmenter sees them in the text as written."""

import dataclasses
import functools
import itertools
import logging
from collections.abc import Callable

import jieba
import numpy as np
import rjieba

from schemas.records import WORD_BEGINS, WORD_INSIDE, Bytes, Int64, ShardText
from transforms.arrays.ragged import offsets_of
from transforms.text.ideographs import FIRST_LEAD, ideographs

SEGMENTERS = ("auto", "rjieba", "jieba")
BLOCK_BYTES = 1 << 18
GAP_BYTES = 1 << 12
"""Less text than this between Chinese lines is segmented with them: one call costs as much."""

Segment = Callable[[str], list[str]]


@dataclasses.dataclass(frozen=True)
class Segmenter:
    """Which segmenter finds Chinese words.

    Attributes:
      name: "rjieba" (the Rust port), "jieba" (the original), or "auto": the port, or the original
        when there is a user dictionary, which the port does not read.
      user_dict: Content of a jieba dictionary (a word a line, then optionally its frequency and
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
    """Loads a segmenter once a process; the pieces it returns concatenate to the text."""
    if segmenter.resolved == "rjieba":
        return rjieba.cut
    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    tokenizer.initialize()
    for line in segmenter.user_dict.splitlines():
        word, *rest = line.split()[:2] or [""]
        if word:
            tokenizer.add_word(word, *(int(frequency) for frequency in rest if frequency.isdigit()))
    return tokenizer.lcut


def annotate_words(text: ShardText, segmenter: Segmenter) -> ShardText:
    """Marks where segmented words with an ideograph begin, and what lies inside them.

    Only lines with an ideograph, and lines near them, are segmented: elsewhere there is nothing to
    mark, and whole words are the tokenizer's.
    A word of the segmenter without an ideograph ("3.5", "TiDB") leaves no mark either.

    Source: Chinese-BERT-wwm issues 13 and 17 (words come from the sentence as written).
    Differs: the authors segment with LTP; jieba is what can be installed everywhere. Where a word
      mixes scripts ("T恤") the authors join only its non-initial ideographs; here all of it is one.
    """
    marks = np.zeros(len(text.data), np.uint8)
    segment = load_segmenter(segmenter)
    for low, high in chinese_runs(text.data):
        _mark(text.data[low:high], marks[low:high], segment)
    return dataclasses.replace(text, word_marks=marks)


def chinese_runs(data: Bytes) -> list[tuple[int, int]]:
    """Returns runs of lines that cover all lines with an ideograph, of about `BLOCK_BYTES`."""
    if not len(data):
        return []
    lines = np.concatenate([[0], np.flatnonzero(data == ord("\n")) + 1])
    chinese = np.zeros(len(lines) + 1, np.int8)
    chinese[1:-1] = np.maximum.reduceat(data, lines[:-1]) >= FIRST_LEAD
    edges = lines[np.flatnonzero(np.diff(chinese))]
    begins, ends = edges[::2], edges[1::2]
    apart = np.ones(len(begins) + 1, np.bool_)
    apart[1:-1] = begins[1:] - ends[:-1] > GAP_BYTES
    runs: list[tuple[int, int]] = []
    for begin, end in zip(begins[apart[:-1]].tolist(), ends[apart[1:]].tolist(), strict=True):
        inner = lines[np.searchsorted(lines, np.arange(begin + BLOCK_BYTES, end, BLOCK_BYTES))]
        cuts = np.unique(np.concatenate([[begin], inner, [end]])).tolist()
        runs.extend(itertools.pairwise(cuts))
    return runs


def _mark(data: Bytes, marks: Bytes, segment: Segment) -> None:
    """Segments some lines and writes their marks."""
    words = segment(data.tobytes().decode())
    characters = np.append(np.flatnonzero((data & 0xC0) != 0x80), len(data))
    borders = characters[offsets_of(np.fromiter(map(len, words), np.int64, len(words)))]
    holds = _holds_ideograph(data, borders)
    begins, ends = borders[:-1][holds], borders[1:][holds]
    marks[begins] = WORD_BEGINS
    marks[ends[ends < len(marks)]] = WORD_BEGINS
    inside = np.zeros(len(data) + 1, np.int8)
    inside[begins + 1] += 1
    inside[ends] -= 1
    covered = np.cumsum(inside[:-1], dtype=np.int8) > 0
    covered &= (data & 0xC0) != 0x80
    marks[covered] |= WORD_INSIDE


def _holds_ideograph(data: Bytes, borders: Int64) -> np.ndarray:
    """Says of each word [borders[w], borders[w + 1]) whether it holds an ideograph."""
    owners = np.searchsorted(borders, ideographs(data)[0], "right") - 1
    holds = np.zeros(len(borders) - 1, np.bool_)
    holds[owners] = True
    return holds
