"""Runs `shardmill annotate`: finds entities and phrases, and stores them by document."""

import sys
import time
from collections.abc import Sequence
from typing import Any, TypeAlias

from pipelines.folder.clearing import end_work
from pipelines.folder.locks import Locks
from pipelines.folder.output import read_annotations_manifest
from pipelines.folder.owned import REJECTED
from pipelines.folder.prepare import Wanted, prepare
from pipelines.planning.annotators import annotator_of, estimate
from pipelines.planning.identity import public_inputs, separator_identity
from pipelines.planning.memory import wave_shards
from pipelines.planning.options import RunOptions
from pipelines.planning.plan import Plan, idle_workers
from pipelines.planning.show_plan import input_line
from pipelines.planning.text_files import find_text, ranges_of
from pipelines.report.count_documents import count_documents
from pipelines.report.finish import refuse_contradictions, software_of, write_saved
from pipelines.report.summary import documents_line
from pipelines.running.runners import choose_runner
from pipelines.running.work import Runner, Shuffle
from pipelines.waves import missing_of, owned, run_to_end
from schemas.annotations import KINDS, AnnotationEntry, known_ids
from schemas.config_file import saved_name
from schemas.entities import ENTITIES, entities_sha256, entities_text
from schemas.errors import RunError, UsageError
from schemas.manifest import DATA_VERSION, FORMAT_VERSION, MANIFEST, AnnotationsManifest, add_up
from schemas.manifest_file import manifest_text, sealed
from schemas.software import software_versions
from schemas.terminal import say
from transforms.annotate.annotator import load_annotator
from transforms.annotate.stored_annotations import open_annotations
from transforms.build.annotate_shards import AnnotationBuilder, AnnotationShards, annotate_shard
from transforms.build.write_shard import read_entries_as
from transforms.files.atomic_files import write_atomically
from transforms.files.inputs import InputFile
from transforms.files.storage import join
from transforms.files.work_folder import files_of, read_notes, write_noted
from transforms.records.shard_text import plan_shards

AnnotatePlan: TypeAlias = Plan[AnnotationBuilder]


def run_annotate(options: RunOptions) -> int:
    """Annotates what was asked for, or shows the plan of it; returns the exit status."""
    began = time.monotonic()
    runner = choose_runner(options.beam_args, options.workers, options.temp_dir)
    if options.dry_run:
        plan = make_plan(options, shuffle=runner.shuffle)
        sys.stdout.write(_plan_text(plan, options))
        if spills := runner.spills(plan.output, plan.text_bytes):
            sys.stdout.write(f"spilled  {spills}\n")
        return 0
    with Locks("annotate") as locks:
        locks.add(options.output)
        plan = owned(make_plan(options, shuffle=runner.shuffle))
        finished = _annotate(plan, options, runner, locks)
    if finished:
        _show_summary(options.output, time.monotonic() - began)
    return 0


def _annotate(plan: AnnotatePlan, options: RunOptions, runner: Runner, locks: Locks) -> bool:
    """Annotates in a folder that is held; returns whether everything is finished."""
    files = {f"{shard.name}.arrow" for shard in plan.shards.shards}
    wanted = Wanted(
        command="annotate",
        identity=plan.identity,
        files=frozenset({*files, *REJECTED, ENTITIES, saved_name("annotate"), MANIFEST}),
        reads=plan.reads,
    )
    if prepare(options.output, wanted, locks, overwrite=options.overwrite):
        sys.stdout.write(f"{options.output} already holds these annotations\n")
    else:
        missing = missing_of(_read_entries(plan, hashed=True))
        if missing:
            say(_plan_text(plan, options).rstrip("\n"))
        if not run_to_end(
            plan, options, runner, locks, [missing], lambda: _finish(plan, options), "annotating"
        ):
            return False
    end_work(options.output, wanted.files)
    return True


def make_plan(options: RunOptions, *, shuffle: Shuffle) -> AnnotatePlan:
    """Loads the annotator and looks at the files.

    Raises:
      UsageError: if something is missing, unknown, out of range or does not fit together.
    """
    try:
        annotator = annotator_of(options, KINDS)
        loaded = load_annotator(annotator)
        files, text_bytes = find_text(options)
        _check_anchors(options, files)
        shards = plan_shards(text_bytes, options.shards, 0.0)
    except ValueError as error:
        raise UsageError(str(error)) from error
    software = software_versions(*loaded.identity["software"])
    builder = AnnotationBuilder(
        annotator=annotator,
        plan=AnnotationShards(train=shards.train, eval=0, eval_below=0),
        output=options.output,
        software=software,
        anchors=options.anchors is not None,
    )
    identity = {
        "data_version": DATA_VERSION,
        "annotator": loaded.identity,
        "anchors": options.anchors,
        "max_document_mib": options.max_document_mib,
        "shards": shards.train,
        "text_field": options.text_field,
        **separator_identity(options),
        "inputs": public_inputs([dict(vars(file)) for file in files]),
        "software": software,
    }
    found_by = f"{'anchors of the records; ' if options.anchors else ''}{loaded.describe()}"
    return AnnotatePlan(
        files=files,
        ranges=ranges_of(files, text_bytes, options),
        text_bytes=text_bytes,
        output=options.output,
        shards=builder.plan,
        builders=[builder],
        build=annotate_shard,
        identities=[identity],
        identity=identity,
        wave_shards=wave_shards(options, builder.plan, text_bytes, shuffle),
        labels=False,
        named=options.named_files,
        announcement="\n".join(filter(None, [found_by, idle_workers(options, builder.plan)])),
    )


def _check_anchors(options: RunOptions, files: Sequence[InputFile]) -> None:
    """Refuses anchors in files that cannot have any."""
    for file in files:
        if options.anchors is not None and file.format != "jsonl":
            raise UsageError(
                f"--anchors is for JSON lines, and {file.path} is read as {file.format}; leave it "
                "out, or name files that are (--format jsonl)"
            )


def _plan_text(plan: AnnotatePlan, options: RunOptions) -> str:
    """Returns what will be done, and how long it takes."""
    [builder] = plan.builders
    lines = [
        plan.announcement,
        input_line(plan.files, plan.text_bytes),
        f"shards   {plan.shards.train} in {plan.output}",
        estimate(builder.annotator, plan.ranges, options, plan.text_bytes),
    ]
    return "\n".join(lines) + "\n"


def _read_entries(plan: AnnotatePlan, *, hashed: bool) -> list[AnnotationEntry | None]:
    return read_entries_as(AnnotationEntry, plan.output, plan.shards.shards, hashed=hashed)


def _finish(plan: AnnotatePlan, options: RunOptions) -> None:
    """Checks the counts and writes the manifest.

    Raises:
      NothingMadeError: if there was no document at all.
      RunError: if a shard is missing, or more records were rejected than allowed.
    """
    output = options.output
    found = _read_entries(plan, hashed=False)
    entries = [entry for entry in found if entry is not None]
    if len(entries) < len(found):
        missing = plan.shards.shards[found.index(None)]
        raise RunError(f"{missing.name} is missing; run the same command again")
    documents = count_documents(plan, options, sum(entry.duplicates for entry in entries))
    entities = _entities(output, entries)
    notes = [
        *read_notes(output, REJECTED),
        write_saved(plan, options, "annotate"),
        write_noted(output, ENTITIES, entities_text(entities).encode(), plan.builders[0].owner),
    ]
    manifest: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        **plan.identity,
        "software": software_of(plan.identity["software"]),
        "documents": documents,
        "spans": add_up(entry.spans for entry in entries),
        "entities": {"count": len(entities), "sha256": entities_sha256(entities)},
        "annotations": [entry.to_json() for entry in entries],
        "files": files_of(notes),
    }
    whole = sealed(manifest, AnnotationsManifest)
    refuse_contradictions(output, whole)
    write_atomically(join(output, MANIFEST), manifest_text(whole).encode())


def _entities(output: str, entries: Sequence[AnnotationEntry]) -> list[str]:
    """Returns the ids that the entities of all shards have, in order."""
    ids: set[str] = set()
    for entry in entries:
        ids.update(known_ids(open_annotations(output, entry.path).column("entities")))
    return sorted(ids - {""})


def _show_summary(output: str, seconds: float) -> None:
    """Prints what finished annotations hold."""
    manifest = read_annotations_manifest(output)
    spans = ", ".join(f"{count:,} {kind}" for kind, count in manifest.spans.items())
    lines = [documents_line(manifest.documents), spans, f"{output}: done in {seconds:.1f} s"]
    sys.stdout.write("\n".join(lines) + "\n")
