"""Windows of a context beside a question: of a long context several that overlap."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.label_kinds import SPAN
from schemas.records import Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import RecordPacking
from transforms.arrays.ragged import positions_in_row, row_numbers
from transforms.windows.packer import Packer
from transforms.windows.record_rows import labels_of, text_ranges


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContextWindows(Packer):
    """The question, and as much of the context as fits; the next window begins a stride further.

    Attributes:
      stride: Tokens between the begins of two windows of a context.
      question: Tokens of the longest question; of a longer one the head is kept. It never takes
        more than half of the room.

    Source: google-research/bert run_squad.py (doc_stride, max_query_length).
    """

    of_records: ClassVar[bool] = True
    label_kinds: ClassVar[frozenset[str]] = frozenset({SPAN})
    texts: ClassVar[frozenset[int]] = frozenset({2})

    stride: int = 128
    question: int = 64

    def __post_init__(self) -> None:
        for name in ("stride", "question"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    # A context of 9 tokens, room for 5 of them, and a stride of 3: [0 5] [3 8] [6 9].
    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> RecordPacking:
        questions, contexts = (text_ranges(tokens)[:, number] for number in range(2))
        asked = questions[:, 1] - questions[:, 0]
        kept = np.minimum(asked, min(self.question, capacity // 2))
        room, length = capacity - kept, contexts[:, 1] - contexts[:, 0]
        step = np.minimum(room, self.stride)
        counts = 1 + -(-np.maximum(length - room, 0) // step)
        record = row_numbers(counts)
        begins = contexts[record, 0] + positions_in_row(counts) * step[record]
        ends = np.minimum(begins + room[record], contexts[record, 1])
        first = np.stack([questions[:, 0], questions[:, 0] + kept], axis=1)[record]
        labels = labels_of(tokens)
        # Where a record has no answer, its numbers are below 0.
        unanswered = labels.first(0) < 0
        return RecordPacking(
            tokens,
            first,
            np.stack([begins, ends], axis=1),
            record,
            labels,
            (kept < asked)[record],
            drawn={
                "records.cut": int(np.count_nonzero(kept < asked)),
                "records.split": int(np.count_nonzero(counts > 1)),
                "records.unanswered": int(np.count_nonzero(unanswered)),
                "label.unanswered": int(np.count_nonzero(unanswered[record])),
            },
        )
