"""Manifests of made-up folders, complete and without shards, as JSON values."""

from collections.abc import Mapping
from typing import Any

from schemas.manifest import DATA_VERSION, FORMAT_VERSION

SHA256 = "0" * 64
_DOCUMENTS = {"read": 0, "bytes": 0, "empty": 0, "split": 0, "duplicates": 0, "rejected": {}}
_SHARED: Mapping[str, Any] = {
    "format_version": FORMAT_VERSION,
    "data_version": DATA_VERSION,
    "max_document_mib": 8,
    "text_field": "text",
    "inputs": [],
    "software": {},
    "documents": _DOCUMENTS,
    "files": {},
}
_DEALT: Mapping[str, Any] = {
    "seed": 1,
    "tokenizer": {"sha256": SHA256, "vocab_size": 1, "special_tokens": {}},
    "sentences": "rules",
    "deduplicate": True,
    "shards": {"train": 1, "eval": 0, "eval_below": 0},
}
_OWN: Mapping[str, Any] = {"counts": None, "segmenter": None, "annotator": None, "entities": None}
_ANNOTATOR = {
    "sources": {},
    "model": None,
    "gazetteer": "",
    "surfaces": "",
    "ignore_case": False,
    "software": {},
}


def build_manifest(**changes: Any) -> dict[str, Any]:
    """Returns the manifest of a build of one recipe."""
    recipe = {"recipe": {"name": "bert", "settings": {}}}
    return {**_SHARED, **_DEALT, **_OWN, **recipe, "splits": {}, "statistics": {}, **changes}


def mixture_manifest(*members: str, **changes: Any) -> dict[str, Any]:
    """Returns the manifest of a mixture."""
    own = {"weight": 1.0, "splits": {}, "checksum": SHA256}
    by_name = {each: {**_OWN, **own, "recipe": {"name": each, "settings": {}}} for each in members}
    mixture = {"mixture": {"name": "mixture", "order": list(members)}, "members": by_name}
    return {**_SHARED, **_DEALT, **mixture, **changes}


def annotations_manifest(**changes: Any) -> dict[str, Any]:
    """Returns the manifest of annotations."""
    own = {
        "annotator": _ANNOTATOR,
        "anchors": None,
        "shards": 1,
        "spans": {},
        "entities": {"count": 0, "sha256": SHA256},
        "annotations": [],
    }
    return {**_SHARED, **own, **changes}
