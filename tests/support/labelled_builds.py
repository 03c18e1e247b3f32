"""Made-up labelled records of every kind, and builds of them. A small model can learn each.

classify  "the film was good" -> positive; three words of each class say which it is
pair      two texts -> yes, no or maybe; a word of the second text says which
regress   a text -> a number from 0 to 4, by a word
tag       words -> BIO tags of places and persons, by the word
span      question and context -> the one place in the context
rank      a query and four candidates -> the one that is good
"""

import contextlib
import functools
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.build import main as build
from tests.support.made_once import made_once
from tests.support.sample_builds import tokenizer_file
from transforms.arrays.randomness import rng_for

Record = dict[str, Any]

FIELDS: Mapping[str, str] = {
    "classify": "text,label",
    "pair": "text_a,text_b,label",
    "regress": "text,label",
    "tag": "words,tags",
    "span": "question,context,answers",
    "rank": "query,candidates,label",
}
"""What `--fields` is for each kind of records."""
TASK_OF: Mapping[str, str] = {name: "classify" if name == "pair" else name for name in FIELDS}
"""What `shardmill build` is asked for, for each kind of records."""
KINDS = tuple(FIELDS)

_CLASSES = {
    "negative": ("bad", "cold", "lost"),
    "positive": ("good", "warm", "found"),
}
_PAIRS = {"yes": "also", "no": "never", "maybe": "perhaps"}
_NUMBERS = ("nothing", "little", "some", "much", "all")
_TAGS = {"london": "LOC", "china": "LOC", "john": "PER", "mary": "PER"}
_PLACES = ("london", "china", "the river", "the old house", "the city")
_FILLER = (
    "the man came back to the house and then went on",
    "she had seen it before and said so",
    "it was a long day for all of them",
    "he put the book on the table near the door",
    "they walked down the road in the rain",
)


def records_of(kind: str, count: int, seed: int = 1) -> list[Record]:
    """Returns records, no two of them equal.

    Args:
      kind: One of `KINDS`.
      count: How many.
      seed: Others for another seed; some may be the same.
    """
    rng = rng_for(seed, "labelled", kind)
    found: dict[str, Record] = {}
    while len(found) < count:
        record = _RECORDS[kind](rng)
        found.setdefault(json.dumps(record), record)
    return list(found.values())


def write_jsonl(path: Path, records: Sequence[Record]) -> Path:
    """Writes records, one a line."""
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.write_text("".join(lines), "utf-8")
    return path


def build_records(folder: Path, task: str, files: Sequence[Path], *options: str) -> Path:
    """Builds labelled records with the tokenizer of the sample; options may name another.

    Args:
      folder: To build into.
      task: One of `transforms.objectives.TASKS`.
      files: To read.
      options: Of the command line, `--fields` among them.
    """
    arguments = [task, *(each for file in files for each in ("--input", str(file)))]
    if "--tokenizer" not in options:
        arguments += ["--tokenizer", str(tokenizer_file("wordpiece"))]
    errors = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        status = build([*arguments, "--output", str(folder), *options])
    assert status == 0, errors.getvalue()
    return folder


@functools.cache
def labelled(kind: str, train: int = 96, evaluated: int = 32) -> Path:
    """Returns a build of made-up records: two shards of training, one held out. Only read it."""

    def make(folder: Path) -> None:
        folder.mkdir()
        records = records_of(kind, train + evaluated)
        files = {
            "train": write_jsonl(folder / "train.jsonl", records[:train]),
            "eval": write_jsonl(folder / "eval.jsonl", records[train:]),
        }
        options = ["--fields", FIELDS[kind], "--eval-input", str(files["eval"]), "--shards", "2"]
        options += ["--max-seq-length", "48"]
        build_records(folder / "build", TASK_OF[kind], [files["train"]], *options)

    return made_once(f"labelled-{kind}-{train}-{evaluated}", make) / "build"


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _around(rng: np.random.Generator, word: str) -> str:
    """Returns some words around one."""
    words = _pick(rng, _FILLER).split()
    at = int(rng.integers(len(words) + 1))
    end = int(rng.integers(at, len(words) + 1))
    return " ".join([*words[:at], word, *words[at:end]])


def _classify(rng: np.random.Generator) -> Record:
    label = _pick(rng, tuple(_CLASSES))
    return {"text": _around(rng, _pick(rng, _CLASSES[label])), "label": label}


def _pair(rng: np.random.Generator) -> Record:
    label = _pick(rng, tuple(_PAIRS))
    return {
        "text_a": _around(rng, "and"),
        "text_b": _around(rng, _PAIRS[label]),
        "label": label,
    }


def _regress(rng: np.random.Generator) -> Record:
    number = int(rng.integers(len(_NUMBERS)))
    return {"text": _around(rng, _NUMBERS[number]), "label": float(number)}


def _tag(rng: np.random.Generator) -> Record:
    words, tags = [], []
    for word in _around(rng, _pick(rng, tuple(_TAGS))).split():
        words.append(word)
        tags.append(f"B-{_TAGS[word]}" if word in _TAGS else "O")
    name = _pick(rng, tuple(_TAGS))
    words += [name, _pick(rng, ("street", "house"))]
    tags += [f"B-{_TAGS[name]}", f"I-{_TAGS[name]}"]
    return {"words": words, "tags": tags}


def _span(rng: np.random.Generator) -> Record:
    place = _pick(rng, _PLACES)
    before, after = _around(rng, "and"), _around(rng, "but")
    context = f"{before}. He lived in {place} then. {after}."
    return {
        "question": "where did he live then?",
        "context": context,
        "answers": {"text": [place], "answer_start": [context.index(f"in {place} then") + 3]},
    }


def _rank(rng: np.random.Generator) -> Record:
    right = int(rng.integers(4))
    words = ["good" if number == right else "bad" for number in range(4)]
    return {
        "query": _pick(rng, _FILLER),
        "candidates": [_around(rng, word) for word in words],
        "label": right,
    }


_RECORDS: Mapping[str, Callable[[np.random.Generator], Record]] = {
    "classify": _classify,
    "pair": _pair,
    "regress": _regress,
    "tag": _tag,
    "span": _span,
    "rank": _rank,
}
