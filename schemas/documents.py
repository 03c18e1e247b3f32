"""What travels before tokenization: documents, and rejected records."""

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.arrow_columns import binary, fixed_binary, numbers

KEY_BYTES = 16

DOCUMENT_SCHEMA = pa.schema(
    [
        pa.field("key", pa.binary(KEY_BYTES), nullable=False),
        pa.field("text", pa.large_binary(), nullable=False),
    ]
)
"""A batch of documents: 128-bit content key, and normalised UTF-8 text with lines ended by LF."""


ANCHORED_SCHEMA = DOCUMENT_SCHEMA.append(pa.field("anchors", pa.large_binary(), nullable=False))
"""The same with entities that the records give: JSON [[begin, end, id], ...] in bytes of the text.

Empty where there are none.
"""


LABELLED_SCHEMA = DOCUMENT_SCHEMA.append(
    pa.field(
        "labels",
        pa.large_list(pa.field("item", pa.float64(), nullable=False)),
        nullable=False,
    )
)
"""The same with what is known of each record: numbers, whose meaning its recipe knows.

A class is its number, a position a whole number; a record without a label has none.
"""


SOURCE_FIELDS = (
    pa.field("source", pa.uint16(), nullable=False),
    pa.field("repeat", pa.bool_(), nullable=False),
)
"""What batches have besides where documents come from several sources.

The number of the source of each document, and whether it is a repetition, whose key is not that of
its content; see `transforms.records.source_weights`. Documents that weights leave out are there
without their text.
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rejected:
    """A rejected record.

    Attributes:
      source: The file it came from.
      offset: Byte offset of the record in the (decompressed) file; row number for Parquet.
      stage: The step that refused it, such as "read".
      reason: A short name that is counted, such as "invalid_utf8".
      excerpt: At most 200 characters of the record, undecodable bytes escaped.
    """

    source: str
    offset: int
    stage: str
    reason: str
    excerpt: str


def excerpt_of(record: bytes, limit: int = 200) -> str:
    """Returns the beginning of a record as printable text."""
    return record[: 4 * limit].decode("utf-8", "backslashreplace")[:limit]


def document_key(text: bytes) -> bytes:
    """Returns the content key of normalised text: its BLAKE2b of 128 bits."""
    return hashlib.blake2b(text, digest_size=KEY_BYTES).digest()


def labelled_key(text: bytes, label: int) -> bytes:
    """Returns the content key of a labelled text: records with other labels have other keys.

    The label is hashed in front of the second line, which keeps the bytes of data version 2.
    """
    first, end, rest = text.partition(b"\n")
    return document_key(b"%b%b\xe2\x90\x9f%d %b" % (first, end, label, rest))


def document_batch(texts: Sequence[bytes], labels: Sequence[int] = ()) -> pa.RecordBatch:
    """Returns normalised texts with their keys, as one batch of `DOCUMENT_SCHEMA`.

    With a label of each text it is one of `LABELLED_SCHEMA`.
    """
    if not labels:
        keys = _keys_column(map(document_key, texts))
        return pa.record_batch([keys, binary(texts)], schema=DOCUMENT_SCHEMA)
    keys = [labelled_key(text, label) for text, label in zip(texts, labels, strict=True)]
    return labelled_batch(texts, [[label] for label in labels], keys)


def record_key(
    text: bytes, labels: Sequence[float], group: bytes, *, held_out: bool | None = None
) -> bytes:
    """Returns the content key of a record, of 128 bits.

    The lower half is that of its text and its labels. The upper half, which decides the split, is
    that of its group, so that records of a group are never in both splits; white space makes no
    other group. The highest bit of the upper half says whether it is held out, where that is known:
    so `transforms.records.shard_text.ShardPlan` finds records of other files in other splits.

    Args:
      text: Normalised.
      labels: Numbers.
      group: What it shares with records that belong together, normalised.
      held_out: Whether it is of the evaluation split; None if the key decides that.
    """
    whole = document_key(text + b"\x1f" + np.array(labels, "<f8").tobytes())
    key = whole[: KEY_BYTES // 2] + document_key(b" ".join(group.split()))[KEY_BYTES // 2 :]
    if held_out is None:
        return key
    return key[:-1] + bytes([key[-1] & 0x7F | (not held_out) << 7])


HELD_OUT_BELOW = 1 << 63
"""Upper halves of keys below this are of records that are known to be held out."""


def labelled_batch(
    texts: Sequence[bytes], labels: Sequence[Sequence[float]], keys: Sequence[bytes]
) -> pa.RecordBatch:
    """Returns records as one batch of `LABELLED_SCHEMA`, given the key of each."""
    offsets = np.cumsum([0, *map(len, labels)], dtype=np.int64)
    values = np.array([*itertools.chain.from_iterable(labels)], np.float64)
    kind = LABELLED_SCHEMA.field("labels").type
    lists = pa.LargeListArray.from_arrays(numbers(offsets), numbers(values), type=kind)
    return pa.record_batch([_keys_column(keys), binary(texts), lists], schema=LABELLED_SCHEMA)


def of_source(batch: pa.RecordBatch, number: int) -> pa.RecordBatch:
    """Returns documents with the number of their source; none of them is a repetition."""
    count = batch.num_rows
    own = numbers(np.full(count, number, np.uint16)), pa.array(np.zeros(count, np.bool_))
    schema = pa.schema([*batch.schema, *SOURCE_FIELDS])
    return pa.record_batch([*batch.columns, *own], schema=schema)


def as_repeats(batch: pa.RecordBatch, keys: npt.NDArray[np.uint8]) -> pa.RecordBatch:
    """Returns documents of sources as repetitions, with keys of their own.

    Args:
      batch: Documents with `SOURCE_FIELDS`.
      keys: uint8[D, 16].
    """
    own = {"key": _keys_column([keys.tobytes()]), "repeat": pa.array(np.ones(len(keys), np.bool_))}
    columns = [own.get(name, batch.column(name)) for name in batch.schema.names]
    return pa.record_batch(columns, schema=batch.schema)


def as_left_out(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Returns documents of sources without their text: their keys travel on, to be counted.

    No document has an empty text, so these are told from others by it.
    """
    nothing = binary([b""] * batch.num_rows)
    kept = ("key", *(field.name for field in SOURCE_FIELDS))
    columns = [batch.column(name) if name in kept else nothing for name in batch.schema.names]
    return pa.record_batch(columns, schema=batch.schema)


def _keys_column(keys: Iterable[bytes]) -> pa.Array:
    return fixed_binary(b"".join(keys), KEY_BYTES)


def keys_of(batch: pa.RecordBatch) -> npt.NDArray[np.uint8]:
    """Returns uint8[D, 16]: the keys of documents."""
    column = batch.column("key")
    stored = column.buffers()[1]
    if stored is None:
        return np.zeros((0, KEY_BYTES), np.uint8)
    found = np.frombuffer(stored, np.uint8, len(column) * KEY_BYTES, column.offset * KEY_BYTES)
    return found.reshape(-1, KEY_BYTES)


def anchored_batch(texts: Sequence[bytes], anchors: Sequence[bytes]) -> pa.RecordBatch:
    """Returns normalised texts with their keys and anchors, as one batch of `ANCHORED_SCHEMA`."""
    batch = document_batch(texts)
    columns = [*batch.columns, binary(anchors)]
    return pa.record_batch(columns, schema=ANCHORED_SCHEMA)
