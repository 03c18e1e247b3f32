"""Decides what a build will do, before anything is done."""

import dataclasses
import hashlib
import importlib.metadata
import math
import sys
from collections.abc import Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from pipelines.annotators import Source, choose_source
from pipelines.files import read_file
from pipelines.options import BuildOptions, RunOptions
from schemas.errors import UsageError
from schemas.manifest import DATA_VERSION
from schemas.software import software_versions
from schemas.vocabulary import read_vocabulary
from transforms.build_examples import BuildSettings
from transforms.build_shards import Builder, ShardBuilder
from transforms.inputs import (
    RANGE_BYTES,
    FileRange,
    InputFile,
    estimated_text_bytes,
    plan_ranges,
)
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import find_recipe, recipe_from, settings_of
from transforms.read import match_inputs
from transforms.shards import plan_shards
from transforms.words import Segmenter

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
_SHUFFLE_FACTOR = 2.2


_Builder = TypeVar("_Builder", bound=Builder)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan(Generic[_Builder]):
    """What a run will do.

    Attributes:
      files: The input files.
      ranges: How they are read.
      text_bytes: Estimated size of the text.
      builder: Builds a shard; holds the number of shards and all that decides their bytes.
      identity: All that decides the bytes of the shards. A folder holds one identity only.
      wave_shards: Shards that a local run builds together.
      announcement: What the user should know before it starts, "" if nothing.
    """

    files: Sequence[InputFile]
    ranges: list[FileRange]
    text_bytes: int
    builder: _Builder
    identity: dict[str, Any]
    wave_shards: int
    announcement: str = ""

    def waves(self, missing: Sequence[int]) -> list[frozenset[int]]:
        """Returns the shards still to build, in the groups that are built together."""
        return [
            frozenset(missing[begin : begin + self.wave_shards])
            for begin in range(0, len(missing), self.wave_shards)
        ]


BuildPlan: TypeAlias = Plan[ShardBuilder]


def make_plan(options: BuildOptions, *, local: bool) -> BuildPlan:
    """Reads tokenizer and file names, and decides on ranges, shards and waves.

    Args:
      options: What the user asked for.
      local: The shuffle lies in this machine's memory, so a large corpus is built in waves.

    Raises:
      UsageError: if something is missing, unknown, out of range or does not fit together.
    """
    try:
        settings = _settings(options)
        source = choose_source(options, settings.recipe)
        if source is not None:
            settings = dataclasses.replace(settings, annotations=source.annotations)
        files, text_bytes = find_text(options)
        shards = plan_shards(text_bytes, options.shards, options.eval_fraction)
    except ValueError as error:
        raise UsageError(str(error)) from error
    words = [settings.segmenter.resolved] if settings.recipe.needs_words else []
    builder = ShardBuilder(
        settings=settings,
        plan=shards,
        output=options.output,
        deduplicate=options.dedup,
        software=software_versions(*words, *(source.software if source else ())),
    )
    per_shard = text_bytes / shards.train
    return BuildPlan(
        files=files,
        ranges=ranges_of(files, text_bytes),
        text_bytes=text_bytes,
        builder=builder,
        identity=_identity(options, builder, files, source),
        wave_shards=wave_shards(options, per_shard) if local else len(shards.shards),
        announcement=source.announcement if source else "",
    )


def find_text(options: RunOptions) -> tuple[list[InputFile], int]:
    """Returns the input files, and about how many bytes of text they hold.

    Raises:
      ValueError: if there is none.
    """
    files = match_inputs(options.input, options.format)
    text_bytes = estimated_text_bytes(files)
    if not text_bytes:
        raise ValueError(f"{', '.join(options.input)}: the files are empty")
    return files, text_bytes


def ranges_of(files: Sequence[InputFile], text_bytes: int) -> list[FileRange]:
    """Returns how the files are read in parallel."""
    return plan_ranges(files, max(RANGE_BYTES, text_bytes // _MOST_RANGES))


def _settings(options: BuildOptions) -> BuildSettings:
    """Resolves recipe, tokenizer and segmenter."""
    find_recipe(options.recipe)
    tokenizer_json = read_file(options.tokenizer, "--tokenizer")
    vocabulary = read_vocabulary(tokenizer_json, options.special_tokens)
    recipe = resolve_recipe(options)
    vocabulary.require(recipe.roles)
    user_dict = read_file(options.user_dict, "--user-dict") if options.user_dict else ""
    return BuildSettings(
        recipe=recipe,
        seed=options.seed,
        tokenizer_json=tokenizer_json,
        vocabulary=vocabulary,
        sentences=options.sentences,
        segmenter=Segmenter(options.segmenter, user_dict),
    )


def resolve_recipe(options: BuildOptions) -> Recipe:
    """Returns the recipe with the fields that the user changed."""
    parity = dict(find_recipe(options.recipe).parity) if options.parity else {}
    return recipe_from(options.recipe, {**parity, **options.settings})


def _identity(
    options: BuildOptions,
    builder: ShardBuilder,
    files: Sequence[InputFile],
    source: Source | None,
) -> dict[str, Any]:
    settings = builder.settings
    return {
        "data_version": DATA_VERSION,
        "recipe": {"name": settings.recipe.name, "settings": settings_of(settings.recipe)},
        "seed": settings.seed,
        "tokenizer": {
            "sha256": settings.vocabulary.sha256,
            "vocab_size": settings.vocabulary.size,
            "special_tokens": dict(settings.vocabulary.names),
        },
        "sentences": settings.sentences,
        "segmenter": _segmenter(settings) if settings.recipe.needs_words else None,
        "annotator": source.identity if source else None,
        "deduplicate": builder.deduplicate,
        "max_document_mib": options.max_document_mib,
        "shards": dataclasses.asdict(builder.plan),
        "text_field": options.text_field,
        "inputs": [dataclasses.asdict(file) for file in files],
        "software": software_versions(),
    }


def _segmenter(settings: BuildSettings) -> dict[str, str]:
    name, words = settings.segmenter.resolved, settings.segmenter.user_dict
    chosen = {"name": name, "version": importlib.metadata.version(name)}
    return {**chosen, "user_dict": hashlib.sha256(words.encode()).hexdigest() if words else ""}


def wave_shards(options: RunOptions, per_shard: float) -> int:
    """Returns how many shards fit into the memory of a local run at once.

    Raises:
      UsageError: if not even one does.
    """
    fixed = options.workers * (_WORKER_BYTES + _SHARD_FACTOR * per_shard)
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
    builder, shards = plan.builder, plan.builder.plan
    recipe = builder.settings.recipe
    waves = plan.waves(range(len(shards.shards)))
    output_bytes = plan.text_bytes / _BYTES_PER_TOKEN * bytes_per_token(recipe)
    lines = [plan.announcement] if plan.announcement else []
    lines += [
        f"recipe   {recipe.name}: {recipe.summary}",
        f"         {recipe.copies} copies, {recipe.passes} pass(es), "
        f"up to {recipe.max_seq_length} tokens",
        f"input    {len(plan.files)} file(s), about {plan.text_bytes / 1e6:,.1f} MB of text",
        f"shards   {shards.train} for training, {shards.eval} for evaluation",
        f"output   about {output_bytes / 1e6:,.1f} MB in {builder.output}",
        f"waves    {len(waves)}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def bytes_per_token(recipe: Recipe) -> float:
    """Returns about how many bytes of shard a token of text becomes."""
    selected = sum(0.15 for _ in recipe.corrupt) * 4 * recipe.copies
    return (2 + selected + (1.3 if recipe.needs_words else 0)) * recipe.passes
