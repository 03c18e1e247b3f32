"""Opens a finished build to look at its rows, on any of Beam's file systems."""

import contextlib
from collections.abc import Iterator

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipelines.output import join, read_manifest
from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.manifest import AnyManifest
from schemas.manifest_parts import ShardEntry
from transforms.corpus import Corpus, CorpusError, check_agreement, corpus_of
from transforms.work_folder import read_bytes

ADVICE = "shardmill verify tells what else is wrong"


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


@contextlib.contextmanager
def open_shard(corpus: Corpus, shard: ShardEntry) -> Iterator[pa.ipc.RecordBatchFileReader]:
    """Opens a shard; only the batches that are asked for are read.

    Raises:
      UsageError: if it is gone or damaged.
    """
    path = join(corpus.folder, *shard.path.split("/"))
    try:
        file = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    except Exception as error:
        raise UsageError(f"{path} cannot be opened: {error}; {ADVICE}") from error
    with file:
        try:
            yield pa.ipc.open_file(pa.PythonFile(file, mode="r"))
        except (pa.ArrowException, OSError) as error:
            raise UsageError(f"{path} cannot be read: {error}; {ADVICE}") from error
