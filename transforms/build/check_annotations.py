"""Reads one shard of annotations and checks everything that its content shows."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from schemas.annotations import AnnotationEntry, annotation_schema, sort_keys
from schemas.arrow_columns import numpy_of
from schemas.records import Array
from schemas.wording import counted
from transforms.build.check_shard import (
    Problem,
    open_batches,
)
from transforms.files.checked_files import UnreadableError, read_checked
from transforms.files.storage import join
from transforms.records.shard_text import ShardPlan


@dataclasses.dataclass(frozen=True)
class AnnotationReport:
    """What one shard of annotations holds.

    Attributes:
      problems: What is wrong with it.
      ids: Ids of its entities, "" left out.
    """

    problems: Sequence[Problem]
    ids: frozenset[str] = frozenset()


def check_annotations(
    folder: str, entry: AnnotationEntry, number: int, shards: int
) -> AnnotationReport:
    """Checks a shard of annotations against its entry in the manifest.

    Args:
      folder: Of the annotations.
      entry: What the manifest says of the shard.
      number: Of the shard.
      shards: How many there are.
    """
    path = join(folder, *entry.path.split("/"))
    try:
        content = read_checked(path, entry.path, entry.bytes, entry.sha256)
        batches = open_batches(content, entry.path, annotation_schema(list(entry.spans)))
    except UnreadableError as error:
        return AnnotationReport([Problem(*error.args)])
    if len(batches) != 1:
        sentence = f"{entry.path}: there are {len(batches)} record batches, and one is written"
        return AnnotationReport([Problem("schema", sentence)])
    problems = [
        Problem(check, f"{entry.path}: {each}") for check, each in _wrong(batches[0], entry)
    ]
    if _has_others(batches[0], number, shards):
        sentence = f"{entry.path}: there are documents of another shard"
        problems.append(Problem("invariants", sentence))
    ids: set[str] = set()
    if "entities" in entry.spans:
        ids.update(batches[0].column("entities").values.field("id").dictionary.to_pylist())
    return AnnotationReport(problems, frozenset(ids - {""}))


def _keys(batch: pa.RecordBatch) -> Array:
    """Returns uint8[D, 16]; the keys of the documents."""
    stored = batch.column("key")
    values = np.frombuffer(stored.buffers()[1], np.uint8, 16 * len(stored), 16 * stored.offset)
    return values.reshape(-1, 16)


def _has_others(batch: pa.RecordBatch, number: int, shards: int) -> bool:
    """Returns whether there are documents that belong to another shard."""
    plan = ShardPlan(train=shards, eval=0, eval_below=0)
    return batch.num_rows > 0 and bool((plan.assign(_keys(batch)) != number).any())


def _wrong(batch: pa.RecordBatch, entry: AnnotationEntry) -> Iterator[tuple[str, str]]:
    if batch.num_rows != entry.documents:
        yield (
            "counts",
            f"{counted(batch.num_rows, 'document')}, the manifest says {entry.documents}",
        )
    keys = sort_keys(_keys(batch))
    if (keys[1:] <= keys[:-1]).any():
        yield "invariants", "the documents are not in the order of their keys"
    for kind, count in entry.spans.items():
        column = batch.column(kind)
        offsets = numpy_of(column.offsets).astype(np.int64)
        if offsets[-1] - offsets[0] != count:
            found = offsets[-1] - offsets[0]
            yield "counts", f"{found} {kind}, the manifest says {count}"
        spans = column.values.slice(offsets[0], offsets[-1] - offsets[0])
        starts, ends = (numpy_of(spans.field(name)).astype(np.int64) for name in ("start", "end"))
        owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        overlap = (starts[1:] < ends[:-1]) & (owner[1:] == owner[:-1])
        if (starts >= ends).any() or overlap.any():
            yield "invariants", f"{kind} are not ascending and disjoint within their document"
