"""Builds of labelled records: the same bytes however they are read, formats, splits, checks."""

import contextlib
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.build import main as build
from pipelines.exporting.command import main as export
from pipelines.inspect import main as inspect
from pipelines.verify import main as verify
from tests.support.labelled_builds import (
    FIELDS,
    KINDS,
    TASK_OF,
    build_records,
    labelled,
    records_of,
    write_jsonl,
)
from tests.support.sample_builds import manifest_of, shard_paths, stored_rows, tokenizer_file
from transforms.records.class_names import class_names

Record = dict[str, Any]


def shards(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for split in ("train", "eval")
        for path in shard_paths(folder, split)
    }


def rows(folder: Path) -> list[Record]:
    paths = [*shard_paths(folder), *shard_paths(folder, "eval")]
    return [row for path in paths for row in stored_rows(path)]


def manifest(folder: Path) -> dict[str, Any]:
    return manifest_of(folder)


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize("kind", KINDS)
def test_bytes_do_not_depend_on_workers_files_or_runner(kind: str, tmp_path: Path) -> None:
    records = records_of(kind, 40)
    whole = write_jsonl(tmp_path / "all.jsonl", records)
    parts = [
        write_jsonl(tmp_path / f"part{number}.jsonl", records[::-1][number::3])
        for number in range(3)
    ]
    options = ["--fields", FIELDS[kind], "--shards", "3"]
    task = TASK_OF[kind]
    one = shards(build_records(tmp_path / "one", task, [whole], *options, "--workers", "1"))
    other = shards(build_records(tmp_path / "two", task, parts, *options, "--workers", "2"))
    assert one == other
    assert len(one) == 4
    if kind == "span":
        beam = build_records(tmp_path / "beam", task, parts, *options, "--runner=DirectRunner")
        assert shards(beam) == one


def as_json(path: Path, records: Sequence[Record]) -> Path:
    path = path.with_suffix(".json")
    path.write_text(json.dumps(records, ensure_ascii=False, indent=1), "utf-8")
    return path


def as_tsv(path: Path, records: Sequence[Record]) -> Path:
    path = path.with_suffix(".tsv")
    lines = ["\t".join(records[0]), *("\t".join(map(str, each.values())) for each in records)]
    path.write_text("\n".join(lines), "utf-8")
    return path


def as_csv(path: Path, records: Sequence[Record]) -> Path:
    path = path.with_suffix(".csv.gz")
    lines = [",".join(records[0])]
    lines += [",".join(json.dumps(str(each)) for each in record.values()) for record in records]
    path.write_bytes(gzip.compress("\r\n".join(lines).replace('\\"', '""').encode()))
    return path


def as_parquet(path: Path, records: Sequence[Record]) -> Path:
    path = path.with_suffix(".parquet")
    pq.write_table(pa.Table.from_pylist(list(records)), path, row_group_size=7)
    return path


def as_arrow(path: Path, records: Sequence[Record]) -> Path:
    path = path.with_suffix(".arrow")
    table = pa.Table.from_pylist(list(records))
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return path


def as_conll(path: Path, records: Sequence[Record]) -> Path:
    path = path.with_suffix(".conll")
    pairs = (
        [f"{word}\t{tag}" for word, tag in zip(r["words"], r["tags"], strict=True)] for r in records
    )
    path.write_text("\n\n".join("\n".join(each) for each in pairs), "utf-8")
    return path


WRITERS: Mapping[str, Sequence[Callable[[Path, Sequence[Record]], Path]]] = {
    "pair": (as_json, as_tsv, as_csv, as_parquet),
    "regress": (as_tsv, as_parquet),
    "tag": (as_json, as_conll, as_parquet, as_arrow),
    "span": (as_json, as_parquet),
    "rank": (as_json, as_parquet),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_formats_give_the_same_bytes(kind: str, tmp_path: Path) -> None:
    records = records_of(kind, 20)
    options = ["--fields", FIELDS[kind], "--shards", "1"]
    task = TASK_OF[kind]
    file = write_jsonl(tmp_path / "records.jsonl", records)
    expected = shards(build_records(tmp_path / "jsonl", task, [file], *options))
    for write in WRITERS[kind]:
        file = write(tmp_path / "records", records)
        found = build_records(tmp_path / write.__name__, task, [file], *options)
        assert shards(found) == expected, write.__name__


def test_names_of_classes_in_parquet_are_taken(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    tags = datasets.ClassLabel(names=["O", "B-PER"])
    features = datasets.Features(
        {"words": datasets.Sequence(datasets.Value("string")), "tags": datasets.Sequence(tags)}
    )
    records = {"words": [["Ada", "wrote"], ["Bob"]], "tags": [[1, 0], [1]]}
    file = tmp_path / "records.parquet"
    datasets.Dataset.from_dict(records, features=features).to_parquet(file)
    options = ["--fields", "words,tags", "--eval-fraction", "0", "--shards", "1"]
    folder = build_records(tmp_path / "out", "tag", [file], *options)
    assert manifest(folder)["recipe"]["settings"]["predict.names"] == "B-PER,O"
    assert sorted(max(row["labels"]) for row in rows(folder)) == [0, 1]
    assert class_names(pq.read_schema(file)) == {"tags": ["O", "B-PER"]}


def test_other_encodings_are_read(tmp_path: Path) -> None:
    text = "text\tlabel\n深度学习\t好\n改变世界\t坏\n"
    (tmp_path / "a.tsv").write_text(text, "utf-8")
    (tmp_path / "b.tsv").write_text(text, "gb18030")
    options = ["--fields", "text,label", "--eval-fraction", "0", "--shards", "1"]
    one = build_records(tmp_path / "one", "classify", [tmp_path / "a.tsv"], *options)
    options += ["--encoding", "gb18030"]
    other = build_records(tmp_path / "other", "classify", [tmp_path / "b.tsv"], *options)
    assert shards(one) == shards(other)


def told(*arguments: str) -> tuple[int, str, str]:
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        status = build([*arguments, "--tokenizer", str(tokenizer_file("wordpiece"))])
    return status, out.getvalue(), errors.getvalue()


def test_what_is_rejected_cut_doubled_or_in_both_splits_is_told(tmp_path: Path) -> None:
    good: list[Record] = [{"text": f"number {n}", "label": ("no", "yes")[n % 2]} for n in range(6)]
    bad: list[Record] = [{"text": "", "label": "no"}, {"text": "x", "label": None}]
    long = {"text": "word " * 40, "label": "no"}
    train = write_jsonl(tmp_path / "train.jsonl", [*good, good[0], *bad, long])
    held = write_jsonl(
        tmp_path / "dev.jsonl",
        [good[1], {"text": "new", "label": "no"}, {"text": "y", "label": "?"}],
    )
    folder = tmp_path / "out"
    arguments = ["classify", "--input", str(train), "--eval-input", str(held), "--fields"]
    arguments += ["text,label", "--output", str(folder), "--max-seq-length", "16"]
    status, out, errors = told(*arguments, "--max-rejected", "3")
    assert status == 0
    assert "1 duplicate dropped, 3 rejected" in out
    assert "train: 7 rows, " in out
    assert "1 record cut to fit a row" in out
    assert "1 record for training has the text of one that is held out" in errors
    found = manifest(folder)
    assert found["documents"]["rejected"] == {
        "empty_text": 1,
        "missing_label": 1,
        "unknown_label": 1,
    }
    assert found["records"]["held_out"] == [str(held)]
    assert len(found["notes"]) == 1
    rejected = "".join(path.read_text("utf-8") for path in (folder / "rejected").glob("*.jsonl"))
    reasons = [json.loads(line) for line in rejected.splitlines()]
    assert {each["reason"] for each in reasons} == set(found["documents"]["rejected"])
    assert any(each["excerpt"] == json.dumps(bad[0]) for each in reasons)


def test_dedup_off_keeps_records_that_are_equal(tmp_path: Path) -> None:
    records = [{"text": "a", "label": "x"}] * 3 + [{"text": "a", "label": "y"}]
    file = write_jsonl(tmp_path / "records.jsonl", records)
    options = ["--fields", "text,label", "--eval-fraction", "0", "--shards", "1"]
    kept = build_records(tmp_path / "on", "classify", [file], *options)
    assert sorted(row["label"] for row in rows(kept)) == [0, 1]
    kept = build_records(tmp_path / "off", "classify", [file], *options, "--dedup", "off")
    assert sorted(row["label"] for row in rows(kept)) == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("classify", "text", {"label": -1}),
        ("tag", "words", {"labels": -1}),
        ("span", "question,context", {"answer_start": -1, "answer_end": -1}),
        ("rank", "query,candidates", {"label": -1, "candidates": 4}),
    ],
)
def test_records_need_no_label(
    kind: str, fields: str, expected: dict[str, int], tmp_path: Path
) -> None:
    file = write_jsonl(tmp_path / "records.jsonl", records_of(kind, 5))
    options = ["--fields", fields, "--unlabelled", "--eval-fraction", "0", "--shards", "1"]
    folder = build_records(tmp_path / "out", TASK_OF[kind], [file], *options)
    assert verify([str(folder)]) == 0
    for row in rows(folder):
        for name, value in expected.items():
            assert set(row[name] if isinstance(row[name], list) else [row[name]]) == {value}


def test_a_candidate_without_a_token_leaves_its_record_out(tmp_path: Path) -> None:
    records = [
        {"query": "a", "candidates": ["b", "\u200b"], "label": 0},
        {"query": "a", "candidates": ["b", "c"], "label": 1},
    ]
    file = write_jsonl(tmp_path / "records.jsonl", records)
    options = ["--fields", FIELDS["rank"], "--eval-fraction", "0", "--shards", "1"]
    folder = build_records(tmp_path / "out", "rank", [file], *options)
    assert [row["label"] for row in rows(folder)] == [0, 1]
    assert verify([str(folder)]) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_shards_may_be_empty(kind: str, tmp_path: Path) -> None:
    records = records_of(kind, 3)
    file = write_jsonl(tmp_path / "records.jsonl", records)
    labels = (
        [] if kind not in ("classify", "pair") else ["--labels", "yes,no,maybe,positive,negative"]
    )
    options = ["--fields", FIELDS[kind], "--shards", "6", *labels]
    folder = build_records(tmp_path / "out", TASK_OF[kind], [file], *options)
    assert len(rows(folder)) == (12 if kind == "rank" else 3)
    assert verify([str(folder)]) == 0


def test_a_long_record_is_rejected(tmp_path: Path) -> None:
    records = [{"text": "word " * 300_000, "label": "x"}, {"text": "a", "label": "y"}]
    file = write_jsonl(tmp_path / "records.jsonl", records)
    options = ["--fields", "text,label", "--eval-fraction", "0", "--max-document-mib", "1"]
    folder = build_records(tmp_path / "out", "classify", [file], *options, "--max-rejected", "1")
    assert manifest(folder)["documents"]["rejected"] == {"record_too_long": 1}


@pytest.mark.parametrize(
    ("kind", "category", "shown"),
    [
        ("pair", "text-classification", ["Classes, from 0 on: maybe, no, yes.", ">label maybe<"]),
        ("regress", "text-classification", ["Labels, rounded", ">label 3.0<"]),
        ("tag", "token-classification", ["<sub>B-PER</sub>", "in several rows", "B-LOC <b>"]),
        (
            "span",
            "question-answering",
            ['<mark class="answer" title="answer">', "window with the answer <b>"],
        ),
        ("rank", "multiple-choice", ["the right candidate of 4", "a wrong candidate of 4"]),
    ],
)
def test_pages_tell_of_labels(kind: str, category: str, shown: Sequence[str]) -> None:
    folder = labelled(kind)
    page = (folder / "report.html").read_text("utf-8")
    for each in (*shown, *(f"<code>{name}</code>" for name in FIELDS[kind].split(","))):
        assert each in page
    card = (folder / "README.md").read_text("utf-8")
    assert f"task_categories:\n- {category}\n" in card
    assert "- fine-tuning\n" in card


def exported(kind: str, folder: Path) -> Any:
    """Returns the training rows of an export as `datasets` reads them."""
    datasets = pytest.importorskip("datasets")
    with contextlib.redirect_stdout(io.StringIO()):
        assert (
            export([str(labelled(kind)), "--to", "parquet", "--output", str(folder / "out")]) == 0
        )
    files = sorted(str(path) for path in (folder / "out" / "train").glob("*.parquet"))
    return datasets.load_dataset(
        "parquet", data_files=files, split="train", cache_dir=str(folder / "cache")
    )


@pytest.mark.parametrize("kind", ["classify", "tag", "span", "rank", "regress"])
def test_exports_have_the_columns_of_models(kind: str, tmp_path: Path) -> None:
    data = exported(kind, tmp_path)
    stored = [row for path in shard_paths(labelled(kind)) for row in stored_rows(path)]
    assert len(data) == len(stored)
    for row, own in zip(data, stored, strict=True):
        assert row["input_ids"] == own["input_ids"]
        second = len(row["input_ids"]) - own["second_segment_start"]
        assert sum(row["token_type_ids"]) == second
        if kind == "span":
            last = own["answer_end"] - bool(own["answer_end"])
            assert (row["start_positions"], row["end_positions"]) == (own["answer_start"], last)
        elif kind == "tag":
            assert row["labels"] == [-100 if label < 0 else label for label in own["labels"]]
        else:
            assert row["labels"] == own["label"]
    if kind == "classify":
        assert data.features["labels"].names == ["negative", "positive"]
    if kind == "tag":
        names = data.features["labels"].feature.names
        assert names == ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]


SHOWN = {
    "classify": "label ",
    "pair": "label ",
    "regress": "label ",
    "tag": "/B-",
    "span": "‹",
    "rank": "candidate of 4",
}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_shown(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(labelled(kind))
    assert inspect([folder, "--rows", "8"]) == 0
    assert SHOWN[kind] in capsys.readouterr().out
    assert inspect([folder, "--json", "--rows", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["labelled"]
