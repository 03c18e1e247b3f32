"""Opens a finished build to look at its rows, on any of Beam's file systems."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipelines.output import join, read_manifest, read_text
from schemas.errors import UsageError
from schemas.manifest import ManifestError, ShardEntry
from transforms.corpus import Corpus, corpus_of


def open_corpus(folder: str) -> Corpus:
    """Opens a finished build.

    Raises:
      UsageError: if there is none, or its manifest, recipe or tokenizer cannot be understood.
    """
    try:
        manifest = read_manifest(folder)
    except ManifestError as error:
        raise UsageError(f"{folder}: {error}") from error
    try:
        return described_corpus(folder, manifest)
    except ValueError as error:
        raise UsageError(f"{folder}: {error}") from error


def described_corpus(folder: str, manifest: Mapping[str, Any]) -> Corpus:
    """Returns the corpus of a folder whose manifest was read.

    Raises:
      ValueError: if its recipe or tokenizer cannot be understood, or a file cannot be read.
    """

    def read(name: str) -> str:
        try:
            return read_text(join(folder, name))
        except Exception as error:
            raise ValueError(f"{name} cannot be read: {error}") from error

    return corpus_of(folder, manifest, read)


@contextlib.contextmanager
def open_shard(corpus: Corpus, shard: ShardEntry) -> Iterator[pa.ipc.RecordBatchFileReader]:
    """Opens a shard; only the batches that are asked for are read.

    Raises:
      UsageError: if it is gone or damaged.
    """
    path = join(corpus.folder, *shard.path.split("/"))
    advice = "shardmill verify tells what else is wrong"
    try:
        file = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    except Exception as error:
        raise UsageError(f"{path} cannot be opened: {error}; {advice}") from error
    with file:
        try:
            yield pa.ipc.open_file(pa.PythonFile(file, mode="r"))
        except (pa.ArrowException, OSError) as error:
            raise UsageError(f"{path} cannot be read: {error}; {advice}") from error
