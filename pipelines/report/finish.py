"""Finishes a build: writes tokenizer, report and dataset card, and last the manifest."""

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.folder.owned import REJECTED
from pipelines.planning.options import BuildOptions, RunOptions
from pipelines.planning.plan import BuildPlan, Plan
from pipelines.report.count_documents import NothingMadeError, count_documents
from pipelines.report.dropped import total_of
from pipelines.report.examples import page_rows
from pipelines.report.mixture_folder import write_mixture
from pipelines.report.page import render_card, render_report
from pipelines.report.pair_facts import pairs_records
from pipelines.report.sources import none_wanted, source_documents, unseen_sources
from pipelines.report.top_pairs import pairs_shown
from schemas.columns import ENTITY_IDS
from schemas.config_file import saved_name
from schemas.counts import COUNTS
from schemas.entities import ENTITIES, entities_text
from schemas.errors import RunError
from schemas.lock import WORK_FOLDER
from schemas.manifest import FORMAT_VERSION, MANIFEST, AnyManifest, Manifest, add_up
from schemas.manifest_checks import CARD, REPORT, TOKENIZER, contradictions
from schemas.manifest_file import manifest_text, sealed
from schemas.manifest_parts import ShardEntry
from schemas.terminal import say
from schemas.version import VERSION
from schemas.wording import counted
from transforms.build.build_shards import ShardBuilder
from transforms.build.corpus import Corpus
from transforms.build.write_shard import read_entries
from transforms.files.atomic_files import write_atomically
from transforms.files.storage import join
from transforms.files.work_folder import Note, files_of, read_notes, read_reading, write_noted
from transforms.filters.filtered_reader import DROPPED

Entries = Mapping[str, Sequence[ShardEntry]]


def finish(plan: BuildPlan, options: BuildOptions) -> None:
    """Checks the counts and writes the manifest; those of a mixture's members come first.

    Raises:
      NothingMadeError: if there was no document, or none of which a row could be made.
      RunError: if more records were rejected than allowed.
    """
    entries = [_entries(builder) for builder in plan.builders]
    documents = count_documents(plan, options, _duplicates(entries[0]), may_be_empty=plan.of_stream)
    if plan.sources is not None:
        shards = [entry for split in entries[0].values() for entry in split]
        reading = read_reading(plan.output) or {}
        documents["sources"] = source_documents(plan.sources, reading, shards)
        if problem := none_wanted(plan.sources, reading, shards):
            raise NothingMadeError(problem)
    if plan.of_stream:
        left_out = total_of(documents.get(DROPPED, {}))
        documents["read"] = left_out + documents["duplicates"] + _kept(entries[0])
    else:
        _check_rows(plan, entries, documents["read"])
    notes = [[] if plan.of_stream else _empty_splits(splits) for splits in entries]
    unseen = unseen_sources(documents.get("sources", {}))
    for note in unseen:
        say(note)
    pairs = pairs_records(plan.counters)
    heads = [
        {**_manifest(identity, documents, splits), **pairs, "notes": [*plan.notes, *unseen, *own]}
        for identity, splits, own in zip(plan.identities, entries, notes, strict=True)
    ]
    for builder, own in zip(plan.builders, notes, strict=True):
        for note in own:
            say(f"{builder.settings.recipe.name}: {note}")
    dropped = plan.filtering.dropped_files(plan.ranges) if plan.filtering else []
    beside = read_notes(plan.output, [*REJECTED, *dropped])
    if not plan.of_stream:
        # A stream's windows are built of files that its options do not name.
        beside.append(write_saved(plan, options, "build"))
    manifests = [
        _write(builder, head, plan.entities, [] if plan.mixture else beside)
        for builder, head in zip(plan.builders, heads, strict=True)
    ]
    if plan.mixture:
        head = {"format_version": FORMAT_VERSION, **plan.identity}
        shared = {"software": heads[0]["software"], "documents": documents}
        tokenizer_json = plan.builders[0].settings.tokenizer_json
        head = {**head, **shared}
        write_mixture(plan.output, tokenizer_json, plan.mixture, head, manifests, beside)


def write_saved(plan: Plan[Any], options: RunOptions, command: str) -> Note:
    """Writes the options into the output, for --config; returns the note of the file."""
    owner = plan.builders[0].owner if len(plan.builders) == 1 else ""
    return write_noted(plan.output, saved_name(command), options.saved.encode(), owner)


def _entries(builder: ShardBuilder) -> Entries:
    """Returns the entries of all shards of one recipe, by split."""
    entries: dict[str, list[ShardEntry]] = {"train": [], "eval": []}
    shards = builder.plan.shards
    found = read_entries(builder.output, shards, hashed=False)
    for shard, entry in zip(shards, found, strict=True):
        if entry is None:
            missing = join(builder.output, shard.name)
            raise RunError(f"{missing} is missing; run the same command again")
        entries[shard.split].append(entry)
    return entries


def _check_rows(plan: BuildPlan, entries: Sequence[Entries], documents: int) -> None:
    """Reports recipes that made no examples.

    Raises:
      NothingMadeError: if all of them did.
    """
    empty = [
        builder.settings.recipe
        for builder, splits in zip(plan.builders, entries, strict=True)
        if not any(entry.rows for shards in splits.values() for entry in shards)
    ]
    messages = [
        f"{recipe.name} made no examples of {counted(documents, 'document')}: "
        + (
            recipe.pair.no_examples_reason
            or f"nothing in them makes a row; `shardmill recipes {recipe.name}` says what does"
        )
        for recipe in empty
    ]
    if len(messages) == len(plan.builders):
        raise NothingMadeError("; ".join(messages))
    for line in messages:
        say(line)


def _empty_splits(entries: Entries) -> list[str]:
    """Returns a note for each split that has shards and no rows."""
    return [
        f"the split {split} has no rows: none of its documents made one; hold out "
        f"{'less' if split == 'train' else 'more'} with --eval-fraction, or nothing with "
        "--eval-fraction 0"
        for split, shards in entries.items()
        if shards and not any(entry.rows for entry in shards)
    ]


def _manifest(
    identity: Mapping[str, Any], documents: Mapping[str, Any], entries: Entries
) -> dict[str, Any]:
    """Returns what the manifest of one recipe's shards says besides its files, as JSON values."""
    return {
        "format_version": FORMAT_VERSION,
        **identity,
        "software": software_of(identity["software"]),
        "documents": documents,
        "splits": {split: _split(shards) for split, shards in entries.items() if shards},
        "statistics": {
            split: add_up(shard.statistics for shard in shards)
            for split, shards in entries.items()
            if shards
        },
    }


def _write(
    builder: ShardBuilder,
    head: Mapping[str, Any],
    entities: Sequence[str],
    beside: Sequence[Note],
) -> Manifest:
    """Writes tokenizer, entities, report and dataset card, and last the manifest.

    Returns:
      The manifest, which lists all of them and the files `beside`.
    """
    output, settings = builder.output, builder.settings
    aligned = ENTITY_IDS in settings.recipe.needs
    manifest = sealed({**head, "files": {}}, Manifest)
    corpus = Corpus(
        folder=output,
        manifest=manifest,
        recipe=settings.recipe,
        tokenizer_json=settings.tokenizer_json,
        vocabulary=settings.vocabulary,
        entities=tuple(entities) if aligned else (),
    )
    counts = settings.vocabulary.counts
    contents = {
        TOKENIZER: settings.tokenizer_json,
        **({COUNTS: counts.json} if counts else {}),
        **({ENTITIES: entities_text(entities)} if aligned else {}),
        REPORT: render_report(
            manifest,
            page_rows(corpus, hashed=False),
            pairs_shown(corpus),
            corpus.vocabulary,
        ),
        CARD: render_card(manifest),
    }
    notes = [
        write_noted(output, name, content.encode(), builder.owner)
        for name, content in contents.items()
    ]
    manifest = sealed({**head, "files": files_of([*beside, *notes])}, Manifest)
    refuse_contradictions(output, manifest)
    write_atomically(join(output, MANIFEST), manifest_text(manifest).encode())
    return manifest


def refuse_contradictions(output: str, manifest: AnyManifest) -> None:
    """Refuses a manifest that contradicts itself: files of work in progress were lost or edited."""
    problems = list(contradictions(manifest))
    if problems:
        raise RunError(
            f"{output} cannot be finished: the records in its {WORK_FOLDER} do not agree "
            f"({problems[0]}); name another folder, or delete this one yourself"
        )


def _duplicates(entries: Entries) -> int:
    """Returns how many documents were dropped."""
    return sum(entry.duplicates for shards in entries.values() for entry in shards)


def _kept(entries: Entries) -> int:
    """Returns how many documents went in."""
    return sum(entry.documents for shards in entries.values() for entry in shards)


def _split(shards: Sequence[ShardEntry]) -> dict[str, Any]:
    return {
        "rows": sum(shard.rows for shard in shards),
        "tokens": sum(shard.tokens for shard in shards),
        "shards": [shard.to_json() for shard in shards],
    }


def software_of(identity: Mapping[str, str]) -> dict[str, str]:
    """Returns the versions that the manifest names."""
    return {
        **identity,
        "shardmill": VERSION,
        "apache-beam": importlib.metadata.version("apache-beam"),
        "python": platform.python_version(),
    }
