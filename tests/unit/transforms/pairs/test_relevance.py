import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipelines.cli import main as shardmill
from schemas.records import Packing, Tokens
from tests.corpus_fixtures import (
    RECORDS,
    SAMPLE,
    corpus,
    manifest_of,
    records_file,
    shard_paths,
    stored_rows,
    tokenizer_file,
)
from tests.oracles.streams import sentences_of_ids, tokens_of
from trainer.tasks.of_recipes import tasks_of
from transforms.arrays.randomness import rng_for
from transforms.objectives import OBJECTIVES
from transforms.pairs.relevance import QueryTitles
from transforms.records.json_fields import json_text
from transforms.records.query_titles import SIGNS, record_fields, without_signs
from transforms.text.openings import opening_name

Captured = pytest.CaptureFixture[str]
NAME = opening_name(SIGNS)


def signed(documents: list[list[int]], codes: dict[int, int]) -> Tokens:
    tokens = tokens_of(documents)
    marks = np.zeros(len(tokens.ids), np.uint8)
    marks[list(codes)] = list(codes.values())
    words = np.arange(len(tokens.ids)) % 2 == 0
    return dataclasses.replace(tokens, word_starts=words, annotations={NAME: marks})


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
    # Queries of one and of two sentences; titles of two and of one, signs are 102 and 110-111.
    tokens = signed([[2, 3, 2], [1, 2, 4]], {2: 1, 10: 3, 11: 3})
    assert pairs_of(tokens) == [
        ([100, 101], [103, 104, 105, 106], 0),
        ([107, 108, 109], [112, 113], 2),
    ]
    # What is too long loses its end; the target counts as well.
    for lengths in ((4, 1000), (1000, 4)):
        assert pairs_of(tokens, *lengths) == [
            ([100, 101], [103, 104], 0),
            ([107, 108], [112, 113], 2),
        ]


def test_a_document_of_another_kind_makes_no_pair() -> None:
    assert pairs_of(signed([[3, 4], [3]], {})) == []
    # A title without a query, a sign without a title, and a sign after the first.
    assert pairs_of(signed([[3], [2, 2]], {0: 1, 5: 2, 6: 2})) == []
    assert pairs_of(signed([[1, 2, 2]], {1: 2, 3: 1})) == [([100], [102, 103, 104], 1)]


@given(
    documents=st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=4), max_size=5),
    seed=st.integers(0, 1 << 20),
)
def test_other_recipes_see_no_signs(documents: list[list[int]], seed: int) -> None:
    tokens = tokens_of(documents)
    drawn = rng_for(seed, "signs").integers(0, 2, len(tokens.ids)).astype(np.uint8)
    tokens = signed(documents, dict(enumerate(drawn.tolist())))
    kept = without_signs(tokens)
    expected = [
        [left for s in document if (left := [each for each in s if not drawn[each - 100]])]
        for document in sentences_of_ids(tokens)
    ]
    assert sentences_of_ids(kept) == [document for document in expected if document]
    assert kept.word_starts is not None
    assert kept.word_starts.tolist() == [each % 2 == 0 for each in kept.ids.tolist()]
    assert len(kept.ends_line) == len(kept.sentence_offsets) - 1
    plain = tokens_of(documents)
    assert without_signs(plain) is plain


@pytest.mark.parametrize(
    ("record", "text", "reason"),
    [
        ({"q": " two\nwords ", "t": "a\u2028b", "l": 0}, "two words\n␟0 a b", ""),
        ({"q": "x", "t": "y", "l": 2, "more": 1}, "x\n␟2 y", ""),
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
    assert json_text(record, "q,t,l") == (text.encode(), reason)


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


def test_bad_records_are_set_aside(tmp_path: Path, capsys: Captured) -> None:
    lines = records_file().read_text("utf-8").splitlines()[:20]
    bad = ['{"query": "x", "title": "y", "label": 7}', '{"query": "x", "label": 0}', "{"]
    path = tmp_path / "records.jsonl"
    path.write_text("\n".join([*lines, *bad]), encoding="utf-8")
    out, fields = tmp_path / "out", ("--text-field", RECORDS)
    assert build("ernie2-relevance", out, str(path), *fields) == 1
    assert "3 record(s) were set aside" in capsys.readouterr().err
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
