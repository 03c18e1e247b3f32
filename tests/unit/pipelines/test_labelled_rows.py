"""Rows of labelled records against slow loops that call the tokenizer on each text."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.verify import main as verify
from tests.oracles.labelled import Row, Rows
from tests.support.labelled_builds import build_records, write_jsonl
from tests.support.sample_builds import shard_paths, stored_rows, tokenizer_file
from transforms.arrays.randomness import rng_for

PIECES = (
    "the quick brown house",
    "Unbelievable",
    "é́ o",
    "café\u3000latte",
    "深度学习 改变",
    "世界",
    "1990s",
    "don't",
    "  two  spaces ",
    "a\tb",
    "line\nend",
    "ﬁ Ⅳ",
    "😀😀",
    "\u200b",
    "[SEP]",
    "e\u0301clair",
    "…",
)
LENGTH = 14


def text(rng: np.random.Generator, most: int = 6) -> str:
    count = int(rng.integers(1, most))
    pieces = [PIECES[int(each)] for each in rng.integers(0, len(PIECES), count)]
    # Every text has a token that people can see.
    return " ".join([*pieces, ("end", "尾")[int(rng.integers(2))]])


def classify(rng: np.random.Generator) -> dict[str, Any]:
    return {"text_a": text(rng), "label": ("no", "yes")[int(rng.integers(2))]}


def pair(rng: np.random.Generator) -> dict[str, Any]:
    return {**classify(rng), "text_b": text(rng)}


def rank(rng: np.random.Generator) -> dict[str, Any]:
    count = int(rng.integers(2, 5))
    candidates = [text(rng, 3) for _ in range(count)]
    return {"query": text(rng), "candidates": candidates, "label": int(rng.integers(count))}


def tag(rng: np.random.Generator) -> dict[str, Any]:
    words = [PIECES[int(each)] for each in rng.integers(0, len(PIECES), int(rng.integers(1, 12)))]
    words.append("end")
    return {
        "words": words,
        "tags": [("B", "O")[int(each)] for each in rng.integers(0, 2, len(words))],
    }


def span(rng: np.random.Generator) -> dict[str, Any]:
    context = text(rng, 12)
    begin = int(rng.integers(len(context)))
    answer = context[begin : begin + int(rng.integers(1, 9))]
    # What composes with a character outside is rejected, and white space is no answer.
    if not answer.strip(" \t\n\u3000") or "\u0301" in context:
        answers: dict[str, Any] = {"text": [], "answer_start": []}
    else:
        answers = {"text": [answer], "answer_start": [begin]}
    return {"question": text(rng), "context": context, "answers": answers}


MAKE: Mapping[str, Callable[[np.random.Generator], dict[str, Any]]] = {
    "classify": classify,
    "pair": pair,
    "rank": rank,
    "tag": tag,
    "span": span,
}
TASK = {"pair": "classify"}
FIELDS = {
    "classify": "text_a,label",
    "pair": "text_a,text_b,label",
    "rank": "query,candidates,label",
    "tag": "words,tags",
    "span": "question,context,answers",
}
STRIDE = ("--set", "segment.stride=3", "--set", "segment.question=4")


def made(kind: str, records: Sequence[Mapping[str, Any]], rows: Rows, keep: str) -> list[Row]:
    if kind == "span":
        return [row for record in records for row in rows.span(record, 3, 4)]
    if kind in ("classify", "pair"):
        return [row for record in records for row in rows.classify(record, keep)]
    return [row for record in records for row in getattr(rows, kind)(record)]


def stored(folder: Path) -> list[Row]:
    found = [
        row
        for split in ("train", "eval")
        for path in shard_paths(folder, split)
        for row in stored_rows(path)
    ]
    return [{name: value for name, value in row.items() if name != "record"} for row in found]


def ordered(rows: Sequence[Row]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def build(
    folder: Path, kind: str, records: Sequence[dict[str, Any]], tokenizer: Path, *options: str
) -> list[Row]:
    file = write_jsonl(folder / "records.jsonl", records)
    options = (
        "--fields",
        FIELDS[kind],
        "--max-seq-length",
        str(LENGTH),
        "--dedup",
        "off",
        *options,
    )
    if kind == "span":
        options = (*options, *STRIDE)
    task = TASK.get(kind, kind)
    build_records(folder / "out", task, [file], "--tokenizer", str(tokenizer), *options)
    return stored(folder / "out")


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("model", ["wordpiece", "bpe", "unigram"])
def test_rows_are_those_of_the_loops(kind: str, model: str, tmp_path: Path) -> None:
    rng = rng_for(3, "records", kind)
    records = [MAKE[kind](rng) for _ in range(30)]
    tokenizer = tokenizer_file(model)
    classes = ("no", "yes") if kind in ("classify", "pair") else ("B", "O")
    rows = Rows(tokenizer.read_text("utf-8"), LENGTH, classes)
    expected = made(kind, records, rows, "head")
    assert ordered(build(tmp_path, kind, records, tokenizer)) == ordered(expected)
    assert verify([str(tmp_path / "out")]) == 0


@pytest.mark.parametrize("keep", ["tail", "head-tail"])
def test_other_parts_of_long_texts_are_kept(keep: str, tmp_path: Path) -> None:
    rng = rng_for(4, "records", keep)
    records = [pair(rng) for _ in range(20)]
    tokenizer = tokenizer_file("wordpiece")
    rows = Rows(tokenizer.read_text("utf-8"), LENGTH, ("no", "yes"))
    expected = made("pair", records, rows, keep.replace("-", "_"))
    assert ordered(build(tmp_path, "pair", records, tokenizer, "--keep", keep)) == ordered(expected)
