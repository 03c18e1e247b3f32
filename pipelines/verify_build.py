"""Checks finished builds, annotations, exports and mixtures against what they say of themselves."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pipelines.folder.corpus import described_corpus
from pipelines.folder.output import read_any_manifest
from pipelines.folder.verify_files import (
    dropped_problems,
    export_problems,
    file_problems,
    form_problems,
    rejected_problems,
    strangers,
)
from pipelines.report.mixture_folder import member_problem
from pipelines.report.verdict import CHECKS, Verdict
from pipelines.running.progress import track_shards
from pipelines.verify_pairs import pair_problems
from schemas.checked_json import DamagedError
from schemas.co_occurrences import PAIRS
from schemas.entities import ENTITIES, entities_sha256
from schemas.errors import UsageError
from schemas.exported import EXPORT
from schemas.manifest import (
    DATA_VERSION,
    MANIFEST,
    AnnotationsManifest,
    AnyManifest,
    Manifest,
    add_up,
)
from schemas.manifest_checks import ANNOTATIONS_SPLIT, contradictions
from transforms.build.build_examples import BuildSettings
from transforms.build.check_annotations import check_annotations
from transforms.build.check_shard import Problem, check_shard
from transforms.build.corpus import checked_members
from transforms.build.examine import judge, totals_of
from transforms.build.source_shares import source_oracles
from transforms.contract.oracle import Oracle
from transforms.files.storage import exists, join
from transforms.files.work_folder import read_bytes

_OF_ROWS = ("tokenizer", "replay", "oracles")
"""The checks of builds alone."""


def verify_all(
    folder: str, *, replay: bool, doing: str = "verifying"
) -> tuple[Verdict, dict[str, Verdict]]:
    """Checks a build, annotations, an export, or a mixture with all its members.

    Args:
      folder: The folder.
      replay: See `verify`.
      doing: What is shown on a terminal meanwhile.

    Returns:
      What was found out about the folder itself, and about each member of a mixture, by name.
    """
    if _is_export(folder):
        return Verdict(export_problems(folder), dict.fromkeys(_OF_ROWS, "it is an export")), {}
    try:
        content, manifest = read_sealed_manifest(folder)
        names = checked_members(manifest)
    except DamagedError as error:
        return _unreadable(error), {}
    own = [*form_problems(content, MANIFEST), *rejected_problems(folder, manifest)]
    own += dropped_problems(folder, manifest)
    if isinstance(manifest, AnnotationsManifest):
        return _verify_annotations(folder, manifest, own), {}
    if isinstance(manifest, Manifest):
        return verify(folder, manifest, replay=replay, more=own, doing=doing), {}
    problems = [*own, *_agreement(manifest), *file_problems(folder, manifest.files)]
    members = {}
    for name in names:
        try:
            content, member = read_sealed_manifest(join(folder, name))
        except (DamagedError, UsageError) as error:
            members[name] = _unreadable(error)
            continue
        if not isinstance(member, Manifest):
            members[name] = _unreadable(DamagedError("it is no build of one recipe"))
            continue
        form = list(form_problems(content, MANIFEST))
        members[name] = verify(join(folder, name), member, replay=replay, more=form, doing=doing)
        if problem := member_problem(manifest, manifest.members[name], member):
            problems.append(Problem("manifest", f"{name}: {problem}"))
    return Verdict(problems, notes=manifest.notes), members


def _is_export(folder: str) -> bool:
    return exists(join(folder, EXPORT)) and not exists(join(folder, MANIFEST))


def read_sealed_manifest(folder: str) -> tuple[bytes, AnyManifest]:
    """Returns the content of a manifest as it is stored, and what it says.

    Raises:
      UsageError: if there is none.
      DamagedError: if it is damaged.
    """
    manifest = read_any_manifest(folder)
    return read_bytes(join(folder, MANIFEST)), manifest


def _unreadable(error: Exception) -> Verdict:
    """Returns what there is to say of a folder whose manifest cannot be read."""
    skipped = {name: "there is no valid manifest" for name in CHECKS if name != "manifest"}
    return Verdict([Problem("manifest", str(error))], skipped)


def verify(
    folder: str,
    manifest: Manifest,
    *,
    replay: bool = True,
    more: Sequence[Problem] = (),
    doing: str = "verifying",
) -> Verdict:
    """Checks a build folder against its manifest.

    Args:
      folder: The folder.
      manifest: Its manifest, with a checksum that is right.
      replay: Draw the masks again, which is as much work as drawing them was.
      more: What is known to be wrong.
      doing: What is shown on a terminal meanwhile.
    """
    every = [(split, entry) for split, shards in manifest.entries.items() for entry in shards]
    problems = [
        *more,
        *_agreement(manifest),
        *strangers(folder, ("train", "eval", PAIRS), known_paths(manifest)),
    ]
    try:
        settings = _settings(folder, manifest)
    except ValueError as error:
        problems.append(Problem("tokenizer", str(error)))
        problems += _without(file_problems(folder, manifest.files), str(error))
        skipped = {"schema": "recipe or tokenizer cannot be read"}
        return Verdict(problems, skipped, notes=manifest.notes)
    problems += file_problems(folder, manifest.files)
    reason = _replay_reason(manifest, replay)
    splits: dict[str, list[Mapping[str, int]]] = {split: [] for split in manifest.entries}
    planned = {path for paths in manifest.shards.names().values() for path in paths}
    known = [(split, entry) for split, entry in every if entry.path in planned]
    for split, entry in track_shards(known, doing):
        report = check_shard(folder, entry, settings, replayed=not reason)
        problems.extend(report.problems)
        if report.readable:
            splits[split].append(totals_of(report.counts, entry))
    problems += pair_problems(folder, manifest, settings, recounted=not reason, doing=doing)
    counts = {split: add_up(each) for split, each in splits.items()}
    oracles = {
        split: [
            *judge(each, settings.recipe, settings.vocabulary),
            *source_oracles(manifest.sources, split, manifest.entries[split]),
        ]
        for split, each in counts.items()
    }
    for split, judged in oracles.items():
        problems.extend(failed(split, oracle) for oracle in judged if not oracle.holds)
    skipped = {"replay": reason} if reason else {}
    return Verdict(problems, skipped, oracles, manifest.notes, counts)


def _verify_annotations(
    folder: str, manifest: AnnotationsManifest, more: Sequence[Problem]
) -> Verdict:
    """Checks a folder of annotations against its manifest."""
    entries = manifest.annotations
    problems = [
        *more,
        *_agreement(manifest),
        *strangers(folder, [ANNOTATIONS_SPLIT], (entry.path for entry in entries)),
        *file_problems(folder, manifest.files),
    ]
    ids: set[str] = set()
    for number, entry in enumerate(entries):
        report = check_annotations(folder, entry, number, manifest.shards)
        problems += report.problems
        ids |= report.ids
    stored = (manifest.entities.count, manifest.entities.sha256)
    if not problems and (len(ids), entities_sha256(list(ids))) != stored:
        sentence = f"{ENTITIES} does not list the entities of the shards"
        problems.append(Problem("statistics", sentence))
    return Verdict(problems, dict.fromkeys(_OF_ROWS, "these are annotations"))


def _agreement(manifest: AnyManifest) -> list[Problem]:
    """Returns where a manifest does not agree with itself."""
    return [Problem("manifest", sentence) for sentence in contradictions(manifest)]


def _without(problems: Iterable[Problem], reported: str) -> list[Problem]:
    """Returns problems with files other than the ones already reported."""
    return [each for each in problems if each.sentence.split(" ")[0] not in reported]


def _settings(folder: str, manifest: Manifest) -> BuildSettings:
    """Returns what the shards were built with.

    Raises:
      DamagedError: if tokenizer or counts are missing or others, or the recipe is unknown.
    """
    corpus = described_corpus(folder, manifest)
    return BuildSettings(
        recipe=corpus.recipe,
        seed=manifest.seed,
        tokenizer_json=corpus.tokenizer_json,
        vocabulary=corpus.vocabulary,
    )


def known_paths(manifest: Manifest) -> list[str]:
    """Returns the paths of all shards, those of pairs included."""
    shards, pairs = manifest.shard_entries, manifest.pair_entries
    return [*(entry.path for entry in shards), *(entry.path for entry in pairs)]


def _replay_reason(manifest: Manifest, wanted: bool) -> str:
    """Says why masks are not drawn again; nothing if they are."""
    built, here = manifest.software.get("numpy", "of no version"), np.__version__
    if not wanted:
        return "disabled by --no-replay"
    if manifest.data_version != DATA_VERSION:
        return f"built as data version {manifest.data_version}, this is {DATA_VERSION}"
    if built.split(".")[:2] != here.split(".")[:2]:
        return f"built with NumPy {built}, whose random numbers may not be those of {here}"
    return ""


def failed(split: str, oracle: Oracle) -> Problem:
    """Returns the problem that an oracle which does not hold is."""
    allowed = {"both": "within", "below": "at most", "above": "at most"}[oracle.sides]
    return Problem(
        "oracles",
        f"{split}: {oracle.name}: found {oracle.observed:.6g}, expected {oracle.expected:.6g}, "
        f"{allowed} {oracle.tolerance:.3g} away ({oracle.trials:,} draws)",
    )
