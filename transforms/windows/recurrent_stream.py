"""Packs the documents of a shard as a stream, in rows that begin with what the last one added."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from schemas.records import Int64, TokenColumns, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import StreamPacking
from transforms.checks.recurrent_streams import examine_mirror, examine_reuse, reuse_oracle
from transforms.checks.streams import examine_stream_rows
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.windows.document_ends import end_documents
from transforms.windows.packer import Packer
from transforms.windows.streams import stream_counts

SPECIAL = 3
"""Special tokens of a row of `inp A SEP B SEP CLS`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecurrentStream(Packer):
    """A stream of documents in windows that begin `reuse_len` tokens after one another.

    A model remembers the first `reuse_len` tokens of a row; the rest of a window is what segments A
    and B are made of. So a row goes on with the text that was segment A of the row before.

    Attributes:
      reuse_len: Tokens at the begin of a row that the model remembers; 0 for half of the longest.
      bi_data: Make a second stream, of the same tokens in reversed order.

    Source: zihangdai/xlnet data_utils.py (create_tfrecords).
    Differs: a shard is one stream, which lanes share in training; the reference cuts it into as
      many as a batch has rows.
    """

    for_pairs: ClassVar[bool] = True
    of_streams: ClassVar[bool] = True
    required_roles: ClassVar[tuple[str, ...]] = ("eod",)

    reuse_len: int = 0
    bi_data: bool = True

    def __post_init__(self) -> None:
        if self.reuse_len < 0:
            raise ValueError(f"reuse_len must be at least 0, got {self.reuse_len}")

    @property
    def streams(self) -> int:
        return 2 if self.bi_data else 1

    def reused(self, capacity: int) -> int:
        return self.reuse_len or (capacity + SPECIAL) // 2

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> StreamPacking:
        ended = end_documents(tokens, vocabulary.eod, special=False)
        count = len(ended.ids)
        # A window is followed by a token at least, as in the reference.
        reused = self.reused(capacity)
        starts = np.arange(0, max(count - capacity, 0), reused, dtype=np.int64)
        borders = np.arange(self.streams + 1, dtype=np.int64) * count
        begins = (borders[:-1, None] + starts).ravel()
        windows = np.stack([begins, begins + capacity], axis=1)
        last = int(starts[-1]) + capacity if len(starts) else 0
        return StreamPacking(
            with_reversed(ended) if self.bi_data else ended,
            windows,
            np.repeat(np.arange(self.streams), len(starts)),
            borders,
            reused,
            drawn={
                **stream_counts(ended, windows, self.streams * (count - last), self.streams),
                "stream.filled": self.streams * int(len(starts) > 0),
            },
        )

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_stream_rows(batch, rules)

    def examine_neighbours(
        self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary
    ) -> Findings:
        return examine_reuse(batch, rules)

    def examine_shard(
        self, batches: Sequence[StoredBatch], drawn: Mapping[str, int], rules: RowRules
    ) -> Findings:
        return examine_mirror(batches, drawn, rules) if self.bi_data else Findings()

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return [reuse_oracle(totals, rules)]


def with_reversed(tokens: Tokens) -> Tokens:
    """Returns tokens and, after them, the same in reversed order; word starts stay where they are.

    Example, sentences [a b] [c] of a document: [a b] [c] [c] [b a] of two documents.
    """
    mirrored = tokens.take(slice(None, None, -1))
    both = TokenColumns.concat([TokenColumns(**tokens.columns), mirrored])
    return dataclasses.replace(
        tokens,
        **both.columns,
        sentence_offsets=_both_ways(tokens.sentence_offsets),
        document_offsets=_both_ways(tokens.document_offsets),
        ends_line=np.concatenate([tokens.ends_line, tokens.ends_line[::-1]]),
        labels=None,
    )


def _both_ways(offsets: Int64) -> Int64:
    """Returns offsets and then those of the same ranges in reversed order: 0 2 3 -> 0 2 3 4 6."""
    return np.concatenate([offsets, offsets[-1] + np.cumsum(np.diff(offsets)[::-1])])
