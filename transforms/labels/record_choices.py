"""What is predicted of records of candidates: which of them is the right one."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers, numpy_of
from schemas.columns import IGNORED, Column
from schemas.label_kinds import CHOICE
from schemas.records import Int64
from schemas.vocabulary import Vocabulary
from schemas.windows import RecordPacking, Windows
from transforms.arrays.ragged import positions_in_row
from transforms.contract.oracle import Findings, breach
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.labels.record_labels import UNLABELLED, RecordLabels, unknown_tokens
from transforms.windows.text_rows import take_windows

RECORD = Column(
    "record", pa.uint32(), "Number of the row's record in its shard; its rows stand together."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChoiceLabels(RecordLabels):
    """Which candidate is the right one: a row for each candidate.

    Source: huggingface/transformers run_swag.py; google-research/bert, Devlin et al. 2019, 4.4.
    """

    name: ClassVar[str] = "rank"
    kind: ClassVar[str] = CHOICE

    def columns(self) -> tuple[Column, ...]:
        return (
            RECORD,
            Column("candidates", pa.uint16(), "How many rows the record has."),
            Column(
                "label", pa.int8(), "1 at the right candidate, 0 at others; -1 without a label."
            ),
        )

    def values(self, packing: RecordPacking) -> Mapping[str, pa.Array]:
        labels, record = packing.labels, packing.record
        candidates = labels.first(0).astype(np.int64)
        labelled = labels.counts > 1
        right = np.full(len(labels), UNLABELLED, np.int64)
        right[labelled] = labels.values[labels.offsets[:-1][labelled] + 1]
        label = np.where(
            labelled[record], positions_in_row(candidates) == right[record], UNLABELLED
        )
        return {
            "record": numbers(record.astype(np.uint32)),
            "candidates": numbers(candidates[record].astype(np.uint16)),
            "label": numbers(label.astype(np.int8)),
        }

    def whole(self, windows: Windows) -> Windows:
        """Returns the windows of records all of whose candidates have one."""
        record = numpy_of(windows.values["record"]).astype(np.int64)
        there = np.bincount(record)[record] if len(record) else record
        complete = there == numpy_of(windows.values["candidates"])
        return windows if complete.all() else take_windows(windows, np.flatnonzero(complete))

    def shown(self, batch: StoredBatch) -> dict[str, Any]:
        record, candidates, label = (
            int(numpy_of(batch.values[column.name])[0]) for column in self.columns()
        )
        right = None if label == UNLABELLED else label == 1
        return {"record": record, "candidates": candidates, "right": right}

    def standard(self) -> tuple[Column, ...]:
        *rest, _ = self.columns()
        meaning = "1 at the right candidate, 0 at others; -100 without a label."
        return (*rest, Column("labels", pa.int32(), meaning))

    def standard_arrays(self, batch: StoredBatch) -> list[pa.Array]:
        label = numpy_of(batch.values["label"])
        labels = np.where(label < 0, IGNORED, label).astype(np.int32)
        return [batch.values["record"], batch.values["candidates"], numbers(labels)]

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        label = numpy_of(batch.values["label"])
        found = breach("a label of a candidate is none of -1, 0, 1", (label < -1) | (label > 1))
        found += breach("a record has no candidates", numpy_of(batch.values["candidates"]) == 0)
        names = {"label.none": label == UNLABELLED, "label.right": label == 1}
        found += unknown_tokens(batch, vocabulary)
        return found + Findings({name: int(np.count_nonzero(at)) for name, at in names.items()})

    def examine_shard(
        self, batches: Sequence[StoredBatch], drawn: Mapping[str, int], rules: RowRules
    ) -> Findings:
        """Checks that the candidates of records stand together, all of them, one right or none."""
        record, candidates, label = (
            np.concatenate(
                [np.empty(0, np.int64), *(numpy_of(each.values[name]) for each in batches)]
            )
            for name in ("record", "candidates", "label")
        )
        starts = begins_of(record)
        if not len(starts):
            return Findings()
        sizes = np.diff(np.append(starts, len(record)))
        right = np.add.reduceat(label == 1, starts, dtype=np.int64)
        labelled = np.add.reduceat(label != UNLABELLED, starts, dtype=np.int64)
        least, most = (each.reduceat(candidates, starts) for each in (np.minimum, np.maximum))
        wrong = {
            "records do not stand in their order": record[starts] <= _before(record, starts),
            "a record has another number of rows than of candidates": (least != sizes)
            | (most != sizes),
            "a record has not one right candidate": (right != (labelled > 0))
            | ((labelled != 0) & (labelled != sizes)),
        }
        found = Findings()
        for name, groups in wrong.items():
            rows = np.zeros(len(record), np.bool_)
            rows[starts[groups]] = True
            found += breach(name, rows)
        return found


def begins_of(record: Int64) -> Int64:
    """Returns the first rows of records.

    >>> begins_of(np.array([4, 4, 7])).tolist()
    [0, 2]
    """
    return np.flatnonzero(np.diff(record, prepend=-1) != 0)


def _before(record: Int64, starts: Int64) -> Int64:
    """Returns the record before each that begins at these rows; -1 before the first."""
    return np.concatenate([[-1], record])[starts]
