"""Finished builds of the bundled sample, made once a test run and shared: only read them."""

import collections
import contextlib
import functools
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.build import main as build
from tests.support.made_once import made_once
from tests.support.recipes import varied
from tests.support.word_lists import words_of
from transforms.objectives import OBJECTIVES
from transforms.text.normalize import normalize_texts
from transforms.tokens.train_tokenizer import Training, train_tokenizer

SAMPLE = Path(__file__).resolve().parents[2] / "sample"
WITH_EOD = "+eod"
"""Is added to the name of a model whose tokenizer has an end-of-document token."""
WITH_SENTINELS = "+sentinels"
"""The same for a hundred sentinels."""
WORDS = "words"
"""Is the name of the list of words."""
MODELS = {
    "roberta": "bpe",
    "gpt": f"bpe{WITH_EOD}",
    "transformer-xl": f"wordpiece{WITH_EOD}",
    "xlnet": f"wordpiece{WITH_EOD}",
    "t5": f"wordpiece{WITH_SENTINELS}",
    **{name: WORDS for name, recipe in OBJECTIVES.items() if recipe.of_words},
}
FREQUENT = ("the", "a", "it", "on", "he", "这", "他", "每", "一", "第")
"""What sentences of the sample begin with more often than with discourse markers."""
RECORDS = "query,title,label"
OPTIONS = {
    "ernie2-relevance": ("--text-field", RECORDS),
    "ernie2-discourse": ("--set", f"pair.markers=english,chinese,{','.join(FREQUENT)}"),
}


@functools.cache
def sample_documents() -> tuple[bytes, ...]:
    texts = [path.read_bytes() for path in sorted(SAMPLE.glob("*.txt"))]
    return tuple(normalize_texts([part for text in texts for part in text.split(b"\n\n")]))


@functools.cache
def tokenizer_file(model: str, size: int = 3000) -> Path:
    if model == WORDS:
        return made_once("words.txt", _write_words)
    kind, _, _ = model.partition("+")
    training = Training(
        model=kind,
        size=size,
        lowercase=kind == "wordpiece",
        eod_token="<|endoftext|>" if WITH_EOD in model else "",
        sentinels=100 if WITH_SENTINELS in model else 0,
    )

    def make(path: Path) -> None:
        path.write_text(train_tokenizer(sample_documents(), training), encoding="utf-8")

    return made_once(f"{model}-{size}.json", make)


def _write_words(path: Path) -> None:
    lines = b"\n".join(sample_documents()).decode().split("\n")
    path.write_text(words_of(lines, least=2).text, encoding="utf-8")


@functools.cache
def records_file() -> Path:
    """Returns records of queries and titles: a heading of the sample, and each line below it."""
    return made_once("records.jsonl", _write_records)


def _write_records(path: Path) -> None:
    records = []
    for document in sample_documents():
        query, *titles = document.decode().split("\n")
        for number, title in enumerate(titles):
            # What can be learned of it is the language.
            label = 0 if title.isascii() else 1 + number % 2
            records.append({"query": query, "title": title, "label": label})
    lines = (json.dumps(record, ensure_ascii=False) for record in records)
    path.write_text("\n".join(lines), encoding="utf-8")


@functools.cache
def few_documents() -> Path:
    """Returns twelve documents of each language of the sample: few enough to learn by heart."""
    return made_once("few.txt", _write_few)


def _write_few(path: Path) -> None:
    texts = [(SAMPLE / f"{name}.txt").read_text("utf-8") for name in ("en", "zh")]
    few = [document for text in texts for document in text.split("\n\n")[:12]]
    path.write_text("\n\n".join(few), encoding="utf-8")


@functools.cache
def entities_file() -> Path:
    """Returns the longer words and most frequent pairs of ideographs of the sample as entities."""
    return made_once("entities.tsv", _write_entities)


def _write_entities(path: Path) -> None:
    text = b"\n".join(sample_documents()).decode()
    words = collections.Counter(re.findall(r"\b[A-Za-z]{6,}\b", text))
    pairs = collections.Counter(re.findall(r"(?=([\u4e00-\u9fff]{2}))", text))
    forms = sorted(words) + sorted(form for form, _ in pairs.most_common(100))
    # Every third entity has the name of the one before as well.
    lines = [f"{form}\tQ{number - number // 3}\n" for number, form in enumerate(forms)]
    path.write_text("".join(lines), encoding="utf-8")


def needed_options(recipe: str) -> list[str]:
    """Returns the options of `shardmill build` without which a recipe cannot be built."""
    entities = ["--entities", str(entities_file())] if recipe == "ernie-thu" else []
    return [*OPTIONS.get(recipe, ()), *entities]


def copies_in(recipe: str) -> int:
    """Returns how many copies `corpus` makes: 3, or 1 where masks are not stored."""
    return varied(OBJECTIVES[recipe], copies=3).copies


@functools.cache
def corpus(recipe: str, model: str = "") -> Path:
    """Returns a build of the sample: two shards for training, one for evaluation, `copies_in`."""
    name = f"{recipe}-{model or MODELS.get(recipe, 'wordpiece')}"
    return made_once(name, lambda folder: build_into(folder, recipe, text_of(recipe), model))


def takes_records(recipe: str) -> bool:
    """Whether a recipe is made of records, not of plain text."""
    return RECORDS in OPTIONS.get(recipe, ())


def text_of(recipe: str) -> str:
    """Returns the files that `corpus` is made of."""
    return str(records_file()) if takes_records(recipe) else f"{SAMPLE}/*.txt"


def build_into(folder: Path | str, recipe: str, text: str, model: str = "") -> None:
    """Builds as `corpus` does, of other files."""
    model = model or MODELS.get(recipe, "wordpiece")
    arguments = [recipe, "--input", text, "--tokenizer", str(tokenizer_file(model))]
    options = ["--shards", "2", "--eval-fraction", "0.1"]
    options += ["--copies", str(copies_in(recipe)), *needed_options(recipe)]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert build([*arguments, "--output", str(folder), *options]) == 0


def copy_of(recipe: str, folder: Path) -> Path:
    """Returns a build that a test may damage."""
    shutil.copytree(corpus(recipe), folder)
    return folder


def manifest_of(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
    return manifest


def shard_paths(folder: Path, split: str = "train") -> list[Path]:
    return sorted((folder / split).glob("*.arrow"))


def stored_rows(path: Path) -> list[dict[str, Any]]:
    with pa.ipc.open_file(str(path)) as file:
        rows: list[dict[str, Any]] = file.read_all().to_pylist()
    return rows


RECIPES = sorted(OBJECTIVES)
MASKED = [
    name
    for name in RECIPES
    if OBJECTIVES[name].corrupt and OBJECTIVES[name].attention == "bidirectional"
]
"""The recipes whose rows say how they are masked. Of the others some are trained on with an
objective, and some predict tokens that are not masked."""
IN_MODES = [name for name in RECIPES if OBJECTIVES[name].modes]
"""The recipes whose rows are masked, and seen in one of several ways."""
