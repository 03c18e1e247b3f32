"""A row for each of the candidates of a record, together with its query."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.label_kinds import CHOICE
from schemas.records import Int64, Labels, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import RecordPacking
from transforms.arrays.ragged import offsets_of, positions_in_row, row_numbers
from transforms.windows.packer import Packer
from transforms.windows.record_rows import HEAD, check_keep, cut_texts, labels_of, line_ranges

_MOST_PLACES = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class CandidateRows(Packer):
    """A row for each candidate: the query, and the candidate. Those of a record stand together.

    A query and a candidate that do not fit lose tokens from the longer of them first.

    Attributes:
      keep: What is kept of a text that is too long: its "head", its "tail", or "head_tail": a
        fourth of the room for its head, and the rest for its tail.

    Source: huggingface/transformers run_swag.py; Zellers et al. 2018, SWAG.
    """

    of_records: ClassVar[bool] = True
    label_kinds: ClassVar[frozenset[str]] = frozenset({CHOICE})
    texts: ClassVar[frozenset[int]] = frozenset({2})

    keep: str = HEAD

    def __post_init__(self) -> None:
        check_keep(self.keep)

    # Of a record with a query and two candidates: lines [q a b], and texts [q a] [q b].
    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> RecordPacking:
        labels = labels_of(tokens)
        # The first number of a record is how many candidates it has.
        candidates = labels.first(0).astype(np.int64)
        lines = line_ranges(tokens, candidates + 1)
        record = row_numbers(candidates)
        query = offsets_of(candidates + 1)[:-1][record]
        texts = np.stack([lines[query], lines[query + 1 + positions_in_row(candidates)]], axis=1)
        chosen, first, second, cut = cut_texts(tokens, texts, capacity, self.keep)
        return RecordPacking(
            chosen,
            first,
            second,
            record,
            labels,
            cut,
            drawn={"records.cut": len(np.unique(record[cut])), **_right(labels, candidates)},
        )


def _right(labels: Labels, candidates: Int64) -> dict[str, int]:
    """Counts the places of right candidates, "right.at_0" and on; the last count is of all behind.

    Args:
      labels: Two numbers of records with a label, of which the second is the place.
      candidates: int64[D], of each record.
    """
    labelled = labels.counts > 1
    places = labels.values[labels.offsets[:-1][labelled] + 1].astype(np.int64)
    most = min(int(candidates[labelled].max(initial=0)), _MOST_PLACES)
    counts = np.bincount(np.minimum(places, _MOST_PLACES - 1), minlength=most)
    return {f"right.at_{place}": int(count) for place, count in enumerate(counts)}
