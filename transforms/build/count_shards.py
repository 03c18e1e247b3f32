"""Counts the words of shards, and writes the counts of all of them by partitions.

Text of a shard -> counts by partition -> (all shards) -> one file a partition, each word once.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numpy_of
from schemas.checked_json import Count
from schemas.sealed import open_sealed, sealed_json
from transforms.build.build_shards import check_software
from transforms.build.write_shard import write_arrow
from transforms.files.atomic_files import write_atomically
from transforms.files.paths import exists, list_folder
from transforms.files.storage import join, open_file
from transforms.files.work_folder import read_bytes
from transforms.read.shard_documents import pack_documents, unpack_documents
from transforms.records.shard_text import join_documents
from transforms.text.separate_words import separate_words
from transforms.text.words import Segmenter, annotate_words
from transforms.tokens.word_counts import WORD_COUNTS, CountSum, deal_counts

COUNTED = "counted-"
"""What the names of files that note the shards begin with."""
_LF = 0x0A


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardCount:
    """What the text of a shard holds.

    Attributes:
      documents: Duplicates left out.
      duplicates: Documents that were dropped.
      lines: Lines of text; none is empty.
      bytes: Of the text.
      words: Words, each as often as it occurs.
    """

    documents: Count
    duplicates: Count
    lines: Count
    bytes: Count
    words: Count


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordCounter:
    """Counts the words of shards, and writes the counts of partitions.

    Attributes:
      segmenter: Finds Chinese words.
      shards: How many there are.
      partitions: How many files of counts there are; what is counted does not depend on it.
      output: Folder of the counts.
      software: Versions, from `software_versions`, that a worker must have.
      wave: Number of the wave whose shards are counted now; its files are its own.
    """

    segmenter: Segmenter
    shards: int
    partitions: int
    output: str
    software: Mapping[str, str]
    wave: int = 0

    def count(self, number: int, packed: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        """Counts the words of a shard.

        Args:
          number: Of the shard.
          packed: Its documents.

        Yields:
          Partitions, each with the packed counts of its words; at last what the shard holds is
          noted.

        Raises:
          BuildError: if this process has other software.
        """
        check_software(self.software)
        text = join_documents(
            itertools.chain.from_iterable(map(unpack_documents, packed)), deduplicate=True
        )
        # The text was there twice.
        pa.default_memory_pool().release_unused()
        held = ShardCount(
            documents=len(text.document_starts),
            duplicates=text.duplicates,
            lines=int(np.count_nonzero(text.data == _LF)),
            bytes=len(text.data),
            words=0,
        )
        data = separate_words(annotate_words(text, self.segmenter)).data
        del text
        words = 0
        for partition, counts in deal_counts(data, self.partitions):
            words += int(numpy_of(counts["count"]).sum())
            yield partition, pack_documents(counts)
        note = sealed_json(dataclasses.replace(held, words=words))
        write_atomically(self._count_path(number), note)

    def write(self, partition: int, total: CountSum) -> str:
        """Writes the counts of a partition; returns the path of their file."""
        path = self._partition_path(self.wave, partition)
        write_arrow(total.table().to_batches(), WORD_COUNTS, path)
        return path

    def read_count(self, number: int) -> ShardCount | None:
        """Returns what a shard holds, None if it was not counted."""
        path = self._count_path(number)
        return open_sealed(read_bytes(path), ShardCount, path) if exists(path) else None

    def read(self, partition: int) -> CountSum:
        """Returns the counts of a partition, added up over this wave and those before it."""
        total = CountSum()
        for wave in range(self.wave + 1):
            path = self._partition_path(wave, partition)
            # No word of the text may be in a partition.
            if exists(path):
                with open_file(path) as file:
                    total.add(pa.ipc.open_file(file).read_all())
        return total

    def counted(self) -> int:
        """Returns how many shards were counted."""
        return sum(COUNTED in file.path for file in list_folder(self.output))

    def _count_path(self, number: int) -> str:
        return join(self.output, f"{COUNTED}{number:05d}-of-{self.shards:05d}.json")

    def _partition_path(self, wave: int, partition: int) -> str:
        return join(self.output, f"words-{partition:03d}-wave-{wave:05d}.arrow")


def add_counts(total: CountSum, packed: Iterable[bytes]) -> CountSum:
    """Adds packed counts to a sum, and returns it."""
    for counts in itertools.chain.from_iterable(map(unpack_documents, packed)):
        total.add(counts)
    return total
