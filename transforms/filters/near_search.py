"""The search for near-duplicates over a whole corpus, in steps that any runner can do.

    sign    a reading task -> its documents, and the hashes of their bands by part
    link    a part of all hashes -> pairs of documents that share one
    join    all pairs -> clusters -> the keys of the documents that are dropped

A document is numbered by its reading task and its row there, so no step but the last holds keys.
What a step holds is bounded: a task, a part, and in the last one the documents that have a pair.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import fixed_binary, numbers, numpy_of
from schemas.documents import KEY_BYTES, keys_of
from schemas.records import Array, Int64
from transforms.files.inputs import FileRange
from transforms.files.storage import join, open_file
from transforms.filters import near_files
from transforms.filters.clusters import Clusters, join_pairs
from transforms.filters.near_duplicates import NearDuplicates, band_hashes, signatures
from transforms.filters.noted_files import missing_files, noted_file
from transforms.filters.texts import text_bytes
from transforms.read.read_documents import Reader
from transforms.read.reading_tasks import reading_tasks

_PART_BYTES = 64 << 20
_MOST_PARTS = 1024
_ROW_BITS = np.uint64(32)

_BANDS = pa.schema([pa.field("hash", pa.uint64()), pa.field("row", pa.uint32())])
_DOCUMENTS = pa.schema([pa.field("key", pa.binary(KEY_BYTES)), pa.field("bytes", pa.uint64())])
_PAIRS = pa.schema([pa.field("one", pa.uint64()), pa.field("other", pa.uint64())])
_DROPPED = pa.schema([pa.field("key", pa.binary(KEY_BYTES))])


def part_count(text_bytes: int) -> int:
    """Returns in how many parts the band hashes of a text are compared."""
    return min(1 + text_bytes // _PART_BYTES, _MOST_PARTS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NearSearch:
    """Finds the near-duplicates of a corpus, step by step.

    Attributes:
      near: How they are found.
      reader: Reads the documents, through the filters before.
      ranges: Of the input files.
      parts: Of the band hashes; what is found does not depend on it.
      output: Folder of the build, where the files of the steps lie.
      owner: What the folder must be known by, see `work_folder.check_owner`.
    """

    near: NearDuplicates
    reader: Reader
    ranges: Sequence[FileRange]
    parts: int
    output: str
    owner: str = ""

    @functools.cached_property
    def tasks(self) -> list[list[FileRange]]:
        """What is read at a time."""
        return reading_tasks(self.ranges)

    @property
    def signed(self) -> list[str]:
        """The paths of the files of band hashes, in the folder."""
        return near_files.signed_names(len(self.tasks))

    @property
    def documents(self) -> list[str]:
        """The paths of the files of keys and sizes, in the folder."""
        return near_files.document_names(len(self.tasks))

    @property
    def linked(self) -> list[str]:
        """The paths of the files of pairs, in the folder."""
        return near_files.linked_names(self.parts)

    @property
    def files(self) -> list[str]:
        """All files that may be written, in the folder."""
        return [*self.signed, *self.documents, *self.linked, near_files.DROPPED_KEYS]

    def unsigned(self) -> list[int]:
        """Returns the numbers of the tasks that are still to be signed."""
        missing = (missing_files(self.output, names) for names in (self.signed, self.documents))
        return sorted(set().union(*missing))

    def unlinked(self) -> list[int]:
        """Returns the numbers of the parts whose pairs are still to be found."""
        return missing_files(self.output, self.linked)

    @property
    def is_done(self) -> bool:
        """Whether the keys that are dropped are there."""
        return not missing_files(self.output, [near_files.DROPPED_KEYS])

    def sign(self, number: int) -> None:
        """Reads a task, and writes its documents and their band hashes by part."""
        keys, sizes, hashes, rows, count = [], [], [], [], 0
        for batch in self.reader.read(self.tasks[number]):
            if not isinstance(batch, pa.RecordBatch):
                continue
            texts = batch.column("text")
            signed, shingles = signatures(texts, self.near)
            comparable = np.flatnonzero(shingles)
            keys.append(keys_of(batch).tobytes())
            sizes.append(np.diff(text_bytes(texts)[1]).astype(np.uint64))
            hashes.append(band_hashes(signed[comparable], self.near).reshape(-1))
            rows.append(np.repeat((comparable + count).astype(np.uint32), self.near.bands))
            count += len(batch)
        documents = [fixed_binary(b"".join(keys), KEY_BYTES), numbers(_joined(sizes, np.uint64))]
        self._write(self.documents[number], _DOCUMENTS, [documents])
        found, own = _joined(hashes, np.uint64), _joined(rows, np.uint32)
        parts = (found % np.uint64(self.parts)).astype(np.int64)
        order = np.argsort(parts, kind="stable")
        borders = np.searchsorted(parts[order], np.arange(self.parts + 1)).tolist()
        found, own = found[order], own[order]
        dealt = (slice(borders[part], borders[part + 1]) for part in range(self.parts))
        columns = [[numbers(found[each]), numbers(own[each])] for each in dealt]
        self._write(self.signed[number], _BANDS, columns)

    def link(self, part: int) -> None:
        """Finds the documents that share a band of a part, and writes them as pairs.

        Of the documents with the same hash each is paired with the one before it.
        """
        hashes, places = [], []
        for number, name in enumerate(self.signed):
            batch = self._read(name, part)
            hashes.append(numpy_of(batch.column("hash")))
            task = np.uint64(number) << _ROW_BITS
            places.append(numpy_of(batch.column("row")).astype(np.uint64) | task)
        found, own = _joined(hashes, np.uint64), _joined(places, np.uint64)
        order = np.argsort(found, kind="stable")
        found, own = found[order], own[order]
        same = np.flatnonzero(found[1:] == found[:-1])
        pairs = np.unique(np.stack([own[same], own[same + 1]], axis=1), axis=0)
        columns = [numbers(np.ascontiguousarray(pairs[:, side])) for side in (0, 1)]
        self._write(self.linked[part], _PAIRS, [columns])

    def join(self) -> Clusters:
        """Joins all pairs to clusters, and writes the keys of the documents that are dropped.

        Raises:
          ImportError: if scipy is not installed.
        """
        parts = [self._read(name, 0) for name in self.linked]
        one, other = (
            _joined([numpy_of(part.column(name)) for part in parts], np.uint64)
            for name in ("one", "other")
        )
        places, codes = np.unique(np.concatenate([one, other]), return_inverse=True)
        keys, sizes = self._documents(places)
        found = join_pairs(keys, sizes, codes[: len(one)], codes[len(one) :])
        schema = _DROPPED.with_metadata(found.metadata)
        self._write(near_files.DROPPED_KEYS, schema, [[fixed_binary(found.dropped.tobytes(), 16)]])
        return found

    def _documents(self, places: Array) -> tuple[Array, Int64]:
        """Returns uint8[N, 16] and int64[N]: keys and bytes of documents by task and row."""
        tasks = (places >> _ROW_BITS).astype(np.int64)
        rows = (places & np.uint64(0xFFFFFFFF)).astype(np.int64)
        keys, sizes = np.empty((len(places), KEY_BYTES), np.uint8), np.empty(len(places), np.int64)
        for task in np.unique(tasks).tolist():
            which = np.flatnonzero(tasks == task)
            batch = self._read(self.documents[task], 0)
            keys[which] = keys_of(batch)[rows[which]]
            sizes[which] = numpy_of(batch.column("bytes"))[rows[which]]
        return keys, sizes

    def _write(self, name: str, schema: pa.Schema, batches: Sequence[Sequence[pa.Array]]) -> None:
        with (
            noted_file(self.output, name, self.owner) as file,
            pa.ipc.new_file(pa.PythonFile(file, "w"), schema) as writer,
        ):
            for columns in batches:
                writer.write_batch(pa.record_batch(list(columns), schema=schema))

    def _read(self, name: str, number: int) -> pa.RecordBatch:
        with open_file(join(self.output, *name.split("/"))) as file:
            return pa.ipc.open_file(file).get_batch(number)


def _joined(parts: Sequence[Array], kind: type) -> Array:
    return np.concatenate([np.empty(0, kind), *parts])
