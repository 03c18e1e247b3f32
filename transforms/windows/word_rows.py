"""Rows of labelled words: as many whole words as fit, and the next row goes on."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.label_kinds import TAGS
from schemas.records import Int64, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import RecordPacking
from transforms.windows.packer import Packer
from transforms.windows.record_rows import labels_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordRows(Packer):
    """A row for each record of words. Of one that is too long, the next row has the next words.

    Nothing is lost, but of a single word that is longer than a row: its end.

    Source: huggingface/transformers run_ner.py.
    Differs: what does not fit makes further rows; there it is lost.
    """

    of_records: ClassVar[bool] = True
    label_kinds: ClassVar[frozenset[str]] = frozenset({TAGS})
    texts: ClassVar[frozenset[int]] = frozenset({1})

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> RecordPacking:
        words, record = word_ranges(tokens, capacity)
        offsets = tokens.sentence_offsets
        begins = offsets[words[:, 0]]
        lengths = offsets[words[:, 1]] - begins
        cut = lengths > capacity
        first = np.stack([begins, begins + np.minimum(lengths, capacity)], axis=1)
        records = len(tokens.document_offsets) - 1
        several = np.bincount(record, minlength=records) > 1
        return RecordPacking(
            tokens,
            first,
            None,
            record,
            labels_of(tokens),
            cut,
            drawn={
                "records.cut": len(np.unique(record[cut])),
                "records.split": int(np.count_nonzero(several)),
            },
        )


# Words of 3, 4 and 2 tokens and a capacity of 7: words [0 2] and [2 3].
def word_ranges(tokens: Tokens, capacity: int) -> tuple[Int64, Int64]:
    """Returns which words each row has, and of which record.

    Returns:
      int64[W, 2] ranges of words, in the order of records, and int64[W] numbers of records.
    """
    offsets, count = tokens.sentence_offsets, len(tokens.document_offsets) - 1
    fitting = np.searchsorted(offsets, offsets[:-1] + capacity, "right") - 1
    ends = np.maximum(fitting, np.arange(1, len(offsets)))
    at, last = tokens.document_offsets[:-1].copy(), tokens.document_offsets[1:]
    records = np.arange(count)
    found: list[Int64] = []
    # Once for each row of the longest record.
    while len(records):
        end = np.minimum(ends[at], last[records])
        found.append(np.stack([records, at, end], axis=1))
        more = end < last[records]
        records, at = records[more], end[more]
    rows = np.concatenate([np.empty((0, 3), np.int64), *found])
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    return rows[:, 1:], rows[:, 0]
