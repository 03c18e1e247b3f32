"""A row for each labelled record; of texts that do not fit, a part is kept."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.records import Bool, Int64, Labels, RecordPacking, Tokens
from schemas.vocabulary import Vocabulary
from transforms.arrays.excess import excess_tokens
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.windows.packer import Packer

HEAD, TAIL, HEAD_TAIL = KEEP_CHOICES = ("head", "tail", "head_tail")
_HEAD_SHARE = 4
"""A fourth of what is kept is of the head: 127 of 510 tokens, near the 128 of the source."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordRows(Packer):
    """A row for each record of one text, or of two.

    Two texts that do not fit lose tokens from the longer of them first, until both fit.

    Attributes:
      keep: What is kept of a text that is too long: its "head", its "tail", or "head_tail": a
        fourth of the room for its head, and the rest for its tail.

    Source: google-research/bert run_classifier.py (_truncate_seq_pair); Sun et al. 2019, "How to
      Fine-Tune BERT for Text Classification?", 5.3.1 (head and tail).
    """

    of_records: ClassVar[bool] = True

    keep: str = HEAD

    def __post_init__(self) -> None:
        if self.keep not in KEEP_CHOICES:
            raise ValueError(f"keep must be one of {', '.join(KEEP_CHOICES)}, got {self.keep!r}")

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> RecordPacking:
        texts = text_ranges(tokens)
        lengths = texts[:, :, 1] - texts[:, :, 0]
        off_first, off_second = excess_tokens(texts[:, 0], texts[:, 1], capacity)
        kept = lengths - np.stack([off_first, off_second], axis=1)
        head = self._head(lengths, kept)
        pieces = np.stack([texts[:, :, 0], texts[:, :, 1] - (kept - head)], axis=2)
        sizes = np.stack([head, kept - head], axis=2)
        chosen = range_indices(pieces.ravel(), sizes.ravel())
        borders = offsets_of(kept.ravel())
        ranges = np.stack([borders[:-1], borders[1:]], axis=1).reshape(-1, 2, 2)
        records = np.arange(len(texts), dtype=np.int64)
        cut: Bool = np.any(kept < lengths, axis=1)
        return RecordPacking(
            _only(tokens, chosen),
            ranges[:, 0],
            ranges[:, 1],
            records,
            labels_of(tokens),
            cut,
            drawn={"records.cut": int(np.count_nonzero(cut))},
        )

    def _head(self, lengths: Int64, kept: Int64) -> Int64:
        """Returns how many of the tokens that are kept stand at the beginning of their text."""
        part = {HEAD: kept, TAIL: np.zeros_like(kept), HEAD_TAIL: kept // _HEAD_SHARE}[self.keep]
        return np.where(kept < lengths, part, kept)


def labels_of(tokens: Tokens) -> Labels:
    """Returns what is known of documents; nothing of those that are no labelled records."""
    if tokens.labels is not None:
        return tokens.labels
    return Labels(np.empty(0), np.zeros(len(tokens.document_offsets), np.int64))


# Documents of lines [a b][c] | [d]: ranges [0 2] [2 3] | [3 4] [4 4]
def text_ranges(tokens: Tokens) -> Int64:
    """Returns int64[D, 2, 2]: the token ranges of the first and the second line of documents.

    A line without a token has an empty range.
    """
    count = len(tokens.document_offsets) - 1
    counts = np.zeros((count, 2), np.int64)
    document = np.repeat(np.arange(count), np.diff(tokens.document_offsets))
    lines = np.zeros(len(document), np.int64) if tokens.lines is None else tokens.lines
    texts = lines < 2
    sizes = np.diff(tokens.sentence_offsets)
    np.add.at(counts, (document[texts], lines[texts]), sizes[texts])
    begins = tokens.sentence_offsets[tokens.document_offsets[:-1]]
    first = np.stack([begins, begins + counts[:, 0]], axis=1)
    second = np.stack([first[:, 1], first[:, 1] + counts[:, 1]], axis=1)
    return np.stack([first, second], axis=1)


def _only(tokens: Tokens, chosen: Int64) -> Tokens:
    """Returns some tokens; nothing is known of their sentences."""
    return dataclasses.replace(tokens, **tokens.take(chosen).columns, labels=None, lines=None)
