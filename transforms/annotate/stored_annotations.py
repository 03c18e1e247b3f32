"""Looks up annotations in the output of `shardmill annotate`."""

import dataclasses
import functools
import hashlib
import itertools
import os
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from schemas.annotations import (
    AnnotationError,
    annotation_schema,
    column_entities,
    column_spans,
    sort_keys,
)
from schemas.arrow_columns import numpy_of
from schemas.columns import ENTITY_IDS
from schemas.documents import document_key
from schemas.entities import ENTITIES, read_entities
from schemas.records import Array, Bytes, ByteSpans, Int64, ShardText
from schemas.shards import map_file
from schemas.wording import counted
from transforms.files.storage import join
from transforms.files.work_folder import read_bytes
from transforms.records.shard_text import ShardPlan


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredAnnotations:
    """A folder of annotations.

    Only shards with documents of the text are opened, one at a time, and only the annotations of
    these documents are held in memory.

    Attributes:
      folder: Output folder of `shardmill annotate`.
      paths: The shards, relative to the folder.
      entities_sha256: Of the file of entities, "" if entities with ids are not requested.
    """

    folder: str
    paths: tuple[str, ...]
    entities_sha256: str = ""

    def entities(self) -> tuple[str, ...]:
        """Returns the ids of the entities, in the order of their numbers.

        Raises:
          AnnotationError: If they cannot be read, or have changed.
        """
        return _read_entities(self.folder, self.entities_sha256)

    def spans(self, text: ShardText, kinds: Iterable[str]) -> Mapping[str, ByteSpans]:
        """Returns the spans of these kinds in a shard's text.

        Raises:
          AnnotationError: If documents are missing, or a shard cannot be read.
        """
        kinds = list(kinds)
        plan = ShardPlan(train=len(self.paths), eval=0, eval_below=0)
        keys = _keys_of_texts(text) if _has_other_keys(text) else text.keys
        numbers = plan.assign(keys) if len(keys) else np.empty(0, np.int64)
        found: dict[str, list[ByteSpans]] = {kind: [] for kind in kinds}
        missing = 0
        for number in np.unique(numbers).tolist():
            which = np.flatnonzero(numbers == number)
            table = open_annotations(self.folder, self.paths[number])
            rows, there = _find(table, keys[which])
            missing += len(which) - len(rows)
            starts = text.document_starts[which[there]]
            sizes = np.diff(np.append(text.document_starts, len(text.data)))[which[there]]
            for kind in kinds:
                stored = "entities" if kind == ENTITY_IDS else kind
                if stored not in table.schema.names:
                    raise AnnotationError(f"{self.folder}: {self.paths[number]} has no {stored}")
                column = table.column(stored).take(pa.array(rows))
                if _leaves_documents(column, sizes):
                    raise AnnotationError(
                        f"{self.folder}: {self.paths[number]} is damaged: {stored} are empty, or "
                        "extend past their document"
                    )
                if kind == ENTITY_IDS:
                    known = _numbers(self.folder, self.entities_sha256)
                    found[kind].append(column_entities(column, starts, known))
                else:
                    found[kind].append(column_spans(column, starts))
        if missing:
            raise AnnotationError(
                f"{missing:,} of {counted(len(text.keys), 'document')} are not in {self.folder}: "
                "run shardmill annotate on the same --input, with the same --text-field and "
                "--max-document-mib, or leave out --annotations"
            )
        return {kind: _in_order(parts) for kind, parts in found.items()}


def open_annotations(folder: str, path: str) -> pa.RecordBatch:
    """Opens a shard of a folder of annotations.

    Raises:
      AnnotationError: if it cannot be read.
    """
    whole = join(folder, *path.split("/"))
    try:
        local = os.path.isfile(whole)
        source = map_file(whole) if local else pa.BufferReader(read_bytes(whole))
        reader = pa.ipc.open_file(source)
        kinds = [name for name in reader.schema.names if name != "key"]
        if reader.num_record_batches != 1 or not reader.schema.equals(annotation_schema(kinds)):
            raise AnnotationError(f"{whole} is damaged: it is not a shard of annotations")
        batch = reader.get_batch(0)
        batch.validate(full=True)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise AnnotationError(f"{whole} cannot be read: {reason}") from error
    if any(column.null_count for column in batch.columns):
        raise AnnotationError(f"{whole} is damaged: there are nulls in it")
    return batch


def _read_entities(folder: str, sha256: str) -> tuple[str, ...]:
    path = join(folder, ENTITIES)
    try:
        content = read_bytes(path)
    except OSError as error:
        raise AnnotationError(f"{path} cannot be read: {error}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise AnnotationError(
            f"{path} was changed; make the annotations again: shardmill annotate --overwrite"
        )
    return read_entities(content.decode())


@functools.lru_cache(maxsize=2)
def _numbers(folder: str, sha256: str) -> Mapping[str, int]:
    """Returns the number of each id; read once per process."""
    return {name: number for number, name in enumerate(_read_entities(folder, sha256))}


def _leaves_documents(column: pa.ListArray, sizes: Int64) -> bool:
    """Whether any span is empty or ends after its document; `sizes` are bytes of documents."""
    offsets = numpy_of(column.offsets).astype(np.int64)
    spans = column.values.slice(offsets[0], offsets[-1] - offsets[0])
    starts, ends = (numpy_of(spans.field(name)).astype(np.int64) for name in ("start", "end"))
    return bool(((starts >= ends) | (ends > np.repeat(sizes, np.diff(offsets)))).any())


def _has_other_keys(text: ShardText) -> bool:
    """Whether documents have keys that are not of their text alone: labels and repetitions do."""
    return text.labels is not None or (
        text.sources is not None and bool(text.sources.repeats.any())
    )


def _keys_of_texts(text: ShardText) -> Bytes:
    """Returns uint8[D, 16]: the keys of documents without their labels, as they are annotated."""
    content, borders = text.data.tobytes(), [*text.document_starts.tolist(), len(text.data)]
    # The line end behind a document is not part of its key.
    keys = [document_key(content[begin : end - 1]) for begin, end in itertools.pairwise(borders)]
    return np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16)


def _find(table: pa.RecordBatch, keys: Array) -> tuple[Int64, Int64]:
    """Returns the rows of the keys that are stored, and the indices of these keys."""
    stored = table.column("key")
    if not len(stored):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    values = np.frombuffer(stored.buffers()[1], np.uint8, 16 * len(stored), 16 * stored.offset)
    known, wanted = sort_keys(values.reshape(-1, 16)), sort_keys(keys)
    rows = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    there = np.flatnonzero(known[rows] == wanted)
    return rows[there], there


def _in_order(parts: list[ByteSpans]) -> ByteSpans:
    """Returns all spans in the order of the text; those of a kind are found shard by shard."""
    if not parts:
        return ByteSpans(np.empty(0, np.int64), np.empty(0, np.int64))
    spans = parts[0].concat(parts[1:])
    return spans.take(np.argsort(spans.starts, kind="stable"))
