"""A finished build, opened to look at its rows."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipelines.errors import UsageError
from pipelines.output import join, read_manifest, read_text
from schemas.manifest import ManifestError, ShardEntry, shard_entries
from schemas.vocabulary import Vocabulary, read_vocabulary
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import recipe_from


@dataclasses.dataclass(frozen=True, kw_only=True)
class Corpus:
    """What a folder of shards is.

    Attributes:
      folder: Where it lies, on any of Beam's file systems.
      manifest: As `schemas.manifest.parse_manifest` returns it.
      recipe: That its examples were built with.
      tokenizer_json: Content of its tokenizer.json.
      vocabulary: Of that tokenizer.
    """

    folder: str
    manifest: Mapping[str, Any]
    recipe: Recipe
    tokenizer_json: str
    vocabulary: Vocabulary

    @property
    def splits(self) -> Mapping[str, Sequence[ShardEntry]]:
        """The shards of each split."""
        return shard_entries(self.manifest)

    def shards(self, split: str) -> Sequence[ShardEntry]:
        """Returns the shards of a split.

        Raises:
          UsageError: if there is no such split.
        """
        if split not in self.splits:
            raise UsageError(
                f"{self.folder} has no split {split!r}; it has {' and '.join(self.splits)}"
            )
        return self.splits[split]

    @contextlib.contextmanager
    def open(self, shard: ShardEntry) -> Iterator[pa.ipc.RecordBatchFileReader]:
        """Opens a shard; only the batches that are asked for are read.

        Raises:
          UsageError: if it is gone or damaged.
        """
        path = join(self.folder, *shard.path.split("/"))
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


def open_corpus(folder: str) -> Corpus:
    """Opens a finished build.

    Raises:
      UsageError: if there is none, or its manifest, recipe or tokenizer cannot be understood.
    """
    try:
        manifest = read_manifest(folder)
        recipe = recipe_from(manifest["recipe"]["name"], manifest["recipe"]["settings"])
    except UsageError:
        raise
    except (ManifestError, ValueError) as error:
        raise UsageError(f"{folder}: {error}") from error
    try:
        text = read_text(join(folder, "tokenizer.json"))
        vocabulary = read_vocabulary(text, manifest["tokenizer"]["special_tokens"])
    except Exception as error:
        raise UsageError(f"{folder}: tokenizer.json cannot be read: {error}") from error
    return Corpus(
        folder=folder,
        manifest=manifest,
        recipe=recipe,
        tokenizer_json=text,
        vocabulary=vocabulary,
    )
