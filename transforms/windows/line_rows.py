"""Packs every line of words for itself, without the words that are not in the list."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.records import Int64, TokenColumns, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import StreamPacking
from transforms.arrays.ragged import offsets_of, positions_in_row
from transforms.checks.line_rows import examine_line_rows, line_oracles
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.windows.document_ends import with_tokens_at
from transforms.windows.packer import Packer


@dataclasses.dataclass(frozen=True, kw_only=True)
class LineRows(Packer):
    """A row for each line of text; a line that is longer than a row is cut.

    Unknown words are left out before anything else is decided, and leave no gap. Lines without a
    known word make no row.

    Attributes:
      line_ends: The end of a line is a word, too: the last one of the line.

    Source: tmikolov/word2vec word2vec.c (ReadWordIndex, TrainModelThread: sentences of up to 1000
      words, unknown words dropped); facebookresearch/fastText src/dictionary.cc (getLine).
    Differs: a line is cut after so many of its words, and not of those that are left when frequent
      ones were dropped at random, which is done in training, anew in every epoch.
    """

    of_streams: ClassVar[bool] = True
    of_words: ClassVar[bool] = True
    required_roles: ClassVar[tuple[str, ...]] = ("sep", "unk")

    line_ends: bool = False

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> StreamPacking:
        known = tokens.ids != vocabulary.roles["unk"]
        ends = tokens.sentence_offsets[1:][tokens.ends_line]
        counts = np.diff(offsets_of(known)[np.concatenate([[0], ends])])
        lengths = counts[counts > 0] + self.line_ends
        words = tokens.take(known)
        if self.line_ends:
            words = with_tokens_at(words, offsets_of(lengths)[1:] - 1, vocabulary.sep)
        windows = cut_lines(lengths, capacity)
        return StreamPacking(
            _in_rows(tokens, words, windows),
            windows,
            drawn={
                "words.known": int(counts.sum()),
                "words.unknown": len(known) - int(counts.sum()),
                "words.lines": len(counts),
                "words.lines_left_out": len(counts) - len(lengths),
            },
            left_out=len(counts) - len(lengths),
        )

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_line_rows(batch, rules, vocabulary, line_ends=self.line_ends)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return line_oracles(totals, line_ends=self.line_ends)


def cut_lines(lengths: Int64, most: int) -> Int64:
    """Returns int64[W, 2]: the windows of lines that stand one after the other.

    >>> cut_lines(np.array([2, 5]), 3).tolist()
    [[0, 2], [2, 5], [5, 7]]

    Args:
      lengths: int64[L]; words of each line, none of them 0.
      most: Words of a window.
    """
    pieces = -(-lengths // most)
    begins = np.repeat(offsets_of(lengths)[:-1], pieces) + positions_in_row(pieces) * most
    ends = np.append(begins[1:], lengths.sum())
    return np.stack([begins, ends[: len(begins)]], axis=1)


def _in_rows(tokens: Tokens, words: TokenColumns, windows: Int64) -> Tokens:
    """Returns tokens of which each row is a sentence, and a document."""
    return dataclasses.replace(
        tokens,
        **words.columns,
        sentence_offsets=np.concatenate([[0], windows[:, 1]]),
        document_offsets=np.arange(len(windows) + 1),
        ends_line=np.ones(len(windows), np.bool_),
        labels=None,
    )
