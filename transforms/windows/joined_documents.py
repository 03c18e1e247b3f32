"""Packs documents without a token between them: one after the other, or each for itself."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.records import Int64, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import StreamPacking
from transforms.arrays.ragged import positions_in_row
from transforms.contract.oracle import Findings, breach
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.windows.packer import Packer

_SHORTEST = 2
"""Tokens of a row that something can be taken away from, and something is left of."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class JoinedDocuments(Packer):
    """Rows of one length, wherever documents end; the last row of a shard is what is left.

    Source: google-research/text-to-text-transfer-transformer t5/data/preprocessors.py:2216-2243,
      2433-2557 (reduce_concat_tokens, split_tokens).
    Differs: all documents of a shard are joined, in the order of their keys, and whole; the
      reference joins groups of 128, and of a document longer than 65,536 tokens one part. A last
      row of a single token is left out, and counted.
    """

    of_streams: ClassVar[bool] = True

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> StreamPacking:
        starts = np.arange(0, len(tokens.ids), capacity, dtype=np.int64)
        ends = np.minimum(starts + capacity, len(tokens.ids))
        return _without_shortest(tokens, starts, ends)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return breach("a row is too short to take something away", batch.lengths < _SHORTEST)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DocumentPieces(JoinedDocuments):
    """Each document for itself, cut into rows of one length; its last row is what is left.

    Source: google-research/text-to-text-transfer-transformer t5/data/preprocessors.py:2034-2050,
      2433-2557 (prefix_lm, split_tokens).
    Differs: documents are used whole; the reference takes one part of 65,536 tokens. A last row of
      a single token is left out, and counted.
    """

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> StreamPacking:
        borders = tokens.sentence_offsets[tokens.document_offsets]
        pieces = -(-np.diff(borders) // capacity)
        starts = np.repeat(borders[:-1], pieces) + positions_in_row(pieces) * capacity
        ends = np.minimum(starts + capacity, np.repeat(borders[1:], pieces))
        return _without_shortest(tokens, starts, ends)


def _without_shortest(tokens: Tokens, starts: Int64, ends: Int64) -> StreamPacking:
    """Returns the windows that are long enough, and how many others there were."""
    kept = ends - starts >= _SHORTEST
    windows = np.stack([starts, ends], axis=1)[kept]
    return StreamPacking(tokens, windows, left_out=int(np.count_nonzero(~kept)))
