"""Builds and writes shards."""

import collections
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import pyarrow as pa

from schemas.addresses import without_secrets
from schemas.annotations import AnnotationError
from schemas.manifest import add_up
from schemas.manifest_documents import SourceCounts
from schemas.manifest_parts import ShardEntry
from schemas.records import ShardId, Tokens
from schemas.software import software_versions
from schemas.windows import Examples
from transforms.build.build_examples import (
    BuildSettings,
    arrange_examples,
    tokenize_shard,
    tokens_for,
)
from transforms.build.corrupt import corrupt
from transforms.build.count_sources import source_counts
from transforms.build.examine import examine
from transforms.build.write_shard import Entry, write_entry, write_shard
from transforms.files.atomic_files import write_atomically
from transforms.files.storage import join
from transforms.files.work_folder import LostFolderError, check_owner, failure_path
from transforms.pairs.distractors import LoneDocumentError
from transforms.read.shard_documents import unpack_documents
from transforms.records.shard_text import ShardPlan, join_documents


class BuildError(RuntimeError):
    """Why a shard cannot be built, in one sentence for the user."""


class Builder(Protocol):
    """Knows the shards of one kind of output, and where they go."""

    @property
    def plan(self) -> ShardPlan: ...
    @property
    def output(self) -> str: ...
    @property
    def owner(self) -> str: ...


Built: TypeAlias = Iterator[tuple[Builder, Entry | BuildError]]
"""What each builder wrote, or why it could not."""
BuildFunction: TypeAlias = Callable[[Sequence[Any], int, Iterable[bytes]], Built]
"""Builds a shard with some builders: these, its number, its packed documents."""


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
    """Builds the shards of one recipe.

    Attributes:
      settings: Recipe, seed and tokenizer.
      plan: Names the shards.
      output: Folder of the corpus.
      deduplicate: Drop documents whose text another one has.
      software: Versions, from `software_versions`, that a worker must have.
      owner: What the folder must be known by, see `work_folder.check_owner`.
      sources: The names of the sources, by their numbers; none without --source.
    """

    settings: BuildSettings
    plan: ShardPlan
    output: str
    deduplicate: bool
    software: Mapping[str, str]
    owner: str = ""
    sources: tuple[str, ...] = ()

    def build(
        self, shard: ShardId, source: "ShardSource", tokens: Tokens
    ) -> ShardEntry | BuildError:
        """Builds a shard of tokens, and writes its entry and it.

        Returns:
          The entry, or why the shard cannot be built.

        Raises:
          OSError: if it cannot be written.
        """
        try:
            examples = arrange_examples(
                tokens_for(tokens, self.settings.recipe), self.settings, shard
            )
            # The caller may hold them no longer.
            del tokens
            entry = self._write(shard, source, examples)
        except LoneDocumentError:
            return BuildError(self._advice(shard))
        except BuildError as error:
            return error
        except LostFolderError:
            raise
        except OSError as error:
            raise OSError(f"cannot write {shard.name} in {self.output}: {error}") from error
        return entry

    def _write(self, shard: ShardId, source: "ShardSource", examples: Examples) -> ShardEntry:
        recipe, vocabulary = self.settings.recipe, self.settings.vocabulary
        statistics: list[Mapping[str, int]] = []
        drawn = collections.Counter(examples.drawn)

        def examined() -> Iterator[pa.RecordBatch]:
            stream = self.settings.stream(shard)
            for batch in corrupt(examples, recipe, vocabulary, stream, counts=drawn):
                findings = examine(batch, recipe, vocabulary)
                if findings.breaches:
                    raise BuildError(
                        f"{shard.name}: rows that break the rules of {recipe.name} "
                        f"({', '.join(findings.breaches)}); if the tokenizer gives special tokens "
                        'for ordinary text, mark them as "special": true in its JSON file'
                    )
                statistics.append(findings.counts)
                yield batch

        name = f"{shard.name}.arrow"
        path = join(self.output, *name.split("/"))
        entries: list[ShardEntry] = []

        def before_rename(sha256: str, size: int, counts: Mapping[str, int]) -> None:
            entry = ShardEntry(
                path=name,
                **counts,
                bytes=size,
                sha256=sha256,
                documents=source.documents,
                duplicates=source.duplicates,
                encoder=source.encoder,
                statistics=add_up(statistics),
                left_out=examples.left_out,
                drawn=dict(drawn),
                sources=source.sources,
            )
            write_entry(self.output, shard, entry, self.owner)
            entries.append(entry)

        write_shard(examined(), recipe.schema(vocabulary), path, before_rename)
        return entries[0]

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


@dataclasses.dataclass(frozen=True)
class ShardSource:
    """What a shard is built from.

    Attributes:
      documents: Duplicates left out.
      duplicates: Documents that were dropped.
      encoder: How the ids were found.
      sources: What it has of each source, by name; empty without sources.
    """

    documents: int
    duplicates: int
    encoder: str
    sources: Mapping[str, SourceCounts] = dataclasses.field(default_factory=dict)


def build_shard(
    builders: Sequence[ShardBuilder], number: int, packed: Iterable[bytes], dropped: int = 0
) -> Built:
    """Builds one shard of each recipe; its text is put together and tokenized once for all.

    Args:
      builders: Of one build: they differ in recipe and folder alone.
      number: Of the shard.
      packed: Its documents.
      dropped: Documents that are not among them because an equal one was built before.

    Yields:
      What each builder wrote, or why it could not.

    Raises:
      BuildError: if no shard of this number can be built.
      OSError: if a shard cannot be written.
    """
    first = builders[0]
    check_software(first.software)
    shard = first.plan.shards[number]
    documents = itertools.chain.from_iterable(map(unpack_documents, packed))
    text = join_documents(documents, deduplicate=first.deduplicate)
    # The text was there twice, and what comes now asks for memory elsewhere.
    pa.default_memory_pool().release_unused()
    others = [each.settings.recipe for each in builders[1:]]
    try:
        held = [tokenize_shard(text, first.settings, shard, others)]
    except AnnotationError as error:
        raise BuildError(f"{shard.name}: {error}") from error
    source = ShardSource(
        len(text.document_starts),
        text.duplicates + dropped,
        held[0].exact_path,
        source_counts(text, first.sources),
    )
    del text
    for builder in builders:
        # Nothing here holds the tokens when the last recipe has made its examples of them.
        last = builder is builders[-1]
        yield builder, builder.build(shard, source, held.pop() if last else held[0])


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardWriter:
    """Builds shards with those builders that have not finished theirs.

    Splitting, annotating, tokenizing, packing, pairing, laying out and corrupting are one step
    here, not eight: no runner would keep them apart, and between them nothing has to stay alive.

    Attributes:
      builders: One for each kind of output.
      missing: For each of them the numbers of the shards that it has to build.
      build: Builds a shard with some of them.
    """

    builders: Sequence[Builder]
    missing: Sequence[frozenset[int]]
    build: BuildFunction

    def write(self, number: int, packed: Iterable[bytes]) -> Iterator[str]:
        """Builds a shard and yields the paths written.

        If it cannot be built for a reason that the user can fix, that is left at its
        `failure_path`: an exception would end the other shards too.

        Args:
          number: Of the shard.
          packed: Its documents.

        Raises:
          OSError: if it cannot be written.
        """
        pairs = zip(self.builders, self.missing, strict=True)
        builders = [builder for builder, missing in pairs if number in missing]
        try:
            for builder, done in self.build(builders, number, packed):
                if isinstance(done, BuildError):
                    _tell(builder, number, done)
                else:
                    yield done.path
        except BuildError as error:
            _tell(builders[0], number, error)


def _tell(builder: Builder, number: int, error: BuildError) -> None:
    path = failure_path(builder.output, builder.plan.shards[number])
    check_owner(builder.output, builder.owner)
    write_atomically(path, without_secrets(str(error)).encode())
