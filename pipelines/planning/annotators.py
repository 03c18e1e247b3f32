"""Decides where a run's entities and phrases come from, and how long finding them takes."""

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.folder.output import read_annotations_manifest
from pipelines.planning.files import read_file
from pipelines.planning.options import BuildOptions, RunOptions
from pipelines.running.progress import duration
from schemas.annotations import KINDS
from schemas.columns import ENTITY_IDS
from schemas.documents import document_batch
from schemas.errors import UsageError, about
from schemas.manifest_parts import json_of
from schemas.wording import counted
from transforms.annotate.annotator import Annotator, load_annotator
from transforms.annotate.gazetteer import Gazetteer
from transforms.annotate.stored_annotations import StoredAnnotations
from transforms.build.annotate_shards import SPLIT
from transforms.build.build_examples import Annotations
from transforms.build.corpus import check_agreement
from transforms.build.write_shard import is_intact
from transforms.files.inputs import FileRange, InputFile
from transforms.files.paths import list_folder
from transforms.files.planned_file import ReadError
from transforms.files.storage import join, open_file
from transforms.objectives.recipe import Recipe
from transforms.read.formats import read_range
from transforms.records.shard_text import join_documents

_SAMPLE_RANGES = 8
_SAMPLE_BYTES = 1 << 15


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnnotationSource:
    """Where entities and phrases come from.

    Attributes:
      annotations: Gives them for a shard.
      identity: All that decides what they are.
      software: Libraries whose versions decide it as well.
      announcement: What the user should know of them, in one line.
      entities: Ids of all entities that tokens can be aligned with, by number; none if no recipe
        asks for them.
      files: Read during the run.
    """

    annotations: Annotations
    identity: Mapping[str, Any]
    software: Sequence[str]
    announcement: str
    entities: tuple[str, ...] = ()
    files: tuple[InputFile, ...] = ()

    def identity_for(self, recipe: Recipe) -> dict[str, Any] | None:
        """Returns all that decides the annotations that a recipe needs, None if it needs none."""
        sources = {kind: self.identity["sources"][kind] for kind in _kinds([recipe])}
        return {**self.identity, "sources": sources} if sources else None


def _kinds(recipes: Sequence[Recipe]) -> list[str]:
    """Returns what has to be annotated for recipes."""
    needs = frozenset[str]().union(*(recipe.needs for recipe in recipes))
    return [kind for kind in (*KINDS, ENTITY_IDS) if kind in needs]


def annotator_of(options: RunOptions, kinds: Sequence[str]) -> Annotator:
    """Returns the annotator that the options describe.

    Raises:
      UsageError: if a file cannot be read, or an option has nothing to work on.
    """
    if options.ignore_case and not (options.gazetteer or options.entities):
        raise UsageError("--ignore-case is for names of --gazetteer or --entities; leave it out")
    patterns = read_file(options.gazetteer, "--gazetteer") if options.gazetteer else ""
    surfaces = read_file(options.entities, "--entities") if options.entities else ""
    for name, path, found in (
        ("--gazetteer", options.gazetteer, patterns),
        ("--entities", options.entities, surfaces),
    ):
        if path and not found.strip():
            raise UsageError(f"{name} {path}: there is no entity in it")
    return Annotator(
        kinds=tuple(kinds),
        spacy_model=options.spacy_model,
        gazetteer=Gazetteer(patterns=patterns, surfaces=surfaces, ignore_case=options.ignore_case),
        phrases=options.phrases,
    )


def choose_source(options: BuildOptions, recipes: Sequence[Recipe]) -> AnnotationSource | None:
    """Returns where a build's entities and phrases come from, None if its recipes have none.

    Raises:
      ValueError: if the options do not fit together or to the recipes, or the annotations cannot be
        had.
    """
    given = options.annotator_options
    kinds, names = _kinds(recipes), " or ".join(recipe.name for recipe in recipes)
    if not kinds:
        if unused := [*given, *(["--annotations"] if options.annotations else [])]:
            raise UsageError(
                f"{names}: nothing there needs entities or phrases; leave out {', '.join(unused)}"
            )
        return None
    if options.annotations:
        if given:
            raise UsageError(
                f"--annotations {options.annotations} is finished: leave out {', '.join(given)}"
            )
        with about("--annotations"):
            return _stored(options.annotations, kinds, names)
    annotator = annotator_of(options, kinds)
    loaded = load_annotator(annotator)
    return AnnotationSource(
        annotations=annotator,
        identity=loaded.identity,
        software=list(loaded.identity["software"]),
        announcement=loaded.describe(),
        entities=_entities(annotator, kinds, names),
    )


def _entities(annotations: Annotations, kinds: Sequence[str], names: str) -> tuple[str, ...]:
    """Returns the ids of entities, if recipes ask for them."""
    if ENTITY_IDS not in kinds:
        return ()
    if found := annotations.entities():
        return found
    raise UsageError(
        f"{names} needs entities with ids, and there are none: give --entities FILE (a surface "
        "form, a tab, an id a line), a --gazetteer with ids, or --annotations made with one"
    )


def _stored(folder: str, kinds: Sequence[str], names: str) -> AnnotationSource:
    """Opens a folder of annotations."""
    manifest = read_annotations_manifest(folder)
    identity = json_of(manifest.annotator)
    own = identity["sources"]
    identity["sources"] = {**own, ENTITY_IDS: own.get("entities")} if "entities" in own else own
    lacking = [kind for kind in kinds if kind not in identity["sources"]]
    if lacking:
        raise UsageError(
            f"{folder} has no {' and no '.join(lacking)}, which {names} needs; it was made "
            f"for {', '.join(own)}"
        )
    check_agreement(manifest)
    entries = manifest.annotations
    files = {
        file.path.rpartition("/")[2]: InputFile(
            path=file.path,
            size=file.size,
            modified=file.modified,
            format="arrow",
            compressed=False,
        )
        for file in list_folder(join(folder, SPLIT))
    }
    for entry in entries:
        found = files.get(entry.path.rpartition("/")[2])
        path = join(folder, *entry.path.split("/"))
        state = ""
        if found is None:
            state = "is missing"
        elif found.size != entry.bytes:
            state = f"has {found.size} bytes, not {entry.bytes}"
        elif not is_intact(path, entry):
            state = "was changed: its sha256 is not the manifest's"
        if state:
            raise UsageError(
                f"{path} {state}; make the annotations again: shardmill annotate --overwrite"
            )
    identity["sources"] = {kind: identity["sources"][kind] for kind in kinds}
    paths = tuple(entry.path for entry in entries)
    stored = StoredAnnotations(folder=folder, paths=paths, entities_sha256=manifest.entities.sha256)
    return AnnotationSource(
        annotations=stored,
        identity=identity,
        software=(),
        announcement="",
        entities=_entities(stored, kinds, names),
        files=tuple(files[path.rpartition("/")[2]] for path in paths),
    )


def estimate(
    annotator: Annotator, ranges: Sequence[FileRange], options: RunOptions, text_bytes: int
) -> str:
    """Measures the annotator on a little of the text; says how long all of it takes.

    Raises:
      UsageError: if the text cannot be read.
    """
    step = max(len(ranges) // _SAMPLE_RANGES, 1)
    try:
        texts = [text for part in ranges[::step] for text in _first_texts(part, options)]
    except (ReadError, OSError) as error:
        raise UsageError(str(error)) from error
    if not texts:
        return "time     unknown: no document where the files begin"
    sample = join_documents([document_batch(texts)], deduplicate=True)
    loaded = load_annotator(annotator)
    # What is loaded at the first call is no part of the speed.
    loaded.annotate(sample.data[:0])
    began = time.perf_counter()
    loaded.annotate(sample.data)
    speed = len(sample.data) / max(time.perf_counter() - began, 1e-6)
    seconds = text_bytes / speed / options.workers
    return (
        f"time     about {duration(seconds)} for {text_bytes / 1e6:,.1f} MB with "
        f"{counted(options.workers, 'worker')}, at {speed / 1e3:,.0f} KB/s each (measured on "
        f"{len(sample.data) / 1e3:,.0f} KB)"
    )


def _first_texts(part: FileRange, options: RunOptions) -> Iterator[bytes]:
    """Yields documents where a range begins, or the beginning of the first."""
    left = _SAMPLE_BYTES
    with open_file(part.path) as file:
        batches = read_range(file, part, options.text_field, options.max_document_mib << 20)
        for text in next(iter(batches)).texts:
            if len(text) > left:
                text = text[:left].decode("utf-8", "ignore").rstrip().encode()
            left -= len(text)
            yield text
            if left <= 0:
                return
