"""Builds of text whose entities have ids, from a list and from stored annotations."""

import json
from pathlib import Path

import pytest

from pipelines.cli import main as shardmill
from tests.corpus_fixtures import corpus, entities_file, manifest_of, shard_paths, stored_rows

Captured = pytest.CaptureFixture[str]


def build(sample: Path, tokenizer: Path, output: Path, *options: str) -> int:
    arguments = ["--input", f"{sample}/*.txt", "--tokenizer", str(tokenizer), "--shards", "2"]
    arguments += ["--eval-fraction", "0"]
    return shardmill(["build", "ernie-thu", *arguments, "--output", str(output), *options])


def ids_of(folder: Path) -> list[str]:
    return (folder / "entities.txt").read_text("utf-8").splitlines()


def test_every_entity_stands_beside_the_shards(tmp_path: Path, capsys: Captured) -> None:
    data = corpus("ernie-thu")
    listed = {line.split("\t")[1] for line in entities_file().read_text("utf-8").splitlines()}
    assert ids_of(data) == sorted(listed)
    assert manifest_of(data)["entities"]["count"] == len(listed)
    assert sum(s["left_out"] for s in manifest_of(data)["splits"]["train"]["shards"]) > 0
    assert shardmill(["verify", str(data)]) == 0
    capsys.readouterr()
    assert shardmill(["inspect", str(data), "--row", "0", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    row = stored_rows(shard_paths(data)[0])[0]
    named = [ids_of(data)[number] for number in row["entity_ids"]]
    assert shown["entities"] == [
        list(each) for each in zip(row["entity_positions"], named, strict=True)
    ]
    assert shardmill(["inspect", str(data), "--row", "0"]) == 0
    assert f"={named[0]}" in capsys.readouterr().out


def test_stored_annotations_give_the_same_entities(
    sample: Path, tokenizer: Path, tmp_path: Path, capsys: Captured
) -> None:
    notes, one, other = (tmp_path / name for name in ("notes", "one", "other"))
    options = ("--entities", str(entities_file()))
    text = ["--input", f"{sample}/*.txt", "--output", str(notes), "--shards", "3"]
    assert shardmill(["annotate", *text, *options]) == 0
    assert build(sample, tokenizer, one, *options) == 0
    assert build(sample, tokenizer, other, "--annotations", str(notes)) == 0
    # Those that the text does not have are numbered in the first build alone.
    assert set(ids_of(other)) < set(ids_of(one))
    assert ids_of(other) == ids_of(notes)
    found = []
    for folder in (one, other):
        ids = ids_of(folder)
        rows = [row for path in shard_paths(folder) for row in stored_rows(path)]
        found.append([{**row, "entity_ids": [ids[n] for n in row["entity_ids"]]} for row in rows])
    assert found[0] == found[1]
    # Its file of entities decides the numbers, so it is a part of the build.
    (notes / "entities.txt").write_text("Q1\n", "utf-8")
    assert build(sample, tokenizer, tmp_path / "new", "--annotations", str(notes)) == 2
    assert "entities.txt was changed; make the annotations again" in capsys.readouterr().err
    assert build(sample, tokenizer, other, "--annotations", str(notes), "--overwrite") == 2


def test_a_changed_list_of_entities_is_found(
    sample: Path, tokenizer: Path, tmp_path: Path, capsys: Captured
) -> None:
    data, few = tmp_path / "data", tmp_path / "few.tsv"
    few.write_text(
        "".join(entities_file().read_text("utf-8").splitlines(keepends=True)[:600]), "utf-8"
    )
    options = ("--entities", str(few), "--set", "labels.0.min_entities=1")
    assert build(sample, tokenizer, data, *options) == 0
    rows = [row for path in shard_paths(data) for row in stored_rows(path)]
    assert min(len(row["entity_ids"]) for row in rows) < 5
    assert build(sample, tokenizer, data, "--entities", str(entities_file()), *options[2:]) == 2
    assert "entities.sha256: there" in capsys.readouterr().err
    (data / "entities.txt").write_text("Q1\n", "utf-8")
    assert shardmill(["verify", str(data)]) == 1
    assert "entities.txt was changed: its sha256 is not the manifest's" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, ""])
def test_entities_without_ids_are_not_enough(
    content: str | None, sample: Path, tokenizer: Path, tmp_path: Path, capsys: Captured
) -> None:
    options: tuple[str, ...] = ()
    if content is not None:
        (tmp_path / "list.tsv").write_text(content, "utf-8")
        options = ("--entities", str(tmp_path / "list.tsv"))
    assert build(sample, tokenizer, tmp_path / "data", *options) == 2
    assert "ernie-thu needs entities with ids, and there are none: give --entities FILE" in (
        capsys.readouterr().err
    )
