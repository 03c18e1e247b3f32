"""What is annotated in the text of documents, and how it is stored: spans of bytes by key."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers, numpy_of, texts
from schemas.checked_json import Count, RelativePath, Sha256, from_json_value
from schemas.columns import ANNOTATIONS, has_spans
from schemas.documents import KEY_BYTES
from schemas.records import Array, ByteSpans, EntitySpans, Int64, ShardText


class AnnotationError(ValueError):
    """Annotations that cannot be had; the message says why, and what to do."""


KINDS = tuple(name for name in ANNOTATIONS if has_spans(name))
"""What can be annotated: "entities" and "phrases"."""


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledSpans(ByteSpans):
    """Spans with what they are.

    Attributes:
      labels: S names, such as "PERSON".
      ids: S names in a knowledge base, "" where there is none.
    """

    labels: Sequence[str]
    ids: Sequence[str]

    def take(self, at: Int64 | slice) -> "LabelledSpans":
        """Returns some of the spans, with what they are."""
        chosen = np.arange(len(self))[at].tolist()
        return LabelledSpans(
            self.starts[at],
            self.ends[at],
            [self.labels[each] for each in chosen],
            [self.ids[each] for each in chosen],
        )

    def numbered(self, numbers: Mapping[str, int]) -> EntitySpans:
        """Returns the spans with an id, given the number of each id."""
        found = np.fromiter((numbers.get(name, -1) for name in self.ids), np.int64, len(self))
        return entity_spans(self, found)


def entity_spans(spans: ByteSpans, numbers: Int64) -> EntitySpans:
    """Returns the spans whose number is not negative, with these numbers."""
    kept = np.flatnonzero(numbers >= 0)
    return EntitySpans(spans.starts[kept], spans.ends[kept], numbers[kept].astype(np.uint32))


_SPAN = pa.struct(
    [
        pa.field("start", pa.uint32(), nullable=False),
        pa.field("end", pa.uint32(), nullable=False),
        pa.field("label", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("id", pa.dictionary(pa.int32(), pa.string()), nullable=False),
    ]
)
_LIST = pa.list_(pa.field("item", _SPAN, nullable=False))


def annotation_schema(kinds: Sequence[str]) -> pa.Schema:
    """Returns the schema of stored annotations: a document a row, in the order of the keys.

    A span is the half-open range of bytes of the normalised document in UTF-8.
    """
    fields = [pa.field(kind, _LIST, nullable=False) for kind in kinds]
    return pa.schema([pa.field("key", pa.binary(KEY_BYTES), nullable=False), *fields])


def annotation_batch(text: ShardText, spans: Mapping[str, LabelledSpans]) -> pa.RecordBatch:
    """Returns the annotations of a shard's documents, of `annotation_schema`."""
    keys = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(KEY_BYTES), len(text.keys), [None, pa.py_buffer(text.keys.tobytes())]
    )
    columns = [_column(each, text.document_starts) for each in spans.values()]
    return pa.record_batch([keys, *columns], schema=annotation_schema(list(spans)))


def _column(spans: LabelledSpans, document_starts: Int64) -> pa.ListArray:
    owner = np.searchsorted(document_starts, spans.starts, "right") - 1
    base = document_starts[owner]
    values = pa.StructArray.from_arrays(
        [
            numbers((spans.starts - base).astype(np.uint32)),
            numbers((spans.ends - base).astype(np.uint32)),
            _names(spans.labels),
            _names(spans.ids),
        ],
        fields=list(_SPAN),
    )
    offsets = np.searchsorted(owner, np.arange(len(document_starts) + 1))
    return pa.ListArray.from_arrays(numbers(offsets.astype(np.int32)), values, type=_LIST)


def _names(names: Sequence[str]) -> pa.DictionaryArray:
    """Returns names as an Arrow dictionary in alphabetical order."""
    known = sorted(set(names))
    places = {name: place for place, name in enumerate(known)}
    index = np.fromiter((places[name] for name in names), np.int32, len(names))
    return pa.DictionaryArray.from_arrays(numbers(index), texts(known))


def column_spans(column: pa.ListArray, document_starts: Int64) -> ByteSpans:
    """Returns the spans of stored documents, moved to where the documents stand in a text."""
    offsets = numpy_of(column.offsets).astype(np.int64)
    values = column.values.slice(offsets[0], offsets[-1] - offsets[0])
    base = np.repeat(document_starts, np.diff(offsets))
    starts, ends = (numpy_of(values.field(name)).astype(np.int64) for name in ("start", "end"))
    return ByteSpans(starts + base, ends + base)


def column_entities(
    column: pa.ListArray, document_starts: Int64, numbers: Mapping[str, int]
) -> EntitySpans:
    """Returns those spans that `column_spans` does that have an id, given its number."""
    offsets = numpy_of(column.offsets)
    ids = column.values.slice(offsets[0], offsets[-1] - offsets[0]).field("id")
    known = np.array([numbers.get(name, -1) for name in ids.dictionary.to_pylist()], np.int64)
    return entity_spans(column_spans(column, document_starts), known[numpy_of(ids.indices)])


def known_ids(column: pa.ListArray) -> list[str]:
    """Returns the ids of all spans of a stored shard, "" among them if one has none."""
    known: list[str] = column.values.field("id").dictionary.to_pylist()
    return known


def sort_keys(keys: Array) -> Array:
    """Returns keys, uint8[D, 16], as values that compare as their bytes do."""
    return np.ascontiguousarray(keys).view(f"S{KEY_BYTES}").reshape(-1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnnotationEntry:
    """What is known of one stored shard of annotations.

    Attributes:
      path: Relative to the output folder.
      documents: Rows.
      duplicates: Documents left out because an equal one is here.
      bytes: Size of the file.
      sha256: Of the file.
      spans: Spans of each kind.
    """

    path: RelativePath
    documents: Count
    duplicates: Count
    bytes: Count
    sha256: Sha256
    spans: Mapping[str, Count]

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(
        cls, value: Mapping[str, Any], where: str = "a shard's entry"
    ) -> "AnnotationEntry":
        """Returns an entry from its JSON.

        Raises:
          DamagedError: if it is none.
        """
        return from_json_value(value, cls, where)
