"""Which labelled records are held out: a share of them, in whole groups."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numpy_of
from schemas.documents import keys_of
from schemas.records import Int64
from schemas.wording import counted
from transforms.arrays.ragged import row_numbers
from transforms.files.inputs import FileRange
from transforms.read.read_records import RecordReader
from transforms.records.record_fields import RecordFields
from transforms.records.shard_text import ShardPlan

_MOST_HELD_OUT = 0.5
_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class _Found:
    """What was read.

    Attributes:
      halves: uint64[N, 2] of each record: the halves of its key.
      highest: uint64[C], the highest upper half of the records of each class.
      counts: int64[C], how many records each class has.
    """

    halves: np.ndarray
    highest: np.ndarray
    counts: Int64


def hold_out_records(
    plan: ShardPlan,
    reader: RecordReader,
    ranges: Sequence[FileRange],
    fraction: float,
    *,
    deduplicate: bool,
) -> tuple[ShardPlan, tuple[str, ...]]:
    """Holds out a share of labelled records: the groups with the lowest keys.

    So many groups are held out that the number of their records is as near as can be to the share,
    which is one record at least. It depends on nothing but the content. All records are read; 16
    bytes of each are kept.

    Args:
      plan: How many shards there are.
      reader: Reads the records, and knows their classes.
      ranges: Of the files.
      fraction: Of the records, above 0.
      deduplicate: Whether equal records count once.

    Returns:
      The plan, and what the user should know of it, a sentence each.
    """
    try:
        found = _read(reader, ranges)
    except OSError:
        # The build reports why.
        return plan, ()
    halves = np.unique(found.halves, axis=0) if deduplicate else found.halves
    if not len(halves):
        return plan, ()
    groups, sizes = np.unique(halves[:, 1], return_counts=True)
    held = _groups_held(sizes, fraction)
    if not held:
        none = dataclasses.replace(plan, eval=0, eval_below=0)
        return none, (_nothing(len(halves), len(groups)),)
    below = int(groups[held - 1]) + 1
    count = int(sizes[:held].sum())
    told = (
        f"{counted(count, 'record')} of {len(halves):,} {'is' if count == 1 else 'are'} held out "
        "for evaluation, by their content",
        *_untrained(found, below, reader.fields),
    )
    return dataclasses.replace(plan, eval=max(plan.eval, 1), eval_below=below), told


def _groups_held(sizes: Int64, fraction: float) -> int:
    """Returns how many of the first groups are held out; 0 if that would be too many records.

    >>> _groups_held(np.array([1, 1, 3, 1, 4]), 0.2), _groups_held(np.array([9, 1]), 0.1)
    (2, 0)
    """
    reached, records = np.cumsum(sizes), int(sizes.sum())
    wanted = max(1, round(fraction * records))
    most = max(_MOST_HELD_OUT, fraction) * records
    possible = reached[:-1][reached[:-1] <= max(most, wanted)]
    return int(np.argmin(np.abs(possible - wanted))) + 1 if len(possible) else 0


def _nothing(records: int, groups: int) -> str:
    if records == 1:
        return "nothing is held out for evaluation: there is one record"
    few = "all share one text" if groups == 1 else f"share {groups} texts"
    return (
        f"nothing is held out for evaluation: the {records:,} records {few}, which must not be in "
        "both splits; name what is held out with --eval-input"
    )


def _untrained(found: _Found, below: int, fields: RecordFields) -> list[str]:
    """Returns a sentence about classes all of whose records are held out, if there are any."""
    alone = np.flatnonzero((found.counts > 0) & (found.highest < np.uint64(below)))
    if not len(alone):
        return []
    named = [
        f"{fields.names[number]!r} ({counted(int(found.counts[number]), 'record')})"
        for number in alone[:_SHOWN].tolist()
    ]
    more = [f"{len(alone) - _SHOWN} more"] if len(alone) > _SHOWN else []
    what = "a class is" if len(alone) == 1 else "some classes are"
    return [
        f"{what} in no record for training, since all of theirs are held out: "
        f"{', '.join([*named, *more])}; choose with --eval-input what is held out"
    ]


def _read(reader: RecordReader, ranges: Sequence[FileRange]) -> _Found:
    classes = len(reader.fields.names)
    highest, counts = np.zeros(classes, np.uint64), np.zeros(classes, np.int64)
    halves = [np.empty((0, 2), np.uint64)]
    for batch in reader.read(ranges):
        if not isinstance(batch, pa.RecordBatch):
            continue
        halves.append(keys_of(batch).view("<u8").reshape(-1, 2).copy())
        if classes:
            record, label = _classes_of(batch, classes)
            np.maximum.at(highest, label, halves[-1][record, 1])
            counts += np.bincount(label, minlength=classes)
    return _Found(np.concatenate(halves), highest, counts)


def _classes_of(batch: pa.RecordBatch, classes: int) -> tuple[Int64, Int64]:
    """Returns int64[P] each, of each class of each record once: the record, and the class."""
    lists = batch.column("labels")
    label = numpy_of(lists.values).astype(np.int64)
    record = row_numbers(np.diff(numpy_of(lists.offsets)))
    pairs = np.unique(record * classes + label)
    return pairs // classes, pairs % classes
