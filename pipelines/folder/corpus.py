"""Opens a finished build to look at its rows, on any of Beam's file systems."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator

import pyarrow as pa

from pipelines.folder.output import read_manifest
from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.manifest import AnyManifest
from schemas.manifest_parts import ShardEntry
from transforms.build.check_batch import check_batch
from transforms.build.corpus import Corpus, CorpusError, check_agreement, corpus_of
from transforms.files.checked_files import UnreadableError, read_checked
from transforms.files.storage import join, open_file
from transforms.files.work_folder import read_bytes
from transforms.kernels.compiled import interpreted

ADVICE = "run shardmill verify for a full check"


def open_corpus(folder: str) -> Corpus:
    """Opens a finished build.

    Raises:
      UsageError: if there is none, or it is none of one recipe.
      DamagedError: if its manifest, recipe or tokenizer cannot be understood.
    """
    try:
        manifest = read_manifest(folder)
        check_agreement(manifest)
        return described_corpus(folder, manifest)
    except CorpusError as error:
        raise UsageError(f"{folder}: {error}") from error
    except DamagedError as error:
        raise DamagedError(f"{folder}: {error}; {ADVICE}") from error


def described_corpus(folder: str, manifest: AnyManifest) -> Corpus:
    """Returns the corpus of a folder whose manifest was read.

    Raises:
      CorpusError: if it is none of one recipe.
      DamagedError: if its recipe or tokenizer cannot be understood, or a file cannot be read.
    """

    def read(name: str) -> bytes:
        try:
            return read_bytes(join(folder, name))
        except Exception as error:
            raise DamagedError(f"{name} cannot be read: {error}") from error

    return corpus_of(folder, manifest, read)


@dataclasses.dataclass(frozen=True)
class Shard:
    """An open shard.

    Attributes:
      corpus: Its build.
      path: Of the file.
      reader: Of its record batches.
    """

    corpus: Corpus
    path: str
    reader: pa.ipc.RecordBatchFileReader

    @property
    def num_record_batches(self) -> int:
        return int(self.reader.num_record_batches)

    def get_batch(self, number: int) -> pa.RecordBatch:
        """Returns a record batch whose rows can be decoded.

        Raises:
          DamagedError: if they cannot.
        """
        return self._checked(self._read(number))

    def get_row(self, number: int) -> pa.RecordBatch:
        """Returns a record batch of one row, which can be decoded.

        Raises:
          DamagedError: if there is no such row, or it cannot.
        """
        # All record batches have as many rows as the first, but the last may have fewer.
        size = max(self._read(0).num_rows, 1)
        row = self._read(number // size).slice(number % size, 1)
        if not row.num_rows:
            raise DamagedError(f"{self.path} has no row {number}, against its manifest")
        with interpreted():
            return self._checked(row)

    def _read(self, number: int) -> pa.RecordBatch:
        try:
            return self.reader.get_batch(number)
        except (pa.ArrowException, OSError, IndexError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise DamagedError(f"{self.path} is damaged: {reason}; {ADVICE}") from error

    def _checked(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        check_batch(batch, self.path, self.corpus.stored_as, self.corpus.vocabulary)
        return batch


@contextlib.contextmanager
def open_shard(
    corpus: Corpus, shard: ShardEntry, *, whole: bool = False, hashed: bool = True
) -> Iterator[Shard]:
    """Opens a shard, and makes sure that it is the one of the manifest.

    Args:
      corpus: The build.
      shard: Its entry in the manifest.
      whole: All of it will be read. Else only the batches that are asked for are read from other
        file systems, and only its size is compared.
      hashed: Whether the sha256 is compared where the shard is read anyway.

    Raises:
      DamagedError: if it is gone or damaged.
    """
    path = join(corpus.folder, *shard.path.split("/"))
    try:
        if whole or os.path.isfile(path):
            content = read_checked(path, path, shard.bytes, shard.sha256 if hashed else None)
            yield Shard(corpus, path, pa.ipc.open_file(pa.BufferReader(content)))
        else:
            with open_file(path) as file:
                yield Shard(corpus, path, pa.ipc.open_file(pa.PythonFile(file, mode="r")))
    except UnreadableError as error:
        raise DamagedError(f"{error.args[1]}; {ADVICE}") from error
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise DamagedError(f"{path} cannot be read: {reason}; {ADVICE}") from error
