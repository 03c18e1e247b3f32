"""Packs the sentences of a shard as two streams: forward and reversed, each in its own order."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from schemas.records import Array, Int64, TokenColumns, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import StreamPacking
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.arrays.randomness import shuffled
from transforms.checks.sentence_streams import (
    examine_joined,
    examine_markers,
    examine_same_sentences,
    order_oracle,
)
from transforms.checks.streams import examine_stream_rows, token_oracle
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.windows.document_ends import with_tokens_at
from transforms.windows.packer import Packer
from transforms.windows.streams import consecutive, stream_counts


@dataclasses.dataclass(frozen=True, kw_only=True)
class SentenceStreams(Packer):
    """Two streams of the sentences of a shard, in rows of `max_seq_length` inputs and a word more.

    Each stream has a random order of its own, so the two are not aligned. A sentence `w1 ... wn` is
    `<s> w1 ... wn` in the forward stream and `</s> wn ... w1` in the reversed one: with the marker
    that it begins with, seen from there. A stream ends with one marker more, from which its last
    target follows, see `transforms.labels.next_words`. A row of 20 inputs has 21 tokens: the
    last is predicted alone, and is the first input of the next row.

    Source: allenai/bilm-tf bilm/data.py (_get_batch, BidirectionalLMDataset).
    Differs: a shard is one stream in each direction, which lanes share in training; the reference
      makes a stream of all shards in a random order for each row of a batch. Unknown words are
      `<unk>` for the model, too; the reference gives it their characters.
    """

    of_streams: ClassVar[bool] = True
    of_words: ClassVar[bool] = True

    @property
    def streams(self) -> int:
        return 2

    @property
    def predicted_only(self) -> int:
        return 1

    @property
    def inner_roles(self) -> tuple[str, ...]:
        return "cls", "sep"

    @property
    def required_roles(self) -> tuple[str, ...]:
        return "cls", "sep", "unk"

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> StreamPacking:
        count = len(tokens.sentence_offsets) - 1
        orders = [shuffled(count, rng).astype(np.int64) for _ in range(self.streams)]
        forward = _marked(tokens, orders[0], vocabulary.roles["cls"])
        backward = _marked(tokens, orders[1], vocabulary.roles["sep"]).take(slice(None, None, -1))
        size = len(forward.ids)
        both = dataclasses.replace(
            tokens,
            **TokenColumns.concat([forward, backward]).columns,
            sentence_offsets=np.array([0, size, 2 * size]),
            document_offsets=np.arange(self.streams + 1),
            ends_line=np.ones(self.streams, np.bool_),
            labels=None,
        )
        one = consecutive(size, capacity + self.predicted_only, self.predicted_only)
        windows = np.concatenate([one, one + size])
        lost = size - (int(one[-1, 1]) if len(one) else 0)
        one_stream = dataclasses.replace(tokens, **forward.columns)
        return StreamPacking(
            both,
            windows,
            np.repeat(np.arange(self.streams), len(one)),
            np.arange(self.streams + 1) * size,
            drawn={
                **stream_counts(one_stream, windows, self.streams * lost, self.streams),
                "stream.sentences": self.streams * count,
                "stream.unknown": self.streams
                * int(np.count_nonzero(tokens.ids == vocabulary.roles["unk"])),
                "stream.pairs": self.streams * max(count - 1, 0),
                "stream.ascents": sum(int((np.diff(order) > 0).sum()) for order in orders),
            },
        )

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_stream_rows(batch, rules) + examine_markers(batch, vocabulary)

    def examine_neighbours(
        self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary
    ) -> Findings:
        return examine_joined(batch)

    def examine_shard(
        self, batches: Sequence[StoredBatch], drawn: Mapping[str, int], rules: RowRules
    ) -> Findings:
        return examine_same_sentences(batches, drawn, rules)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return [token_oracle(totals), order_oracle(totals)]


# Sentences a b | c | d, order 2 0 1, the marker as /: / d / a b / c /.
def _marked(tokens: Tokens, order: Int64, marker: int) -> TokenColumns:
    """Returns sentences in an order, each behind a marker, and a marker at the end."""
    lengths = np.diff(tokens.sentence_offsets)[order]
    starts: Array = tokens.sentence_offsets[:-1][order]
    words = tokens.take(range_indices(starts, lengths))
    return with_tokens_at(words, offsets_of(lengths + 1), marker)
