"""Contradictions between what a manifest says of its sources and the rest of it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from schemas.manifest import Manifest, MixtureManifest
from schemas.manifest_checks import contradictions
from schemas.manifest_file import sealed
from schemas.source_checks import source_contradictions
from tests.support.manifests import SHA256, build_manifest, mixture_manifest

INPUT = {"path": "f", "size": 1, "format": "text", "compressed": False, "source": "web"}
SHARD = {
    "path": "train/shard-00000-of-00001.arrow",
    "rows": 1,
    "tokens": 1,
    "bytes": 1,
    "sha256": SHA256,
    "max_length": 1,
    "documents": 5,
    "duplicates": 1,
    "encoder": "library",
    "statistics": {"source.0.rows": 1},
    "sources": {
        "web": {
            "documents": 5,
            "repeated": 2,
            "bytes": 50,
            "duplicates": 1,
            "wanted": 3,
            "wanted_again": 2,
            "unwanted": 1,
        }
    },
}
OF_WEB = {
    "weight": 1.5,
    "files": 1,
    "read": 6,
    "bytes": 60,
    "empty": 1,
    "split": 0,
    "rejected": {"invalid_utf8": 2},
    "sampled_out": 2,
    "duplicates": 1,
    "repeated": 2,
    "documents": 5,
    "kept_bytes": 50,
    "wanted": 3,
    "wanted_again": 2,
    "unwanted": 1,
}
DOCUMENTS = {
    "read": 6,
    "bytes": 60,
    "empty": 1,
    "split": 0,
    "duplicates": 1,
    "rejected": {"invalid_utf8": 2},
    "sources": {"web": OF_WEB},
}


def problems(change: Callable[[dict[str, Any]], Any] = lambda _: None) -> list[str]:
    value = copy.deepcopy(
        build_manifest(
            sources={"web": 1.5},
            inputs=[INPUT],
            documents=DOCUMENTS,
            splits={"train": {"rows": 1, "tokens": 1, "shards": [SHARD]}},
            statistics={"train": {"source.0.rows": 1}},
        )
    )
    change(value)
    manifest = sealed(value, Manifest)
    return list(source_contradictions(manifest, manifest.shard_entries))


def of_web(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["documents"]["sources"]["web"]
    return found


def of_shard(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["splits"]["train"]["shards"][0]["sources"]
    return found


def test_a_manifest_that_agrees() -> None:
    assert problems() == []


def test_a_manifest_without_sources_says_nothing_of_them() -> None:
    plain = sealed(build_manifest(), Manifest)
    assert list(source_contradictions(plain, [])) == []
    assert "sources" not in plain.to_json()
    assert "sources" not in plain.to_json()["documents"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m: m["sources"].update(other=1.0), "the documents are of the sources"),
        (lambda m: of_shard(m).clear(), "a shard has other sources than the build"),
        (lambda m: m["inputs"][0].update(source="x"), "an input is of no source"),
        (lambda m: m["inputs"].append({**INPUT, "path": "g"}), "has 2 inputs, and 1 are stated"),
        (lambda m: m["documents"].update(read=7), "the sources have 6 read, the total is 7"),
        (lambda m: m["documents"].update(rejected={}), "the rejected records of the sources"),
        (lambda m: of_web(m).update(weight=2.0), "the source web has two weights"),
        (lambda m: of_web(m).update(sampled_out=1), "has 5 documents, and 6 by its counts"),
        (lambda m: of_web(m).update(kept_bytes=51), "are not the sums of the shards'"),
        (lambda m: of_shard(m)["web"].update(repeated=1), "are not the sums of the shards'"),
        (lambda m: of_shard(m)["web"].update(unwanted=2), "are not the sums of the shards'"),
        (lambda m: m["statistics"]["train"].update({"source.7.rows": 1}), "of the source 7"),
    ],
)
def test_contradictions(change: Callable[[dict[str, Any]], Any], sentence: str) -> None:
    [problem] = problems(change)
    assert sentence in problem


@pytest.mark.parametrize(
    ("name", "count", "sentence"),
    [
        ("wanted", 5, "5 different of 4 documents of the source web are wanted"),
        ("wanted", 0, "0 different of 4 documents of the source web are wanted"),
        ("unwanted", 0, "0 different of 2 documents of the source web are left out"),
        ("unwanted", 3, "3 different of 2 documents of the source web are left out"),
    ],
)
def test_as_many_different_documents_as_there_can_be(name: str, count: int, sentence: str) -> None:
    def change(manifest: dict[str, Any]) -> None:
        of_web(manifest)[name] = of_shard(manifest)["web"][name] = count

    assert problems(change) == [sentence]


def test_sources_without_weights_contradict() -> None:
    [problem] = problems(lambda manifest: manifest.pop("sources"))
    assert problem == "the documents are of the sources ['web'], the weights of []"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m: m["sources"].update(other=1.0), "the documents are of the sources"),
        (lambda m: m["inputs"][0].update(source="x"), "an input is of no source"),
        (lambda m: m["documents"].update(read=7), "the sources have 6 read, the total is 7"),
        (lambda m: of_web(m).update(sampled_out=1), "has 5 documents, and 6 by its counts"),
    ],
)
def test_contradictions_of_a_mixture(
    change: Callable[[dict[str, Any]], Any], sentence: str
) -> None:
    own = {"sources": {"web": 1.5}, "inputs": [INPUT], "documents": DOCUMENTS}
    value = copy.deepcopy(mixture_manifest("bert", **own))
    as_it_is = {*contradictions(sealed(copy.deepcopy(value), MixtureManifest))}
    change(value)
    [problem] = {*contradictions(sealed(value, MixtureManifest))} - as_it_is
    assert sentence in problem
