"""The code of the documentation runs, page by page, as it is written."""

import contextlib
import json
import re
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.doc_blocks import LANGUAGES, ROOT, Block, blocks_of, commands_of, run, smaller
from tests.support.made_once import made_once
from tests.support.sample_builds import (
    FREQUENT,
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
    "docs/filters.md": "tests/e2e/test_datatrove.py",
    "docs/tasks.md": "tests/unit/pipelines/test_tasks_docs.py",
    "docs/stages.md": "tests/e2e/test_stages.py",
}
"""Pages whose commands need files of their own, by the test that runs them."""
PYTHON_TESTS = {
    "docs/adapters.md": "tests/e2e/test_adapters.py",
    "docs/elmo.md": "tests/unit/trainer/test_elmo_docs.py",
    "docs/export.md": "tests/unit/pipelines/exporting/test_readers.py",
    "docs/finetuning.md": "tests/unit/trainer/test_finetuning_docs.py",
    "docs/format.md": "tests/unit/pipelines/test_export.py",
    "docs/lanes.md": "tests/unit/trainer/test_lanes_docs.py",
    "docs/seq2seq.md": "tests/unit/trainer/test_seq2seq_docs.py",
    "docs/streams.md": "tests/e2e/test_stream_programs.py",
    "docs/training.md": "tests/unit/trainer/test_training_docs.py",
    "docs/vectors.md": "tests/unit/trainer/vectors/test_vectors_docs.py",
}
"""The same for pages whose Python needs more than its commands have made."""


def read(page: str) -> list[Block]:
    return list(blocks_of((ROOT / page).read_text("utf-8")))


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page: str) -> None:
    unknown = [
        (block.line, block.language) for block in read(page) if block.language not in LANGUAGES
    ]
    assert unknown == []


@pytest.mark.parametrize("page", [page for page in PAGES if page not in OTHER_TESTS])
def test_commands_run(page: str, tmp_path: Path) -> None:
    kinds = {"sh"} if page in PYTHON_TESTS else {"sh", "python"}
    blocks = [block for block in read(page) if block.language in kinds and not block.why_not]
    if not blocks:
        return
    shutil.copytree(world(), tmp_path, symlinks=True, dirs_exist_ok=True)
    with contextlib.chdir(tmp_path):
        for name, make in GIVEN.get(page, {}).items():
            make(tmp_path / name)
        names: dict[str, object] = {"__name__": "page"}
        for block in blocks:
            if block.language == "python":
                exec(compile(block.content, f"{page}:{block.line}", "exec"), names)
            else:
                for words in commands_of(block):
                    run(words)


def test_other_tests_are_there() -> None:
    assert all((ROOT / path).exists() for path in (OTHER_TESTS | PYTHON_TESTS).values())


def world() -> Path:
    """Returns a folder with the files that pages speak of."""
    return made_once("docs-world", _make_world)


def _make_world(folder: Path) -> None:
    texts = {path.stem: path.read_text("utf-8") for path in sorted(SAMPLE.glob("*.txt"))}
    for place in ("text", "corpus", "books", "wiki", "inbox", "in", "new", "web"):
        (folder / place).mkdir(parents=True)
        for language, text in texts.items():
            documents = [{"text": each, "anchors": _anchors(each)} for each in text.split("\n\n")]
            (folder / place / f"{language}.txt").write_text(text, "utf-8")
            (folder / place / f"{language}.jsonl").write_text(_lines(documents), "utf-8")
    for name, model in TOKENIZERS.items():
        shutil.copy(tokenizer_file(model), folder / name)
    reviews = (SAMPLE / "reviews.jsonl").read_text("utf-8")
    records = [json.loads(line) for line in reviews.splitlines()]
    for name, some in {"train": records[:-20], "dev": records[-20:], "new": records[:9]}.items():
        (folder / f"{name}.jsonl").write_text(_lines(some), "utf-8")
        rows = [f"{each['text']}\t{each['label']}" for each in some]
        (folder / f"{name}.tsv").write_text("\n".join(["sentence\tlabel", *rows]), "utf-8")
    (folder / "reviews.jsonl").write_text(reviews, "utf-8")
    (folder / "texts.jsonl").write_text(reviews, "utf-8")
    (folder / "markers.txt").write_text("\n".join(FREQUENT), "utf-8")
    (folder / "sample").symlink_to(SAMPLE)
    shutil.copy(entities_file(), folder / "names.tsv")
    shutil.copy(records_file(), folder / "log-1.jsonl")


def _anchors(text: str) -> list[dict[str, object]]:
    """Returns an entity at the begin of each sentence of a document."""
    starts = (found.start(1) for found in re.finditer(r"(?:^|[.。!?！？,，]\s*)(\w{3})", text))
    return [{"start": at, "end": at + 3, "entity": f"Q{at}"} for at in starts]


def _lines(records: Sequence[object]) -> str:
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records)


TOKENIZERS = {
    "tokenizer.json": "wordpiece+eod",
    "vocab.json": "wordpiece+eod",
    "bpe.json": "bpe+eod",
}


def _sample(recipe: str) -> Callable[[Path], None]:
    return lambda place: shutil.copytree(corpus(recipe), place, dirs_exist_ok=True) and None


def _command(command: str) -> Callable[[Path], None]:
    return lambda place: run([*shlex.split(command), "--output", str(place)])


def _vectors(place: Path) -> None:
    """Writes embeddings of the entities of the build beside."""
    entities = (place.parent / "ERNIE" / "entities.txt").read_text("utf-8").splitlines()
    lines = [f"{len(entities)} 4", *(f"{each} 1 0 0 1" for each in entities)]
    place.write_text("\n".join(lines), "utf-8")


_CLASSIFY = (
    "shardmill build classify --input train.jsonl --fields text,label --tokenizer vocab.json"
)
_REGRESS = (
    "shardmill build regress --input numbers.jsonl --fields text,label --tokenizer vocab.json"
)
_PRETRAINED = "shardmill train --data PRETRAINING --model bert-tiny"


def _numbers(place: Path) -> None:
    place.write_text(_lines([{"text": f"of {n} words", "label": n} for n in range(40)]), "utf-8")


GIVEN: Mapping[str, Mapping[str, Callable[[Path], None]]] = {
    "docs/api/shards.md": {"OUT": _sample("bert-wwm")},
    "docs/api/training.md": {"OUT": _sample("bert-wwm")},
    "docs/export.md": {"DIR": _sample("bert-wwm"), "GPT": _sample("gpt")},
    "docs/fastbert.md": {
        "TASK": _command(_CLASSIFY),
        "RUN": _command("shardmill train --data TASK --model bert-tiny"),
    },
    "docs/finetuning.md": {
        "PRETRAINING": _command(
            "shardmill build roberta --input text/en.txt --tokenizer vocab.json"
        ),
        "RUN": _command(_PRETRAINED),
        "RTE": _command(_CLASSIFY),
        "numbers.jsonl": _numbers,
        "STSB": _command(_REGRESS),
    },
    "docs/training.md": {
        "OUT": _sample("bert-wwm"),
        "ERNIE": _sample("ernie-thu"),
        "transe.vec": _vectors,
        "notes": _command("shardmill annotate --input 'text/*.txt'"),
    },
    "docs/vectors.md": {"OUT": _sample("cbow")},
}
"""What a page takes for granted, by the name it has for it."""


def test_commands_are_made_small() -> None:
    given = ["train", "--data", "OUT", "--model", "bert-base", "--steps", "2000"]
    assert smaller(given)[3:7] == ["--model", "bert-tiny", "--steps", "2"]


def test_blocks_are_found() -> None:
    commands = "<!-- not run: no GPU -->\n```sh\nshardmill x \\\n  y  # z\n```\n"
    page = f"a\n{commands}- b\n\n  ```text\n  c\n  ```\n"
    first, second = blocks_of(page)
    assert (first.line, first.language, first.why_not) == (2, "sh", "no GPU")
    assert list(commands_of(first)) == [["shardmill", "x", "y"]]
    assert (second.language, second.content, second.why_not) == ("text", "c\n", "")
