import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from pipelines.cli import main as shardmill
from schemas.documents import document_batch, document_key, labelled_key
from schemas.records import Bytes, Int64, Labels, Tokens
from schemas.windows import Packing
from tests.oracles.streams import tokens_of
from tests.support.sample_builds import (
    RECORDS,
    SAMPLE,
    corpus,
    manifest_of,
    records_file,
    shard_paths,
    stored_rows,
    tokenizer_file,
)
from trainer.tasks.of_recipes import tasks_of
from transforms.arrays.randomness import rng_for
from transforms.objectives import OBJECTIVES
from transforms.pairs.relevance import QueryTitles
from transforms.records.json_fields import json_text
from transforms.records.labelled_records import record_fields
from transforms.records.shard_text import join_documents
from transforms.tokens.tokenize_text import TextEncoder

Captured = pytest.CaptureFixture[str]


def records_of(documents: list[list[int]], labels: list[int], ends_line: list[int]) -> Tokens:
    """Returns documents of sentences of these lengths; of each sentence whether it ends a line."""
    tokens = tokens_of(documents, ends_line=ends_line)
    found = Labels(np.array(labels, np.float64), np.arange(len(labels) + 1))
    return dataclasses.replace(tokens, labels=found)


def pairs_of(
    tokens: Tokens, capacity: int = 1000, target: int = 1000
) -> list[tuple[list[int], list[int], int]]:
    count = len(tokens.sentence_offsets) - 1
    packing = Packing(tokens, np.arange(1, count + 1), np.full(count, target))
    windows = QueryTitles().pair(packing, capacity, rng_for(0, "pair"))
    assert windows.second is not None
    assert windows.relation is not None
    assert windows.tokens.annotations == {}
    ids = tokens.ids.tolist()
    ranges = zip(windows.first.tolist(), windows.second.tolist(), strict=True)
    return [
        (ids[a:b], ids[c:d], relation)
        for ((a, b), (c, d)), relation in zip(ranges, windows.relation.tolist(), strict=True)
    ]


def test_pairs_of_literal_ids() -> None:
    # Queries of one and of two sentences; titles of two and of one.
    tokens = records_of([[2, 2, 2], [1, 2, 2]], [0, 2], [1, 0, 1, 0, 1, 1])
    assert pairs_of(tokens) == [
        ([100, 101], [102, 103, 104, 105], 0),
        ([106, 107, 108], [109, 110], 2),
    ]
    # What is too long loses its end; the target counts as well.
    for lengths in ((4, 1000), (1000, 4)):
        assert pairs_of(tokens, *lengths) == [
            ([100, 101], [102, 103], 0),
            ([106, 107], [109, 110], 2),
        ]


def test_a_document_of_another_kind_makes_no_pair() -> None:
    # A single line, as is left of a record whose query or title has no token.
    assert pairs_of(records_of([[3], [2, 2]], [0, 1], [1, 0, 1])) == []
    # Documents without labels.
    assert pairs_of(tokens_of([[3, 4], [3]], ends_line=[1, 1, 1])) == []


def test_labels_follow_documents_that_lose_their_tokens() -> None:
    """A document without a token is gone, and its label with it."""
    records = [(b"one\ntwo", 1), ("\u200b\n\u200b".encode(), 0), (b"on\nit", 2)]
    texts, labels = [text for text, _ in records], [label for _, label in records]
    text = join_documents([document_batch(texts, labels)], deduplicate=True)
    text = dataclasses.replace(text, sentence_starts=lines_of(text.data))
    json = tokenizer_file("wordpiece").read_text("utf-8")
    tokens = TextEncoder(json).encode(text, rng_for(0, "check"))
    assert text.labels is not None
    assert tokens.labels is not None
    # Documents come in the order of their keys.
    order = [label for label in text.labels.values.tolist() if label]
    assert sorted(order) == [1, 2]
    assert tokens.labels.values.tolist() == order
    assert {pair[2] for pair in pairs_of(tokens)} == {1, 2}


def lines_of(data: Bytes) -> Int64:
    """Returns where lines begin."""
    return np.flatnonzero(np.append(True, data[:-1] == ord("\n")))


def test_the_same_text_with_another_label_is_another_document() -> None:
    batch = document_batch([b"a\nb", b"a\nb", b"a\nb"], [0, 1, 0])
    text = join_documents([batch], deduplicate=True)
    assert (len(text.document_starts), text.duplicates) == (2, 1)
    assert text.labels is not None
    assert sorted(text.labels.values.tolist()) == [0, 1]
    keys = {labelled_key(b"a\nb", label) for label in (0, 1)}
    assert {key.tobytes() for key in text.keys} == keys
    # The key of data version 2, in which the label stood in front of the title.
    assert labelled_key(b"a\nb", 1) == document_key("a\n\u241f1 b".encode())


@pytest.mark.parametrize(
    ("record", "text", "reason"),
    [
        ({"q": " two\nwords ", "t": "a\u2028b", "l": 0}, "two words\na b", ""),
        ({"q": "x", "t": "y", "l": 2, "more": 1}, "x\ny", ""),
        ({"q": "x", "l": 1}, "", "missing_field"),
        ({"q": 3, "t": "y", "l": 1}, "", "missing_field"),
        ({"q": "x", "t": " \t", "l": 1}, "", "missing_field"),
        ({"q": "x", "t": "y"}, "", "missing_field"),
        ({"q": "x", "t": "y", "l": 3}, "", "unknown_label"),
        ({"q": "x", "t": "y", "l": -1}, "", "unknown_label"),
        ({"q": "x", "t": "y", "l": True}, "", "unknown_label"),
        ({"q": "x", "t": "y", "l": "1"}, "", "unknown_label"),
    ],
)
def test_a_record_becomes_two_lines(record: dict[str, Any], text: str, reason: str) -> None:
    label = record["l"] if text else 0
    assert json_text(record, "q,t,l") == (text.encode(), label, reason)


def test_the_names_of_fields() -> None:
    assert record_fields("text") is None
    assert record_fields("a,b,c") == ("a", "b", "c")
    for wrong in ("a,b", "a,b,c,d", "a,,c"):
        with pytest.raises(ValueError, match="name of one field, or those of a query"):
            record_fields(wrong)


def test_rows_of_a_build_are_the_records() -> None:
    tokenizer = Tokenizer.from_file(str(tokenizer_file("wordpiece")))
    folder = corpus("ernie2-relevance")
    paths = [*shard_paths(folder), *shard_paths(folder, "eval")]
    found = set()
    for row in (row for path in paths for row in stored_rows(path)):
        ids, middle = row["input_ids"], row["second_segment_start"]
        found.add((tuple(ids[1 : middle - 1]), tuple(ids[middle:-1]), row["pair_relation"]))
    expected, short = set(), 0
    for line in records_file().read_text("utf-8").splitlines():
        record = json.loads(line)
        encode = [
            tokenizer.encode(record[name], add_special_tokens=False).ids
            for name in ("query", "title")
        ]
        first, second = encode
        while len(first) + len(second) > 125:
            (first if len(first) > len(second) else second).pop()
        short += len(first) + len(second) < 125
        relation = ("clicked", "shown", "random")[record["label"]]
        expected.add((tuple(first), tuple(second), relation))
    assert found == expected
    assert short > 50
    statistics = manifest_of(folder)["statistics"]["train"]
    assert all(statistics[f"pair.{each}"] > 20 for each in ("clicked", "shown", "random"))
    assert [task.name for task in tasks_of(OBJECTIVES["ernie2-relevance"])] == ["mlm", "relevance"]


def build(recipe: str, folder: Path, text: str, *options: str) -> int:
    tokenizer = str(tokenizer_file("wordpiece"))
    given = ["--input", text, "--tokenizer", tokenizer, "--output", str(folder), "--shards", "1"]
    return shardmill(["build", recipe, *given, "--eval-fraction", "0", "--copies", "1", *options])


def test_bad_records_are_rejected(tmp_path: Path, capsys: Captured) -> None:
    lines = records_file().read_text("utf-8").splitlines()[:20]
    bad = ['{"query": "x", "title": "y", "label": 7}', '{"query": "x", "label": 0}', "{"]
    path = tmp_path / "records.jsonl"
    path.write_text("\n".join([*lines, *bad]), encoding="utf-8")
    out, fields = tmp_path / "out", ("--text-field", RECORDS)
    assert build("ernie2-relevance", out, str(path), *fields) == 1
    assert "3 records were rejected" in capsys.readouterr().err
    assert build("ernie2-relevance", out, str(path), *fields, "--max-rejected", "3") == 0
    rejected = {"broken_json": 1, "missing_field": 1, "unknown_label": 1}
    assert manifest_of(out)["documents"]["rejected"] == rejected
    assert manifest_of(out)["splits"]["train"]["rows"] == 20


def test_what_it_needs_is_said_in_a_sentence(tmp_path: Path, capsys: Captured) -> None:
    text = f"{SAMPLE}/*.txt"
    assert build("ernie2-relevance", tmp_path / "out", text) == 2
    assert "needs JSON lines of a query, a title and a label" in capsys.readouterr().err
    assert build("ernie2-relevance", tmp_path / "out", text, "--text-field", RECORDS) == 2
    assert "none of them is a query and a title; it needs JSON lines" in capsys.readouterr().err
    assert build("bert", tmp_path / "out", str(records_file()), "--text-field", RECORDS) == 2
    assert "for ernie2-relevance; name the one field" in capsys.readouterr().err
    assert build("bert", tmp_path / "out", text, "--text-field", "a,b") == 2
    assert "name of one field, or those of a query" in capsys.readouterr().err
    vocab = [
        "vocab",
        "--model",
        "bpe",
        "--size",
        "500",
        "--input",
        str(records_file()),
        "--text-field",
        RECORDS,
    ]
    assert shardmill([*vocab, "--output", str(tmp_path / "v.json")]) == 2
    assert "a vocabulary is learned of one field" in capsys.readouterr().err


def test_the_mixture_of_ernie_2_says_that_it_is_without(capsys: Captured) -> None:
    line = "Not a member: ernie2-relevance, which needs JSON lines of a query, a title and a label"
    for options in ([], ["--plan"], ["--markdown"]):
        assert shardmill(["recipes", "ernie2", *options]) == 0
        assert line in " ".join(capsys.readouterr().out.split())
    assert shardmill(["recipes", "ernie2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["recipe"] for each in told["left_out"]] == ["ernie2-relevance"]
    assert told["members"][-1]["recipe"]["name"] == "ernie2-discourse"


def test_other_members_read_query_and_title(tmp_path: Path) -> None:
    members = ("--members", "ernie2-relevance,roberta-wwm-ext", "--text-field", RECORDS)
    assert build("mixture", tmp_path / "mixed", str(records_file()), *members) == 0
    assert shardmill(["verify", str(tmp_path / "mixed")]) == 0
    lines = map(json.loads, records_file().read_text("utf-8").splitlines())
    plain = [f"{each['query']}\n{each['title']}" for each in lines]
    tokenizer = Tokenizer.from_file(str(tokenizer_file("wordpiece")))
    expected = sum(len(tokenizer.encode(each, add_special_tokens=False).ids) for each in plain)
    [path] = shard_paths(tmp_path / "mixed" / "roberta-wwm-ext")
    special = {2, 3}
    rows = (row["input_ids"] for row in stored_rows(path))
    assert sum(each not in special for row in rows for each in row) == expected
