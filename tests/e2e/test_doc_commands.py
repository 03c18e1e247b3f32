"""The commands of the documentation run, page by page, as they are written."""

import contextlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.doc_blocks import LANGUAGES, ROOT, Block, blocks_of, commands_of, run, smaller
from tests.support.made_once import made_once
from tests.support.sample_builds import (
    SAMPLE,
    corpus,
    entities_file,
    records_file,
    tokenizer_file,
)

DOCS = ROOT / "docs"
GENERATED = {"objectives.md"}
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", *DOCS.rglob("*.md"))
    if path.name not in GENERATED
)
OTHER_TESTS = {
    "docs/tasks.md": "tests/unit/pipelines/test_tasks_docs.py",
    "docs/stages.md": "tests/e2e/test_stages.py",
}
"""Pages whose commands need files of their own, by the test that runs them."""
BUILDS: Mapping[str, Mapping[str, str]] = {
    "docs/training.md": {"OUT": "bert-wwm"},
    "docs/vectors.md": {"OUT": "cbow"},
}
"""Builds that a page takes for granted, by the name it has for them."""


def read(page: str) -> list[Block]:
    return list(blocks_of((ROOT / page).read_text("utf-8")))


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page: str) -> None:
    unknown = [(block.line, block.language) for block in read(page) if block.language not in LANGUAGES]
    assert unknown == []


@pytest.mark.parametrize("page", [page for page in PAGES if page not in OTHER_TESTS])
def test_commands_run(page: str, tmp_path: Path) -> None:
    blocks = [block for block in read(page) if block.language == "sh" and not block.why_not]
    if not blocks:
        return
    shutil.copytree(world(), tmp_path, dirs_exist_ok=True)
    for name, recipe in BUILDS.get(page, {}).items():
        shutil.copytree(corpus(recipe), tmp_path / name)
    with contextlib.chdir(tmp_path):
        for block in blocks:
            for words in commands_of(block):
                run(words)


def test_other_tests_are_there() -> None:
    assert all((ROOT / path).exists() for path in OTHER_TESTS.values())


def world() -> Path:
    """Returns a folder with the files that pages speak of."""
    return made_once("docs-world", _make_world)


def _make_world(folder: Path) -> None:
    for name in ("text", "corpus", "wiki", "inbox", "new"):
        (folder / name).mkdir(parents=True)
    texts = {path.stem: path.read_text("utf-8") for path in sorted(SAMPLE.glob("*.txt"))}
    for language, text in texts.items():
        documents = text.split("\n\n")
        for place in ("text", "corpus"):
            (folder / place / f"{language}.txt").write_text(text, "utf-8")
        for place in ("wiki", "inbox", "new"):
            lines = (json.dumps({"text": each}, ensure_ascii=False) for each in documents)
            (folder / place / f"{language}.jsonl").write_text("\n".join(lines), "utf-8")
    for name, model in TOKENIZERS.items():
        shutil.copy(tokenizer_file(model), folder / name)
    shutil.copy(SAMPLE / "reviews.jsonl", folder / "reviews.jsonl")
    shutil.copy(entities_file(), folder / "names.tsv")
    shutil.copy(records_file(), folder / "log-1.jsonl")


TOKENIZERS = {
    "tokenizer.json": "wordpiece",
    "vocab.json": "wordpiece",
    "bpe.json": "bpe+eod",
    "words.txt": "words",
}


def test_commands_are_made_small() -> None:
    given = ["train", "--data", "OUT", "--model", "bert-base", "--steps", "2000"]
    assert smaller(given)[3:7] == ["--model", "bert-tiny", "--steps", "2"]


def test_blocks_are_found() -> None:
    page = "a\n<!-- not run: no GPU -->\n```sh\nshardmill x \\\n  y  # z\n```\n- b\n\n  ```text\n  c\n  ```\n"
    first, second = blocks_of(page)
    assert (first.line, first.language, first.why_not) == (2, "sh", "no GPU")
    assert list(commands_of(first)) == [["shardmill", "x", "y"]]
    assert (second.language, second.content, second.why_not) == ("text", "c\n", "")
