"""A reader whose documents went through filters."""

import collections
import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import fixed_binary, numbers, numpy_of
from schemas.documents import KEY_BYTES, document_key, keys_of
from transforms.files.inputs import FileRange
from transforms.filters.document_filter import KEEP, DocumentFilter
from transforms.filters.dropped_files import DropFile, DroppedFiles
from transforms.read.read_documents import Read, Reader

DROPPED, REMOVED = "dropped", "removed"
"""What the names of counts begin with: dropped.FILTER.REASON, and the same of removed lines."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilteredReader:
    """Reads what another reader reads, and passes on the documents that all filters keep.

    What a filter drops is not seen by those after it.

    Attributes:
      reader: Reads the files.
      filters: In their order.
      files: Keeps the documents that are dropped, None if they are counted alone.
    """

    reader: Reader
    filters: Sequence[DocumentFilter]
    files: DroppedFiles | None = None

    def read(self, parts: Iterable[FileRange]) -> Iterator[Read]:
        """See `RangeReader.read`; also counts dropped.FILTER.REASON and removed.FILTER.REASON."""
        ranges = list(parts)
        tally: collections.Counter[str] = collections.Counter()
        with contextlib.ExitStack() as stack:
            dropped = stack.enter_context(self.files.opened(ranges)) if self.files else None
            for read in self.reader.read(ranges):
                if isinstance(read, pa.RecordBatch):
                    kept = pass_filters(read, self.filters, tally, dropped)
                    if len(kept):
                        yield kept
                elif isinstance(read, dict):
                    yield {**read, **tally}
                else:
                    yield read


def pass_filters(
    documents: pa.RecordBatch,
    filters: Sequence[DocumentFilter],
    tally: "collections.Counter[str]",
    dropped: DropFile | None = None,
) -> pa.RecordBatch:
    """Returns the documents that all filters keep.

    Args:
      documents: At least the columns of `DOCUMENT_SCHEMA`.
      filters: In their order.
      tally: Gets the counts of the others, dropped.FILTER.REASON, and removed.FILTER.REASON.
      dropped: Keeps the others; None if they are counted alone.
    """
    for each in filters:
        if not len(documents):
            break
        examined = each.examine(documents)
        gone = examined.codes != KEEP
        counts = np.bincount(examined.codes, minlength=len(each.reasons) + 1)[1:].tolist()
        for reason, count in zip(each.reasons, counts, strict=True):
            tally.update({f"{DROPPED}.{each.name}.{reason}": count} if count else {})
        for reason, count in examined.removed.items():
            tally.update({f"{REMOVED}.{each.name}.{reason}": count} if count else {})
        if dropped is not None and gone.any():
            reasons = [each.reasons[code - 1] for code in examined.codes[gone].tolist()]
            dropped.write(documents.filter(numbers(gone)), each.name, reasons)
        if examined.texts is not None:
            documents = with_texts(documents, examined.texts)
        if gone.any():
            documents = documents.filter(numbers(~gone))
    return documents


def with_texts(documents: pa.RecordBatch, texts: pa.Array) -> pa.RecordBatch:
    """Returns documents with other texts, and the keys of these where they differ."""
    import pyarrow.compute as pc

    changed = np.flatnonzero(numpy_of(pc.not_equal(documents.column("text"), texts)))
    if not len(changed):
        return documents
    keys = keys_of(documents).copy()
    new = b"".join(map(document_key, texts.take(numbers(changed)).to_pylist()))
    keys[changed] = np.frombuffer(new, np.uint8).reshape(-1, KEY_BYTES)
    columns = {name: documents.column(name) for name in documents.schema.names}
    columns |= {"key": fixed_binary(keys.tobytes(), KEY_BYTES), "text": texts}
    return pa.record_batch([*columns.values()], schema=documents.schema)
