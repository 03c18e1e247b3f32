"""Packs the documents of a shard as one stream, or whole documents side by side."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.columns import DOCUMENTS
from schemas.records import Int64, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import StreamPacking
from transforms.arrays.ragged import offsets_of, positions_in_row, range_indices
from transforms.checks.streams import (
    examine_documents,
    examine_fitting,
    examine_overlap,
    examine_stream_rows,
    token_oracle,
)
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.windows.best_fit import best_fit
from transforms.windows.document_ends import end_documents
from transforms.windows.packer import Packer

CONSECUTIVE, BEST_FIT = "consecutive", "best_fit"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DocumentStream(Packer):
    """The documents of a shard, each with its end-of-document token, one after the other.

    Attributes:
      packing: "consecutive" cuts the stream into rows of one length, wherever that is; what is left
        at its end is lost, and counted. "best_fit" packs whole documents by best fit, the longest
        first, so that only those longer than a row are cut, and nothing is lost; then rows are no
        stream.
      overlap: The last token of a row is the first of the next one, so that every token but the
        first is predicted. A row has a token more than the model is given at once.

    Source: NVIDIA/Megatron-LM core/datasets/gpt_dataset.py (consecutive, overlap); huggingface
      run_clm.py group_texts (without overlap); Ding et al. 2024, arXiv 2404.10830 (best_fit).
    Differs: a stream ends with its shard, and its documents are in the order of their keys.
    """

    of_streams: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({DOCUMENTS})

    packing: str = CONSECUTIVE
    overlap: bool = True

    def __post_init__(self) -> None:
        if self.packing not in {CONSECUTIVE, BEST_FIT}:
            raise ValueError(f"packing must be {CONSECUTIVE} or {BEST_FIT}, got {self.packing!r}")

    @property
    def streams(self) -> int:
        return int(self.packing == CONSECUTIVE)

    @property
    def predicted_only(self) -> int:
        return int(self.overlap)

    @property
    def inner_roles(self) -> tuple[str, ...]:
        return ("eod",)

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> StreamPacking:
        ended = end_documents(tokens, vocabulary.eod)
        size = capacity + self.predicted_only
        if self.packing == BEST_FIT:
            return _whole_documents(ended, size, self.predicted_only)
        windows = consecutive(len(ended.ids), size, self.predicted_only)
        last = int(windows[-1, 1]) if len(windows) else 0
        return StreamPacking(
            ended,
            windows,
            np.zeros(len(windows), np.int64),
            np.array([0, len(ended.ids)]),
            drawn=stream_counts(ended, windows, lost=len(ended.ids) - last),
        )

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        found = examine_documents(batch, vocabulary.eod)
        if self.packing == BEST_FIT:
            return found + examine_fitting(batch, rules)
        return found + examine_stream_rows(batch, rules)

    def examine_neighbours(
        self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary
    ) -> Findings:
        if self.packing == BEST_FIT:
            return Findings()
        return examine_overlap(batch, self.predicted_only, vocabulary.eod)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return [token_oracle(totals)]


def consecutive(tokens: int, size: int, overlap: int) -> Int64:
    """Returns int64[W, 2]: the windows of a stream, each of `size` tokens.

    Example, 8 tokens, windows of 4 that overlap by one: [0, 4) and [3, 7); a token is lost.
    """
    step = size - overlap
    starts = np.arange(max(tokens - overlap, 0) // step, dtype=np.int64) * step
    return np.stack([starts, starts + size], axis=1)


def stream_counts(tokens: Tokens, windows: Int64, lost: int, streams: int = 1) -> dict[str, int]:
    """Returns what rows do not show of streams, for `Windows.drawn`.

    Args:
      tokens: Of one stream.
      windows: int64[W, 2]; of all streams.
      lost: Tokens of all streams that are in no window.
      streams: How many streams the tokens were made.
    """
    covered = int((windows[:, 1] - windows[:, 0]).sum())
    total = streams * len(tokens.ids)
    return {
        "stream.bytes": streams * tokens.text_bytes,
        "stream.lost": lost,
        "stream.repeated": covered + lost - total,
        "stream.tokens": total,
    }


def _whole_documents(tokens: Tokens, size: int, overlap: int) -> StreamPacking:
    """Packs documents, of which those longer than a row are cut into pieces.

    Example, documents [a b c d /] and [e /], rows of 4 tokens, no overlap: the pieces are
    [a b c d], [/] and [e /], and the rows [a b c d] and [e / /].
    """
    borders = tokens.sentence_offsets[tokens.document_offsets]
    lengths = np.diff(borders)
    step = size - overlap
    pieces = np.maximum(-(-(lengths - overlap) // step), 1)
    begins = np.repeat(borders[:-1], pieces) + positions_in_row(pieces) * step
    sizes = np.minimum(size, np.repeat(borders[1:], pieces) - begins)
    order, rows = best_fit(sizes, size)
    begins, sizes = begins[order], sizes[order]
    offsets = offsets_of(sizes)
    taken = tokens.take(range_indices(begins, sizes))
    marks = taken.annotations[DOCUMENTS]
    inner = np.ones(len(order), np.bool_)
    inner[rows[:-1]] = False
    marks[offsets[:-1][inner]] = 1
    packed = dataclasses.replace(
        tokens,
        **taken.columns,
        sentence_offsets=offsets,
        document_offsets=np.arange(len(offsets)),
        ends_line=np.ones(len(order), np.bool_),
        labels=None,
    )
    windows = np.stack([offsets[rows[:-1]], offsets[rows[1:]]], axis=1)
    return StreamPacking(packed, windows, drawn=stream_counts(tokens, windows, lost=0))
