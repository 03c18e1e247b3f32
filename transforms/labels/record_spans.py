"""What is predicted of questions and contexts: where in the context the answer is, if there."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers, numpy_of
from schemas.columns import IGNORED, Column
from schemas.label_kinds import SPAN
from schemas.records import Array, Bool, Int64, ShardText, TokenSpans
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples, RecordPacking
from transforms.arrays.ragged import offsets_of, range_indices, row_numbers
from transforms.contract.oracle import Findings, breach
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.labels.record_choices import RECORD, begins_of
from transforms.labels.record_labels import UNLABELLED, RecordLabels, unknown_tokens

ANSWERS = "answers"
"""The annotation of tokens of answers; it is not stored."""
_LF = 0x0A


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpanLabels(RecordLabels):
    """The tokens of the answer, in the windows that hold all of it.

    An answer is every token that has a character of it.

    Source: google-research/bert run_squad.py (convert_examples_to_features).
    """

    name: ClassVar[str] = "span"
    kind: ClassVar[str] = SPAN

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({ANSWERS})

    def columns(self) -> tuple[Column, ...]:
        return (
            RECORD,
            Column(
                "context_start",
                pa.uint32(),
                "Token of the context that segment B of the row begins with.",
            ),
            Column(
                "answer_start",
                pa.int32(),
                "Position in the row where the answer begins; 0 if the row does not hold it, -1 "
                "without a label.",
            ),
            Column("answer_end", pa.int32(), "The position behind it; 0 or -1 as above."),
        )

    def mark_text(self, text: ShardText) -> ShardText:
        """Returns the text with the bytes of answers; numbers of records count them in line two."""
        if text.labels is None:
            # A shard without records.
            nothing = np.empty(0, np.int64)
            spans = {**text.spans, ANSWERS: TokenSpans(nothing, nothing)}
            return dataclasses.replace(text, spans=spans)
        numbered = text.labels.counts == 2
        at = text.labels.offsets[:-1][numbered]
        ends = np.flatnonzero(text.data == _LF)
        lines = ends[np.searchsorted(ends, text.document_starts[numbered])] + 1
        begins = text.labels.values[at].astype(np.int64)
        there = begins >= 0
        starts = (lines + begins)[there]
        stops = (lines + text.labels.values[at + 1].astype(np.int64))[there]
        return dataclasses.replace(text, spans={**text.spans, ANSWERS: TokenSpans(starts, stops)})

    def values(self, packing: RecordPacking) -> Mapping[str, pa.Array]:
        """Returns the columns; positions are counted in the second segment until `finish`."""
        record, second = packing.record, packing.second
        assert second is not None
        marked = packing.tokens.annotations[ANSWERS] > 0
        before, tokens = offsets_of(marked), np.append(np.flatnonzero(marked), 0)
        groups = begins_of(record)
        sizes = np.diff(np.append(groups, len(record)))
        begins = np.repeat(second[groups, 0], sizes)
        ends = np.repeat(second[groups + sizes - 1, 1], sizes)
        whole = before[ends] - before[begins]
        inside = (before[second[:, 1]] - before[second[:, 0]] == whole) & (whole > 0)
        start = np.where(inside, tokens[before[second[:, 0]]] - second[:, 0], 0)
        end = np.where(inside, tokens[before[second[:, 1]] - 1] + 1 - second[:, 0], 0)
        unlabelled = (packing.labels.counts == 0)[record]
        return {
            "record": numbers(record.astype(np.uint32)),
            "context_start": numbers((second[:, 0] - begins).astype(np.uint32)),
            "answer_start": numbers(np.where(unlabelled, UNLABELLED, start).astype(np.int32)),
            "answer_end": numbers(np.where(unlabelled, UNLABELLED, end).astype(np.int32)),
        }

    def finish(self, examples: Examples) -> Examples:
        start, end = (numpy_of(examples.values[name]) for name in ("answer_start", "answer_end"))
        shift = np.where(end > start, examples.second_segment_start, 0).astype(np.int32)
        rest = {name: each for name, each in examples.annotations.items() if name != ANSWERS}
        placed = {"answer_start": numbers(start + shift), "answer_end": numbers(end + shift)}
        return dataclasses.replace(examples, values={**examples.values, **placed}, annotations=rest)

    def shown(self, batch: StoredBatch) -> dict[str, Any]:
        record, begin, start, end = (
            int(numpy_of(batch.values[column.name])[0]) for column in self.columns()
        )
        answer = None if start == UNLABELLED else [start, end] if end else []
        return {"record": record, "context_start": begin, "answer": answer}

    def standard(self) -> tuple[Column, ...]:
        where = "0 if the row does not hold it, -100 without a label."
        return (
            *self.columns()[:2],
            Column("start_positions", pa.int32(), f"The first token of the answer; {where}"),
            Column("end_positions", pa.int32(), f"The last token of the answer; {where}"),
        )

    def standard_arrays(self, batch: StoredBatch) -> list[pa.Array]:
        start, end = (numpy_of(batch.values[name]) for name in ("answer_start", "answer_end"))
        last = np.where(end > 0, end - 1, end)
        places = (np.where(each < 0, IGNORED, each).astype(np.int32) for each in (start, last))
        return [batch.values["record"], batch.values["context_start"], *map(numbers, places)]

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        start, end = (
            numpy_of(batch.values[name]).astype(np.int64) for name in ("answer_start", "answer_end")
        )
        text_end = batch.lengths - len(rules.layout.suffix)
        inside = (start >= batch.second_segment_start) & (start < end) & (end <= text_end)
        nowhere = (start == end) & ((start == 0) | (start == UNLABELLED))
        found = breach("an answer does not lie in segment B", ~inside & ~nowhere)
        counts = {"label.inside": inside, "label.outside": start == 0}
        counts["label.none"] = start == UNLABELLED
        found += unknown_tokens(batch, vocabulary)
        return found + Findings({name: int(np.count_nonzero(at)) for name, at in counts.items()})

    # Windows [a b c] at 0 and [c d] at 2 of a context: the last token of the one is the first of
    # the other.
    def examine_shard(
        self, batches: Sequence[StoredBatch], drawn: Mapping[str, int], rules: RowRules
    ) -> Findings:
        """Checks that windows of a record follow one another, and show the same text."""
        if not batches:
            return Findings()
        suffix = len(rules.layout.suffix)
        places = (_places(each, suffix) for each in batches)
        record, start, second, ends = map(np.concatenate, zip(*places, strict=True))
        ids = np.concatenate([each.ids for each in batches])
        offsets = offsets_of(np.concatenate([each.lengths for each in batches]))[:-1]
        if not len(record):
            return Findings()
        same = np.append(False, record[1:] == record[:-1])
        back = np.arange(len(record)) - same
        tokens = ends - second
        step = start - start[back]
        shared = np.where(same, tokens[back] - step, 0)
        wrong = np.where(same, (step <= 0) | (shared < 0) | (second != second[back]), start != 0)
        wrong |= np.append(False, record[1:] < record[:-1])
        shared = np.where(wrong, 0, shared)
        asked = np.where(same & ~wrong, second, 0)
        other = _differ(ids, offsets[back] + second[back] + step, offsets + second, shared)
        other |= _differ(ids, offsets[back], offsets, asked)
        found = breach("windows of a record do not follow one another", wrong)
        return found + breach("windows of a record show other text", other)


def _places(batch: StoredBatch, suffix: int) -> tuple[Int64, ...]:
    """Returns int64[R] each: the record, the token of the context, and the range of segment B."""
    record, start = (
        numpy_of(batch.values[name]).astype(np.int64) for name in ("record", "context_start")
    )
    return record, start, batch.second_segment_start, batch.lengths - suffix


def _differ(ids: Array, one: Int64, other: Int64, counts: Int64) -> Bool:
    """Returns bool[R]: whether the ids from `one` and from `other` on differ, so many of them."""
    wrong = ids[range_indices(one, counts)] != ids[range_indices(other, counts)]
    differ: Bool = np.bincount(row_numbers(counts)[wrong], minlength=len(counts)) > 0
    return differ
