"""Decides what a build will do, before anything is done."""

import dataclasses
import math
import sys
from collections.abc import Collection, Sequence
from typing import Generic, TypeVar

from pipelines.planning.annotators import Source, choose_source
from pipelines.planning.files import read_file
from pipelines.planning.hold_out import DEFAULT_FRACTION, hold_out
from pipelines.planning.identity import Identity, identity_of, mixture_identity
from pipelines.planning.members import chosen_mixture, has_markers, resolve_recipe
from pipelines.planning.options import BuildOptions, RunOptions
from schemas.counts import CountsError
from schemas.errors import UsageError, about
from schemas.software import software_versions
from schemas.vocabulary import read_vocabulary
from transforms.annotate.annotator import Annotator
from transforms.build.build_examples import BuildSettings
from transforms.build.build_shards import Builder, BuildFunction, ShardBuilder, build_shard
from transforms.detect.encodings import check_encoding
from transforms.detect.looks import checks_of
from transforms.files.inputs import (
    RANGE_BYTES,
    FileRange,
    InputFile,
    estimated_text_bytes,
    plan_ranges,
)
from transforms.files.planned_file import LookError
from transforms.files.storage import join
from transforms.objectives.mixture import Mixture
from transforms.objectives.recipe import Recipe
from transforms.read.input_files import check_heads, match_inputs
from transforms.records.query_titles import record_fields
from transforms.records.shard_text import ShardPlan, plan_shards
from transforms.text.words import Segmenter

_GIB = 1 << 30
# Every range is spelt out in the job that is sent to a runner.
_MOST_RANGES = 20_000
# English prose in WordPiece or BPE of 16-50 thousand; Chinese has about 3.
_BYTES_PER_TOKEN = 4.0
# Measured (benchmarks/RESULTS.md, "Memory"): a worker takes its libraries, tables of words and a
# multiple of the text of the shard it builds; the local runner holds the compressed text of a wave
# several times over.
_WORKER_BYTES = 500 << 20
_SHARD_FACTOR = 6
_TOKENS_FACTOR = 1
_SHUFFLE_FACTOR = 2.2


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
      wave_shards: Shards that a local run builds together.
      announcement: What the user should know before it starts, "" if nothing.
      annotated: Shards of annotations that are read.
      named: Other files that were read to make the plan.
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
    annotated: Sequence[InputFile] = ()
    named: Sequence[str] = ()

    @property
    def reads(self) -> list[str]:
        """All files that are read."""
        return [*(file.path for file in (*self.files, *self.annotated)), *self.named]

    @property
    def folders(self) -> list[str]:
        """The folder of the whole, and those of the builders that have their own."""
        return list(dict.fromkeys([self.output, *(builder.output for builder in self.builders)]))

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
    """

    mixture: Mixture | None
    entities: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def make_plan(options: BuildOptions, *, local: bool) -> BuildPlan:
    """Reads tokenizer and file names, and decides on ranges, shards and waves.

    Args:
      options: What the user asked for.
      local: The shuffle lies in this machine's memory, so a large corpus is built in waves.

    Raises:
      UsageError: if something is missing, unknown, out of range or does not fit together.
    """
    try:
        mixture = chosen_mixture(options)
        recipes = [member.recipe for member in mixture.members] if mixture else []
        recipes = recipes or [resolve_recipe(options)]
        _check_markers(options, recipes)
        _check_records(options, recipes)
        source = choose_source(options, recipes)
        settings = _settings(options, recipes, source)
        files, text_bytes = find_text(options)
        fraction = options.eval_fraction
        fraction = DEFAULT_FRACTION if fraction is None else fraction
        shards = plan_shards(text_bytes, options.shards, fraction)
    except ValueError as error:
        raise UsageError(str(error)) from error
    ranges = ranges_of(files, text_bytes, options)
    shards, held_out = hold_out(shards, recipes, ranges, text_bytes, options)
    words = any(recipe.needs_words for recipe in recipes)
    libraries = [settings[0].segmenter.resolved] if words else []
    software = software_versions(*libraries, *(source.software if source else ()))
    builders = [
        ShardBuilder(
            settings=each,
            plan=shards,
            output=join(options.output, each.recipe.name) if mixture else options.output,
            deduplicate=options.dedup,
            software=software,
        )
        for each in settings
    ]
    identities = [identity_of(builder, options, files, source) for builder in builders]
    per_shard = text_bytes / shards.train
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
        wave_shards=wave_shards(options, per_shard, len(recipes)) if local else len(shards.shards),
        announcement="\n".join(filter(None, [source.announcement if source else "", held_out])),
        notes=(held_out,) if held_out else (),
        annotated=source.files if source else (),
        named=options.named_files,
    )


def find_text(options: RunOptions) -> tuple[list[InputFile], int]:
    """Returns the input files, and about how many bytes of text they hold.

    Raises:
      ValueError: if there is none, or --text-field cannot be understood.
    """
    record_fields(options.text_field)
    encoding = check_encoding(options.encoding or "utf-8")
    with about("--input"):
        files = match_inputs(options.input, options.format, encoding)
    text_bytes = estimated_text_bytes(files)
    if not text_bytes:
        raise ValueError(f"{', '.join(options.input)}: the files are empty")
    try:
        check_heads(files, checks_of(options.format, options.encoding), options.text_field)
    except LookError as error:
        raise ValueError(str(error)) from error
    return files, text_bytes


def ranges_of(files: Sequence[InputFile], text_bytes: int, options: RunOptions) -> list[FileRange]:
    """Returns how the files are read in parallel."""
    checks = checks_of(options.format, options.encoding)
    return plan_ranges(files, max(RANGE_BYTES, text_bytes // _MOST_RANGES), checks)


def _settings(
    options: BuildOptions, recipes: Sequence[Recipe], source: Source | None
) -> list[BuildSettings]:
    """Resolves tokenizer and segmenter, and holds the recipes to them."""
    tokenizer_json = read_file(options.tokenizer, "--tokenizer")
    counts = _read_counts(options, recipes)
    try:
        plain = read_vocabulary(tokenizer_json, options.special_tokens)
        counted = read_vocabulary(tokenizer_json, options.special_tokens, counts)
    except CountsError as error:
        raise UsageError(f"--counts {options.counts}: {error}") from error
    for recipe in recipes:
        recipe.check_vocabulary(plain)
        for labels in recipe.labels:
            labels.check_tokenizer(tokenizer_json)
    _check_segmenter(options, recipes)
    user_dict = _read_user_dict(options)
    entities = len(source.entities) if source else 0
    plain, counted = (dataclasses.replace(each, entities=entities) for each in (plain, counted))
    return [
        BuildSettings(
            recipe=recipe,
            seed=options.seed,
            tokenizer_json=tokenizer_json,
            vocabulary=counted if recipe.follows_counts else plain,
            sentences=options.sentences,
            segmenter=Segmenter(options.segmenter, user_dict),
            annotations=source.annotations if source else Annotator(),
        )
        for recipe in recipes
    ]


def _read_user_dict(options: BuildOptions) -> str:
    """Reads jieba's user dictionary, "" if there is none."""
    if options.user_dict is None:
        return ""
    found = read_file(options.user_dict, "--user-dict")
    lines = enumerate(found.splitlines(), 1)
    # jieba would take all of the line for a word that no text has.
    if tabbed := next((number for number, line in lines if "\t" in line), 0):
        raise UsageError(
            f"--user-dict {options.user_dict}: line {tabbed} has a tab; write a word, and if you "
            "like its frequency and tag, with single spaces between"
        )
    return found


def _check_segmenter(options: BuildOptions, recipes: Sequence[Recipe]) -> None:
    """Refuses what finds Chinese words where no recipe asks for them."""
    given = {"--user-dict": options.user_dict, "--segmenter": options.segmenter != "auto"}
    unused = [name for name, value in given.items() if value]
    if unused and not any(recipe.needs_words for recipe in recipes):
        names = " or ".join(recipe.name for recipe in recipes)
        raise UsageError(f"{names}: nothing there needs whole words; leave out {', '.join(unused)}")


def _check_markers(options: BuildOptions, recipes: Sequence[Recipe]) -> None:
    """Refuses markers that no recipe takes."""
    if options.markers is not None and not any(map(has_markers, recipes)):
        names = " or ".join(recipe.name for recipe in recipes)
        raise UsageError(
            f"--markers {options.markers}: {names} tells no discourse markers; leave it out, or "
            "build ernie2-discourse"
        )


def _check_records(options: BuildOptions, recipes: Sequence[Recipe]) -> None:
    """Holds --text-field to what the recipes read: records of three fields, or a text."""
    names = " or ".join(recipe.name for recipe in recipes if recipe.pair.records)
    fields = record_fields(options.text_field)
    if names and not fields:
        raise UsageError(
            f"{names} needs JSON lines of a query, a title and a label; name their fields, as in "
            "--text-field query,title,label"
        )
    if fields and not names:
        raise UsageError(
            f"--text-field {options.text_field}: a query, a title and a label are for "
            "ernie2-relevance; name the one field with the text"
        )


def _read_counts(options: BuildOptions, recipes: Sequence[Recipe]) -> str | None:
    """Reads the file of counts, if there is one, for recipes of which one asks for it."""
    if options.counts is None:
        return None
    if not any(recipe.follows_counts for recipe in recipes):
        names = " or ".join(recipe.name for recipe in recipes)
        raise UsageError(
            f"--counts {options.counts}: no random token of {names} follows counts; leave it "
            "out, or take a recipe whose random_ids are UnigramIds, such as spanbert"
        )
    return read_file(options.counts, "--counts")


def wave_shards(options: RunOptions, per_shard: float, recipes: int = 1) -> int:
    """Returns how many shards fit into the memory of a local run at once.

    The tokens of a shard are held while it is written by all recipes but the last.

    Raises:
      UsageError: if not even one does.
    """
    factor = _SHARD_FACTOR + (_TOKENS_FACTOR if recipes > 1 else 0)
    fixed = options.workers * (_WORKER_BYTES + factor * per_shard)
    held = _SHUFFLE_FACTOR * per_shard
    if options.workers > 1:
        # One process more, which launches; and what it holds passes to the workers.
        fixed += _WORKER_BYTES
        held += per_shard
    shards = int((options.memory_gib * _GIB - fixed) // held)
    if shards < 1:
        least = math.ceil((fixed + held) / _GIB * 10) / 10
        raise UsageError(
            f"--memory-gib {options.memory_gib:g} is too little for {options.workers} worker(s) "
            f"and shards of {per_shard / 1e6:.0f} MB of text: give at least {least:g}, fewer "
            "--workers or more --shards"
        )
    return shards


def show_plan(plan: BuildPlan) -> None:
    """Prints what a build would do."""
    recipes = [builder.settings.recipe for builder in plan.builders]
    waves = plan.waves(range(len(plan.shards.shards)))
    output_bytes = plan.text_bytes / _BYTES_PER_TOKEN * sum(map(bytes_per_token, recipes))
    lines = [plan.announcement] if plan.announcement else []
    lines += [
        *(line for recipe in recipes for line in _shown_recipe(recipe)),
        f"input    {len(plan.files)} file(s), about {plan.text_bytes / 1e6:,.1f} MB of text",
        f"shards   {plan.shards.train} for training, {plan.shards.eval} for evaluation"
        + (", of each recipe" if plan.mixture else ""),
        f"output   about {output_bytes / 1e6:,.1f} MB in {plan.output}",
        f"waves    {len(waves)}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _shown_recipe(recipe: Recipe) -> list[str]:
    return [
        f"recipe   {recipe.name}: {recipe.summary}",
        f"         {recipe.copies if recipe.stored else 'no'} copies, {recipe.passes} pass(es), "
        f"up to {recipe.max_seq_length} tokens",
    ]


def bytes_per_token(recipe: Recipe) -> float:
    """Returns about how many bytes of shard a token of text becomes."""
    selected = sum(0.15 for _ in recipe.stored) * 4 * recipe.copies
    return (2 + selected + (1.3 if recipe.needs_words else 0)) * recipe.passes
