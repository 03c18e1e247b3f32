"""What decides the bytes of a build: the part of its manifest that its folder is known by."""

import dataclasses
import hashlib
import importlib.metadata
from collections.abc import Sequence
from typing import Any

from pipelines.planning.annotators import AnnotationSource
from pipelines.planning.filters import Filtering
from pipelines.planning.options import BuildOptions, TextOptions
from pipelines.planning.records import Records
from pipelines.planning.sources import Sources
from schemas.addresses import without_secrets
from schemas.columns import ENTITY_IDS
from schemas.entities import entities_sha256
from schemas.errors import UsageError
from schemas.manifest import DATA_VERSION, FILTERS
from schemas.software import software_versions
from transforms.build.build_examples import BuildSettings
from transforms.build.build_shards import ShardBuilder
from transforms.files.inputs import InputFile
from transforms.objectives.mixture import Mixture
from transforms.objectives.settings import settings_of

Identity = dict[str, Any]
_OWN = ("recipe", "counts", "segmenter", "annotator", "entities")
"""What the members of a mixture do not share."""


def identity_of(
    builder: ShardBuilder,
    options: BuildOptions,
    files: Sequence[InputFile],
    source: AnnotationSource | None,
    records: Records | None = None,
    sources: Sources | None = None,
    filtering: Filtering | None = None,
) -> Identity:
    """Returns all that decides the bytes of the shards of one recipe."""
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
        "counts": counts.sha256 if (counts := settings.vocabulary.counts) else None,
        "sentences": settings.sentences,
        "segmenter": _segmenter(settings) if settings.recipe.segments_words else None,
        "annotator": source.identity_for(settings.recipe) if source else None,
        "entities": _entities(source) if source and ENTITY_IDS in settings.recipe.needs else None,
        "deduplicate": builder.deduplicate,
        "max_document_mib": options.max_document_mib,
        "shards": dataclasses.asdict(builder.plan),
        "text_field": options.text_field,
        "inputs": _inputs(files, sources),
        "software": software_versions(),
        **separator_identity(options),
        **({} if records is None else {"records": records.identity()}),
        **({} if sources is None else {"sources": sources.weights}),
        **({} if filtering is None else {FILTERS: filtering.identity()}),
    }


def _inputs(files: Sequence[InputFile], sources: Sources | None) -> list[dict[str, Any]]:
    # `dataclasses.asdict` copies every value, which takes long for many files.
    inputs = [dict(vars(file)) for file in files]
    return public_inputs(inputs if sources is None else sources.records(inputs))


def public_inputs(inputs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns what is stored of input files: their addresses have no passwords.

    Raises:
      UsageError: if two of them are then the same.
    """
    public = [{**each, "path": without_secrets(each["path"])} for each in inputs]
    if len({each["path"] for each in public}) < len({each["path"] for each in inputs}):
        raise UsageError(
            "two input files differ in passwords or keys of their addresses alone, which are not "
            "stored; download one of them, and read the file"
        )
    return public


def separator_identity(options: TextOptions) -> Identity:
    """Returns what separates the documents of text, if that is not blank lines."""
    separator = options.document_separator
    return {"document_separator": separator} if separator else {}


def _entities(source: AnnotationSource) -> dict[str, Any]:
    return {"count": len(source.entities), "sha256": entities_sha256(source.entities)}


def _segmenter(settings: BuildSettings) -> dict[str, str]:
    name, words = settings.segmenter.resolved, settings.segmenter.user_dict
    chosen = {"name": name, "version": importlib.metadata.version(name)}
    return {**chosen, "user_dict": hashlib.sha256(words.encode()).hexdigest() if words else ""}


def mixture_identity(mixture: Mixture, identities: Sequence[Identity]) -> Identity:
    """Returns the identity of a mixture whose members have these."""
    members = {
        member.recipe.name: {"weight": member.weight, **{name: own[name] for name in _OWN}}
        for member, own in zip(mixture.members, identities, strict=True)
    }
    shared = {name: value for name, value in identities[0].items() if name not in _OWN}
    return {
        "data_version": shared["data_version"],
        "mixture": {"name": mixture.name, "order": list(mixture.names)},
        "members": members,
        **shared,
    }
