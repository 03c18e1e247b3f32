"""Builds of text whose entities have ids, from a list and from stored annotations."""

import collections
import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from pipelines.cli import main as shardmill
from tests.support.sample_builds import corpus, entities_file, manifest_of, shard_paths, stored_rows
from tests.support.training_runs import records, tiny_config, train
from transforms.arrays.randomness import rng_for

Captured = pytest.CaptureFixture[str]


def build(sample: Path, tokenizer: Path, output: Path, *options: str) -> int:
    arguments = ["--input", f"{sample}/*.txt", "--tokenizer", str(tokenizer), "--shards", "1"]
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


def test_stored_annotations_have_the_entities_that_the_text_has(
    sample: Path, tokenizer: Path, tmp_path: Path, capsys: Captured
) -> None:
    notes, data = tmp_path / "notes", tmp_path / "data"
    text = ["--input", f"{sample}/*.txt", "--output", str(notes), "--shards", "3"]
    assert shardmill(["annotate", *text, "--entities", str(entities_file())]) == 0
    assert build(sample, tokenizer, data, "--annotations", str(notes)) == 0
    assert ids_of(data) == ids_of(notes) == sorted(ids_of(notes))
    assert set(ids_of(data)) < set(ids_of(corpus("ernie-thu")))
    # Its file of entities decides the numbers, so it is a part of the build.
    (notes / "entities.txt").write_text("Q1\n", "utf-8")
    assert build(sample, tokenizer, tmp_path / "new", "--annotations", str(notes)) == 2
    assert "entities.txt was changed; make the annotations again" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "ernie-thu needs entities with ids, and there are none: give --entities FILE"),
        ("", "list.tsv: there is no entity in it"),
    ],
)
def test_entities_without_ids_are_not_enough(
    content: str | None,
    told: str,
    sample: Path,
    tokenizer: Path,
    tmp_path: Path,
    capsys: Captured,
) -> None:
    options: tuple[str, ...] = ()
    if content is not None:
        (tmp_path / "list.tsv").write_text(content, "utf-8")
        options = ("--entities", str(tmp_path / "list.tsv"))
    assert build(sample, tokenizer, tmp_path / "data", *options) == 2
    assert told in capsys.readouterr().err


def test_embeddings_that_are_given_stay_as_they_are(tmp_path: Path, capsys: Captured) -> None:
    data, vectors = corpus("ernie-thu"), tmp_path / "entities.vec"
    numbers = {name: [number, -1, 0.5] for number, name in enumerate(ids_of(data))}
    lines = [f"{name} {' '.join(map(str, row))}\n" for name, row in numbers.items()]
    vectors.write_text("".join([f"{len(lines)} 3\n", *reversed(lines)]), "utf-8")
    config = tiny_config(tmp_path, max_position_embeddings=256)
    options = ("--batch-tokens", "1024", "--steps", "2", "--eval-every", "2")
    given = ("--entity-embeddings", str(vectors))
    assert train(data, config, tmp_path / "run", *options, *given) == 0
    heads = load_file(tmp_path / "run" / "latest" / "hf" / "heads.safetensors")
    assert heads["dea.entities.weight"].tolist() == list(numbers.values())
    last = records(tmp_path / "run")[-1]
    parts = ("loss_mlm", "loss_nsp", "loss_dea")
    assert last["loss"] == pytest.approx(sum(last[name] for name in parts))
    [evaluation] = records(tmp_path / "run", "eval")
    rows = [row for path in shard_paths(data, "eval") for row in stored_rows(path)]
    assert evaluation["count_dea"] == sum(len(row["entity_ids"]) for row in rows)
    vectors.write_text("".join([f"{len(lines)} 3\n", *lines]), "utf-8")
    more = ("--batch-tokens", "1024", "--steps", "3")
    assert train(data, config, tmp_path / "run", *more, *given) == 2
    assert "is of another run (entity_embeddings '" in capsys.readouterr().err
    vectors.write_text("Q0 1 2 3\n", "utf-8")
    assert train(data, config, tmp_path / "other", *options, *given) == 2
    assert "has no numbers for" in capsys.readouterr().err


NAMES = ("bread", "window", "garden", "winter", "letter", "morning", "kitchen", "bridge")


def tales(folder: Path) -> Path:
    """Writes documents that name entities in the middle of other words."""
    rng = rng_for(0, "tales")
    filler = ("the", "and", "of", "was", "there", "in", "it", "that")
    lines = [
        " ".join(
            f"{filler[a]} {NAMES[n]}"
            for a, n in zip(rng.integers(0, 8, 6), rng.integers(0, len(NAMES), 6), strict=True)
        )
        for _ in range(600)
    ]
    documents = ["\n".join(f"{line}." for line in lines[at : at + 6]) for at in range(0, 600, 6)]
    (folder / "tales.txt").write_text("\n\n".join(documents), "utf-8")
    (folder / "names.tsv").write_text("".join(f"{n}\tQ{n[::-1]}\n" for n in NAMES), "utf-8")
    return folder


@pytest.mark.slow
def test_the_entity_of_a_token_is_learned(tokenizer: Path, tmp_path: Path) -> None:
    data, names = tmp_path / "data", str(tales(tmp_path) / "names.tsv")
    options = ("--entities", names, "--max-seq-length", "64", "--eval-fraction", "0.1")
    assert build(tmp_path, tokenizer, data, *options, "--copies", "5") == 0
    steps = ("--batch-tokens", "2048", "--steps", "25", "--eval-every", "25")
    assert train(data, "bert-tiny", tmp_path / "run", *steps) == 0
    first, last = records(tmp_path / "run")[0], records(tmp_path / "run", "eval")[-1]
    assert last["loss_dea"] < 0.5 * first["loss_dea"]
    rows = [row for path in shard_paths(data, "eval") for row in stored_rows(path)]
    told = [number for row in rows for number in row["entity_ids"]]
    [(_, most_frequent)] = collections.Counter(told).most_common(1)
    assert last["accuracy_dea"] > 2 * most_frequent / len(told)


def with_anchors(folder: Path) -> Path:
    """Writes the tales as JSON lines, in odd white space, whose names are anchors."""
    text = (tales(folder) / "tales.txt").read_text("utf-8")
    records = []
    for number, document in enumerate(text.split("\n\n")):
        words, anchors, size = document.replace(" ", " \u3000").split(" "), [], 0
        for word in words:
            bare = word.strip("\u3000.\n").partition(".")[0]
            if bare in NAMES:
                start = size + word.index(bare)
                entity = f"Q{bare[::-1]}"
                anchors.append({"start": start, "end": start + len(bare), "entity": entity})
            size += len(word) + 1
        records.append({"id": number, "text": " ".join(words), "links": anchors})
    path = folder / "tales.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), "utf-8")
    return path


def test_anchors_of_records_are_entities(tokenizer: Path, tmp_path: Path, capsys: Captured) -> None:
    path, notes = with_anchors(tmp_path), tmp_path / "notes"
    text = ["--input", str(path), "--output", str(notes), "--shards", "2"]
    assert shardmill(["annotate", *text, "--anchors", "links"]) == 0
    assert ids_of(notes) == sorted(f"Q{name[::-1]}" for name in NAMES)
    listed = ("--entities", str(tmp_path / "names.tsv"))
    arguments = ["build", "ernie-thu", "--input", str(path), "--tokenizer", str(tokenizer)]
    arguments += ["--shards", "1", "--eval-fraction", "0"]
    rows = []
    for name, options in (("a", ("--annotations", str(notes))), ("b", listed)):
        assert shardmill([*arguments, "--output", str(tmp_path / name), *options]) == 0
        rows.append(stored_rows(shard_paths(tmp_path / name)[0]))
    assert rows[0] == rows[1]
    # A bad anchor is told, and may be accepted.
    record = {"text": "A window.", "links": [{"start": 2, "end": 99, "entity": "Q1"}]}
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps(record)}\n")
    capsys.readouterr()
    again = ["annotate", *text, "--anchors", "links", "--overwrite"]
    assert shardmill(again) == 1
    assert "anchor_out_of_range 1" in capsys.readouterr().err
    assert shardmill([*again, "--max-rejected", "1"]) == 0
    accepted = ("--annotations", str(notes), "--overwrite")
    assert shardmill([*arguments, "--output", str(tmp_path / "a"), *accepted]) == 0
    other = ["annotate", "--input", f"{tmp_path}/*.txt", "--output", str(tmp_path / "c")]
    assert shardmill([*other, "--anchors"]) == 2
    assert "--anchors is for JSON lines, and" in capsys.readouterr().err
