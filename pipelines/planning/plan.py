"""Decides what a build will do, before anything is done."""

import dataclasses
from collections.abc import Collection, Sequence
from typing import Generic, TypeVar

from pipelines.planning.annotators import choose_source
from pipelines.planning.build_settings import build_settings
from pipelines.planning.filters import Filtering, choose_filters
from pipelines.planning.hold_out import default_fraction, hold_out
from pipelines.planning.identity import Identity, identity_of, mixture_identity
from pipelines.planning.members import chosen_mixture, resolve_recipe
from pipelines.planning.memory import check_pairs, wave_shards
from pipelines.planning.options import BuildOptions, RunOptions
from pipelines.planning.pair_counts import pair_counter
from pipelines.planning.recipe_needs import check_markers, check_records, check_unbounded
from pipelines.planning.record_split import hold_out_records
from pipelines.planning.records import HELD_OUT, Records, find_records, refuse_records
from pipelines.planning.sources import Sources, check_source_column
from pipelines.planning.text_files import (
    find_text,
    find_text_of_sources,
    ranges_of,
    refuse_named,
)
from pipelines.planning.tokenizer_check import check_tokenizer
from pipelines.planning.vocabulary_file import read_vocabulary_file
from pipelines.planning.word_fit import words_missing
from pipelines.running.work import Shuffle
from schemas.addresses import without_secrets
from schemas.documents import HELD_OUT_BELOW
from schemas.errors import UsageError
from schemas.software import software_versions
from transforms.build.build_shards import Builder, BuildFunction, ShardBuilder, build_shard
from transforms.counting.pair_counter import PairCounter
from transforms.files.inputs import FileRange, InputFile, estimated_text_bytes
from transforms.files.storage import join
from transforms.objectives.mixture import Mixture
from transforms.objectives.recipe import Recipe
from transforms.read.read_documents import Reader
from transforms.records.shard_text import ShardPlan, plan_shards

_Builder = TypeVar("_Builder", bound=Builder)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan(Generic[_Builder]):
    """What a run will do.

    Attributes:
      files: The input files.
      ranges: How they are read.
      text_bytes: Estimated size of the text.
      output: Where the shards go.
      shards: Which there are, for every builder alike.
      builders: Know all that decides the bytes of the shards; each has a folder.
      build: Builds a shard with some of them.
      identities: For each builder all that decides the bytes of its shards.
      identity: The same of the whole. A folder holds one identity only.
      wave_shards: Shards that are built together, all of them unless the shuffle is in memory.
      announcement: What the user should know before it starts, "" if nothing.
      labels: Documents keep the labels of records; annotations belong to the text alone.
      annotated: Shards of annotations that are read.
      named: Other files that were read to make the plan.
      reader: Reads the files, if they are no documents of text.
      sources: That the files belong to, if they were given as sources; what is read goes through
        their weights, after everything else.
      filtering: What the documents go through, None if they are all kept.
    """

    files: Sequence[InputFile]
    ranges: list[FileRange]
    text_bytes: int
    output: str
    shards: ShardPlan
    builders: Sequence[_Builder]
    build: BuildFunction
    identities: Sequence[Identity]
    identity: Identity
    wave_shards: int
    announcement: str = ""
    labels: bool = True
    annotated: Sequence[InputFile] = ()
    named: Sequence[str] = ()
    reader: Reader | None = None
    sources: Sources | None = None
    filtering: Filtering | None = None

    @property
    def reads(self) -> list[str]:
        """All files that are read."""
        return [*(file.path for file in (*self.files, *self.annotated)), *self.named]

    @property
    def folders(self) -> list[str]:
        """The folder of the whole, and those of the builders that have their own."""
        return list(dict.fromkeys([self.output, *(builder.output for builder in self.builders)]))

    @property
    def shares(self) -> list[float]:
        """The share of all text that each shard holds, about, by its number."""
        held_out = self.shards.eval_below / 2**64
        train = [(1 - held_out) / self.shards.train] * self.shards.train
        return train + [held_out / max(self.shards.eval, 1)] * self.shards.eval

    def waves(self, missing: Collection[int]) -> list[frozenset[int]]:
        """Returns the shards still to build, in the groups that are built together."""
        ordered = sorted(missing)
        return [
            frozenset(ordered[begin : begin + self.wave_shards])
            for begin in range(0, len(ordered), self.wave_shards)
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildPlan(Plan[ShardBuilder]):
    """What a build will do.

    Attributes:
      mixture: What is built, if it is a mixture, each recipe as it is built.
      entities: Ids of the entities that tokens can be aligned with, by number.
      notes: What the manifest shall say of the plan.
      of_stream: It is a window of a stream. It may be empty, and a document is counted in the
        window whose shards it enters, which may come after the one whose files hold it.
    """

    mixture: Mixture | None
    entities: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    of_stream: bool = False

    @property
    def counters(self) -> list[PairCounter]:
        """What counts pairs of words, of builders whose recipe has them counted."""
        found = (pair_counter(builder, self.text_bytes) for builder in self.builders)
        return [counter for counter in found if counter is not None]


def make_plan(
    options: BuildOptions, *, shuffle: Shuffle, window: Sequence[InputFile] | None = None
) -> BuildPlan:
    """Reads tokenizer and file names, and decides on ranges, shards and waves.

    Args:
      options: What the user asked for.
      shuffle: Where the text lies when it is dealt out to shards; a large corpus is built in waves
        if that is memory.
      window: The files of a window of a stream. The number of shards, and the share that is held
        out, do not depend on them. None if `options.input` names the files of a build.

    Raises:
      UsageError: if something is missing, unknown, out of range or does not fit together.
    """
    try:
        mixture = chosen_mixture(options)
        recipes = [member.recipe for member in mixture.members] if mixture else []
        recipes = recipes or [resolve_recipe(options)]
        check_markers(options, recipes)
        filtering = choose_filters(options, recipes)
        records = None
        if recipes[0].labelled is None:
            refuse_records(options)
            check_records(options, recipes)
        else:
            options, records, recipe = _of_records(options, recipes[0], window)
            recipes = [recipe]
        if window is not None:
            check_unbounded(recipes)
        source = choose_source(options, recipes)
        vocabulary = read_vocabulary_file(options, recipes)
        settings = build_settings(options, recipes, source, vocabulary)
        files, text_bytes, sources = _find_files(options, records, window)
        check_source_column(recipes, sources)
        fraction = options.eval_fraction
        fraction = default_fraction(recipes) if fraction is None else fraction
        shards = plan_shards(text_bytes, options.shards, fraction)
        if records is not None and records.held_out:
            shards = ShardPlan(train=shards.train, eval=1, eval_below=HELD_OUT_BELOW)
    except ValueError as error:
        raise UsageError(str(error)) from error
    ranges = ranges_of(files, text_bytes, options)
    ranges = ranges if sources is None else sources.marked(ranges)
    missing = words_missing(settings[0], ranges, options)
    notes: tuple[str, ...] = ()
    if window is None and records is None:
        shards, note = hold_out(shards, recipes, ranges, text_bytes, options, sources, filtering)
        notes = (note,) if note else ()
    elif records is not None and not records.held_out and fraction:
        shards, notes = hold_out_records(
            shards, records.reader, ranges, fraction, deduplicate=options.dedup
        )
    notes = (*notes, *(records.notes if records else ()))
    reader = None if records is None else records.reader
    notes = (*check_tokenizer(vocabulary.converted, reader, ranges, options), *notes)
    notes = tuple(map(without_secrets, notes))
    words = any(recipe.segments_words for recipe in recipes)
    libraries = [settings[0].segmenter.resolved] if words else []
    software = software_versions(*libraries, *(source.software if source else ()))
    builders = [
        ShardBuilder(
            settings=each,
            plan=shards,
            output=join(options.output, each.recipe.name) if mixture else options.output,
            deduplicate=options.dedup,
            software=software,
            sources=() if sources is None else sources.names,
        )
        for each in settings
    ]
    for counter in filter(None, (pair_counter(each, text_bytes) for each in builders)):
        check_pairs(options, counter.parts, text_bytes, shuffle)
    identities = [
        identity_of(builder, options, files, source, records, sources, filtering)
        for builder in builders
    ]
    return BuildPlan(
        files=files,
        ranges=ranges,
        text_bytes=text_bytes,
        output=options.output,
        shards=shards,
        mixture=mixture,
        entities=source.entities if source else (),
        builders=builders,
        build=build_shard,
        identities=identities,
        identity=mixture_identity(mixture, identities) if mixture else identities[0],
        wave_shards=wave_shards(options, shards, text_bytes, shuffle, len(recipes)),
        announcement="\n".join(
            filter(
                None,
                [
                    source.announcement if source else "",
                    missing,
                    *notes,
                    idle_workers(options, shards),
                ],
            )
        ),
        notes=notes,
        of_stream=window is not None,
        annotated=source.files if source else (),
        named=options.named_files,
        reader=reader,
        sources=sources,
        filtering=filtering,
    )


def _find_files(
    options: BuildOptions, records: Records | None, window: Sequence[InputFile] | None
) -> tuple[Sequence[InputFile], int, Sources | None]:
    """Returns the files that are read, about how many bytes of text they are, and their sources."""
    if window is not None:
        return window, estimated_text_bytes(window), None
    sources = None
    files: Sequence[InputFile]
    if records is not None:
        files, text_bytes = records.files, records.text_bytes
    elif options.source:
        sources, text_bytes = find_text_of_sources(options)
        files = sources.files
    else:
        files, text_bytes = find_text(options)
    refuse_named(files, options)
    return files, text_bytes, sources


def _of_records(
    options: BuildOptions, recipe: Recipe, window: Sequence[InputFile] | None
) -> tuple[BuildOptions, Records, Recipe]:
    """Returns what labelled records are built with: each of their texts is a sentence."""
    if window is not None:
        raise ValueError(
            f"{recipe.name} is built of labelled records, which do not grow; build them with "
            "`shardmill build`"
        )
    if options.source:
        raise ValueError(
            f"--source is for text, and {recipe.name} is built of labelled records; name their "
            "files with --input"
        )
    records, recipe = find_records(options, recipe)
    share = None if records.held_out else HELD_OUT
    options = dataclasses.replace(
        options,
        sentences="lines",
        text_field="text",
        eval_fraction=share if options.eval_fraction is None else options.eval_fraction,
    )
    return options, records, recipe


def idle_workers(options: RunOptions, shards: ShardPlan) -> str:
    """Says that there are fewer shards than workers, if the user did not choose how many; or ""."""
    if options.shards is not None or shards.train >= options.workers:
        return ""
    return (
        f"--shards auto makes {shards.train} for {options.workers} workers, and a worker builds "
        f"whole shards: --shards {2 * options.workers} keeps all of them busy"
    )
