"""What recipes need besides text: labelled records and names of entities, made from a corpus."""

import collections
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path

from transforms.objectives import OBJECTIVES

_NAME = re.compile(r"(?<=[a-z] )[A-Z][a-z]{3,}")
_NAMES = 300


def options_of(recipe: str, corpus: Path, eod_token: str | None) -> list[str]:
    """Returns the options of a build of this recipe, its input included; writes what they name.

    Args:
      recipe: Name of a recipe or mixture.
      corpus: A text file; files for some recipes are written beside it.
      eod_token: The end-of-document token of the tokenizer, for recipes that need one.
    """
    options = ["--input", str(corpus)]
    if recipe == "ernie2-relevance":
        records = corpus.with_suffix(".jsonl")
        _write_records(corpus, records)
        options = ["--input", str(records), "--text-field", "query,title,label"]
    if recipe == "ernie-thu":
        entities = corpus.with_suffix(".tsv")
        _write_entities(corpus, entities)
        options += ["--entities", str(entities)]
    return [*options, "--eod-token", eod_token] if needs_eod(recipe) and eod_token else options


def needs_eod(recipe: str) -> bool:
    """Returns whether a recipe needs an end-of-document token."""
    return recipe in OBJECTIVES and "eod" in OBJECTIVES[recipe].roles


def split_corpus(corpus: Path, files: int) -> Path:
    """Cuts a corpus between documents into files of about the same size; returns their pattern."""
    folder = corpus.with_suffix(f".{files}")
    pattern = folder / "*.txt"
    if folder.exists():
        return pattern
    folder.mkdir()
    text = corpus.read_bytes()
    begin = 0
    for number in range(files):
        end = text.find(b"\n\n", len(text) * (number + 1) // files)
        end = len(text) if end < 0 or number == files - 1 else end + 2
        (folder / f"{number:06d}.txt").write_bytes(text[begin:end])
        begin = max(begin, end)
    return pattern


def _write_records(corpus: Path, path: Path) -> None:
    """Writes records of two consecutive lines each, with labels in turn."""
    if path.exists():
        return
    with corpus.open(encoding="utf-8") as text, path.open("w", encoding="utf-8") as records:
        lines = (line.strip() for line in text if line.strip())
        for number, (query, title) in enumerate(zip(lines, lines, strict=False)):
            record: Mapping[str, object] = {"query": query, "title": title, "label": number % 3}
            records.write(json.dumps(record, ensure_ascii=False) + "\n")


def _write_entities(corpus: Path, path: Path) -> None:
    """Writes the most frequent capitalised words inside of lines, each as an entity."""
    with corpus.open(encoding="utf-8") as text:
        found = collections.Counter(
            itertools.chain.from_iterable(map(_NAME.findall, itertools.islice(text, 20_000)))
        )
    names = [name for name, _ in found.most_common(_NAMES)]
    path.write_text("".join(f"{name}\tQ{i}\n" for i, name in enumerate(names, 1)), "utf-8")
