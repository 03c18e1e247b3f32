"""What manifests say, and that it is what the programs know."""

import dataclasses
import json
from typing import Any

import pytest

from schemas.manifest import FORMAT_VERSION, AnnotationsManifest, Manifest, MixtureManifest
from schemas.manifest_checks import contradictions
from schemas.manifest_documents import InputRecord
from schemas.manifest_file import ManifestError, parse_manifest, seal, sealed
from schemas.manifest_parts import ShardCounts
from tests.support.manifests import SHA256, annotations_manifest, build_manifest, mixture_manifest
from transforms.build.corpus import checked_members
from transforms.files.inputs import InputFile
from transforms.records.shard_text import ShardPlan


def names_of(kind: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


@pytest.mark.parametrize(("record", "kind"), [(InputRecord, InputFile), (ShardCounts, ShardPlan)])
def test_what_is_planned_has_a_place_in_the_manifest(record: Any, kind: Any) -> None:
    # A source is said of a file only where there are sources.
    assert [name for name in names_of(record) if name != "source"] == names_of(kind)


def test_each_element_of_a_long_list_is_a_line_of_the_manifest() -> None:
    value: dict[str, Any] = {"short": [1, {"é": "a\nb"}], "none": [], "long": [{"x": 1}] * 65}
    lines = seal(value).split("\n")
    assert lines[:8] == [
        "{",
        '  "short": [',
        "    1,",
        "    {",
        '      "é": "a\\nb"',
        "    }",
        "  ],",
        '  "none": [],',
    ]
    assert lines[8:74] == ['  "long": [', *['    {"x": 1},'] * 64, '    {"x": 1}']
    assert {**value, "checksum": json.loads(seal(value))["checksum"]} == json.loads(seal(value))


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (build_manifest(), Manifest),
        (mixture_manifest("bert", "albert"), MixtureManifest),
        (annotations_manifest(), AnnotationsManifest),
    ],
)
def test_a_manifest_is_read_as_its_kind(made: dict[str, Any], kind: type[Any]) -> None:
    found = parse_manifest(seal(made))
    assert type(found) is kind
    assert sealed(made, kind) == parse_manifest(seal(found.to_json()))


@pytest.mark.parametrize("member", ["..", ".", "a/b", "", "/bert", "bert\\x"])
def test_a_member_that_is_no_name_is_refused(member: str) -> None:
    with pytest.raises(ManifestError, match=r"manifest\.json is damaged: mixture\.order\[0\] must"):
        parse_manifest(seal(mixture_manifest(member)))


def test_a_member_must_be_a_recipe() -> None:
    manifest = parse_manifest(seal(mixture_manifest("bert", "nobody")))
    with pytest.raises(ValueError, match="it has a member 'nobody', no known recipe"):
        checked_members(manifest)


@pytest.mark.parametrize(
    ("version", "advice"),
    [(1, "rebuild it, into another folder"), (FORMAT_VERSION + 1, "with a newer Shardmill")],
)
def test_a_folder_of_another_format(version: int, advice: str) -> None:
    with pytest.raises(ManifestError, match=f"has format version {version}.*{advice}"):
        parse_manifest(seal(build_manifest(format_version=version)))


def entry(number: int, count: int, **changes: Any) -> dict[str, Any]:
    return {
        "path": f"train/shard-{number:05d}-of-{count:05d}.arrow",
        **{"rows": 2, "tokens": 9, "bytes": 1, "sha256": SHA256, "max_length": 5},
        **{"documents": 3, "duplicates": 1, "encoder": "library", "statistics": {"x": 1}},
        **changes,
    }


def two_shards(*shards: dict[str, Any], **changes: Any) -> dict[str, Any]:
    whole = {"bytes": 1, "sha256": SHA256}
    documents = {"read": 8, "bytes": 1, "empty": 0, "split": 0, "duplicates": 2, "rejected": {}}
    return build_manifest(
        **{
            "shards": {"train": 2, "eval": 0, "eval_below": 0},
            "documents": documents,
            "splits": {"train": {"rows": 4, "tokens": 18, "shards": list(shards)}},
            "statistics": {"train": {"x": 2}},
            "files": dict.fromkeys(["README.md", "report.html", "tokenizer.json"], whole),
            **changes,
        }
    )


def told(manifest: dict[str, Any]) -> list[str]:
    return list(contradictions(parse_manifest(seal(manifest))))


def test_a_manifest_that_agrees_with_itself() -> None:
    assert told(two_shards(entry(0, 2), entry(1, 2))) == []


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        (two_shards(entry(0, 2)), "train: 1 shard listed, 2 planned"),
        (
            two_shards(entry(0, 2), entry(0, 2)),
            "train: train/shard-00000-of-00002.arrow is listed in the place of "
            "train/shard-00001-of-00002.arrow",
        ),
        (
            two_shards(entry(0, 2), entry(1, 2), shards={"train": 2, "eval": 1, "eval_below": 9}),
            "the split eval of 1 shard is missing",
        ),
        (
            two_shards(entry(0, 2), entry(1, 2, documents=2)),
            "the shards have 5 documents and dropped 2 duplicates, but 8 were read",
        ),
        (
            two_shards(entry(0, 2), entry(1, 2, duplicates=0)),
            "the shards dropped 1 duplicate, the total is 2",
        ),
        (
            two_shards(entry(0, 2), entry(1, 2, rows=1)),
            "train: the shards have 3 rows, the total is 4",
        ),
        (
            two_shards(entry(0, 2), entry(1, 2), statistics={}),
            "train: the statistics are not the sum of the shards'",
        ),
        (two_shards(entry(0, 2), entry(1, 2), files={}), "README.md is not among the files"),
    ],
)
def test_what_does_not_agree(manifest: dict[str, Any], sentence: str) -> None:
    assert sentence in told(manifest)
