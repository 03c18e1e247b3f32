"""Builds and writes shards."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.filesystems import FileSystems

from schemas.annotations import AnnotationError
from schemas.manifest import ShardEntry, add_up
from schemas.records import ShardId, ShardText
from schemas.software import software_versions
from transforms.build_examples import BuildSettings, arrange_examples, tokenize_shard
from transforms.checks.examine import examine
from transforms.corrupt import corrupt
from transforms.distractors import LoneDocumentError
from transforms.shard_documents import unpack_documents
from transforms.shards import ShardPlan, join_documents
from transforms.write_shard import (
    Entry,
    failure_path,
    write_atomically,
    write_entry,
    write_shard,
)


class BuildError(RuntimeError):
    """Why a shard cannot be built, in one sentence for the user."""


class Builder(Protocol):
    """Builds the shards of one kind of output."""

    @property
    def plan(self) -> ShardPlan: ...
    @property
    def output(self) -> str: ...
    def build(self, number: int, packed: Iterable[bytes]) -> Entry:
        """Builds a shard of packed documents, writes it and then its entry.

        Raises:
          BuildError: if it cannot be built.
          OSError: if it cannot be written.
        """
        ...


def check_software(wanted: Mapping[str, str]) -> None:
    """Raises BuildError unless this process has these versions of libraries."""
    more = set(wanted) - set(software_versions())
    here = software_versions(*more)
    differ = [name for name in wanted if here[name] != wanted[name]]
    if differ:
        theirs, ours = (
            ", ".join(f"{name} {versions[name]}" for name in differ) for versions in (here, wanted)
        )
        raise BuildError(
            f"a worker has {theirs}, but the program that sent it work has {ours}, and their "
            "shards may differ: give the workers a container image with the same versions"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardBuilder:
    """Builds one shard after another.

    Attributes:
      settings: Recipe, seed and tokenizer.
      plan: Names the shards.
      output: Folder of the corpus.
      deduplicate: Drop documents whose text another one has.
      software: Versions, from `software_versions`, that a worker must have.
    """

    settings: BuildSettings
    plan: ShardPlan
    output: str
    deduplicate: bool
    software: Mapping[str, str]

    def build(self, number: int, packed: Iterable[bytes]) -> ShardEntry:
        """Builds a shard of packed documents, writes it and then its entry.

        Raises:
          BuildError: if it cannot be built.
          OSError: if it cannot be written.
        """
        check_software(self.software)
        shard = self.plan.shards[number]
        documents = itertools.chain.from_iterable(map(unpack_documents, packed))
        try:
            # No name here holds the text, so that it is freed when it is tokenized.
            entry = self._write(shard, join_documents(documents, deduplicate=self.deduplicate))
            write_entry(self.output, shard, entry)
        except LoneDocumentError as error:
            raise BuildError(self._advice(shard)) from error
        except AnnotationError as error:
            raise BuildError(f"{shard.name}: {error}") from error
        except OSError as error:
            raise OSError(f"cannot write {shard.name} in {self.output}: {error}") from error
        return entry

    def _write(self, shard: ShardId, text: ShardText) -> ShardEntry:
        settings = self.settings
        recipe, vocabulary = settings.recipe, settings.vocabulary
        documents, duplicates = len(text.document_starts), text.duplicates
        tokens = tokenize_shard(text, settings, shard)
        encoder = tokens.exact_path
        del text
        examples = arrange_examples(tokens, settings, shard)
        del tokens
        statistics: list[Mapping[str, int]] = []

        def examined() -> Iterator[pa.RecordBatch]:
            for batch in corrupt(examples, recipe, vocabulary, settings.stream(shard)):
                findings = examine(batch, recipe, vocabulary)
                if findings.breaches:
                    raise BuildError(
                        f"{shard.name}: rows that break the rules of {recipe.name} "
                        f"({', '.join(findings.breaches)}); does the tokenizer give special tokens "
                        "for ordinary text?"
                    )
                statistics.append(findings.counts)
                yield batch

        name = f"{shard.name}.arrow"
        path = FileSystems.join(self.output, *name.split("/"))
        sha256, size, counts = write_shard(examined(), recipe.schema(vocabulary), path)
        return ShardEntry(
            path=name,
            **counts,
            bytes=size,
            sha256=sha256,
            documents=documents,
            duplicates=duplicates,
            encoder=encoder,
            statistics=add_up(statistics),
        )

    def _advice(self, shard: ShardId) -> str:
        recipe = self.settings.recipe.name
        if shard.split == "eval":
            fix = "hold out more with --eval-fraction, or nothing with --eval-fraction 0"
        elif self.plan.train > 1:
            fix = f"use fewer shards (--shards, now {self.plan.train})"
        else:
            fix = (
                "separate the documents (a blank line in text files), or use a recipe without pairs"
            )
        return (
            f"{shard.name} has a single document, and {recipe} takes the second segment of a pair "
            f"from another document: {fix}, and add --overwrite"
        )


class _BuildFn(beam.DoFn):
    def __init__(self, builder: Builder) -> None:
        self._builder = builder

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[str]:
        number, packed = element
        try:
            yield self._builder.build(number, packed).path
        except BuildError as error:
            # What the user can mend is told in a file; an exception would end the other shards too.
            path = failure_path(self._builder.output, self._builder.plan.shards[number])
            write_atomically(path, str(error).encode())


@dataclasses.dataclass(eq=False)
class BuildShards(beam.PTransform[Any, Any]):
    """Builds and writes the shards whose documents come in. Outputs the paths written.

    A shard that cannot be built for a reason the user can mend leaves that reason at its
    `failure_path`, and the others are built.

    Splitting, annotating, tokenizing, packing, pairing, laying out and corrupting are one step
    here, not eight: no runner would keep them apart, and between them nothing has to stay alive.

    Attributes:
      builder: Does the work.
    """

    builder: Builder

    def expand(self, shards: beam.PCollection[Any]) -> beam.PCollection[Any]:
        return shards | "Build" >> beam.ParDo(_BuildFn(self.builder)).with_output_types(str)
