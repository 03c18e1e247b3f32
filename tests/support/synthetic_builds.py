"""Small finished builds for tests, made without Beam, and ways to damage them."""

import collections
import contextlib
import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from schemas.checked_json import DamagedError
from schemas.columns import ENTITY_IDS
from schemas.counts import COUNTS
from schemas.documents import document_batch
from schemas.entities import ENTITIES, entities_sha256, entities_text
from schemas.manifest import DATA_VERSION, FORMAT_VERSION, add_up
from schemas.manifest_file import seal
from schemas.manifest_parts import ShardEntry
from schemas.records import ShardId
from schemas.vocabulary import read_vocabulary, sentinel_name
from tests.oracles.openings import opened_lines
from tests.oracles.spans import with_spans
from tests.support.pair_counts import with_pairs
from tests.support.recipes import needs_sentinels
from tests.support.word_lists import words_of
from transforms.annotate.annotator import Annotator
from transforms.annotate.gazetteer import Gazetteer
from transforms.arrays.randomness import rng_for
from transforms.build.build_examples import BuildSettings, arrange_examples, tokenize_shard
from transforms.build.corrupt import corrupt
from transforms.build.examine import examine
from transforms.build.write_shard import write_shard
from transforms.checks.pairs import LEFT_OUT
from transforms.contract.oracle import gather
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import settings_of
from transforms.records.shard_text import join_documents

CHINESE = ("我们", "中国", "研究", "学习", "的", "是", "机器", "语言", "模型", "方法", "图书馆")
Rows = list[dict[str, Any]]


@functools.lru_cache(maxsize=4)
def lines_of_documents(documents: int, seed: int = 0) -> tuple[tuple[str, ...], ...]:
    """Makes up documents of 1 to 16 sentences, each a line of 3 to 20 words."""
    rng = rng_for(seed, "text")
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    made_up = ["".join(rng.choice(syllables, n)) for n in rng.integers(1, 5, 600)]
    lexicon = [*made_up, *CHINESE]
    common = 1 / (1 + np.arange(len(lexicon)))
    order = rng.permutation(len(lexicon))
    made = []
    for _ in range(documents):
        sentences = [
            " ".join(lexicon[order[i]] for i in rng.choice(len(order), n, p=common / common.sum()))
            for n in rng.integers(3, 21, rng.integers(1, 17))
        ]
        made.append(tuple(f"{sentence}." for sentence in sentences))
    return tuple(made)


@functools.lru_cache(maxsize=1)
def tokenizer_json() -> str:
    """Trains a small WordPiece tokenizer on made-up text."""
    return str(_trained().to_str())


@functools.lru_cache(maxsize=1)
def with_sentinels() -> str:
    """Returns the same tokenizer with a hundred sentinels."""
    tokenizer = _trained()
    tokenizer.add_special_tokens([sentinel_name(number) for number in reversed(range(100))])
    return str(tokenizer.to_str())


def _trained() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=500, special_tokens=special, show_progress=False)
    text = (line for document in lines_of_documents(200) for line in document)
    tokenizer.train_from_iterator(text, trainer)
    tokenizer.add_special_tokens(["<eod>"])
    return tokenizer


@functools.lru_cache(maxsize=1)
def word_list() -> tuple[str, str]:
    """Returns a tokenizer of the words that occur twice in made-up text, and their counts."""
    words = words_of((line for document in lines_of_documents(200) for line in document), least=2)
    return words.tokenizer_json, words.counts_json


@functools.lru_cache(maxsize=1)
def surfaces() -> str:
    """Returns every second made-up word as an entity; the ids come in another order."""
    lines = (line.removesuffix(".") for document in lines_of_documents(200) for line in document)
    words = sorted({word for line in lines for word in line.split()})[::2]
    return "".join(f"{word}\tQ{number * 7919 % 1009}\n" for number, word in enumerate(words))


def settings_for(recipe: Recipe, seed: int = 7) -> BuildSettings:
    text = with_sentinels() if needs_sentinels(recipe) else tokenizer_json()
    counts = None
    if recipe.of_words:
        text, counts = word_list()
    annotator = Annotator()
    if ENTITY_IDS in recipe.needs:
        annotator = Annotator(kinds=(ENTITY_IDS,), gazetteer=Gazetteer(surfaces=surfaces()))
    entities = len(annotator.entities())
    return BuildSettings(
        recipe=recipe,
        seed=seed,
        tokenizer_json=text,
        vocabulary=dataclasses.replace(
            read_vocabulary(text, counts=counts, needed=recipe.roles, of_words=recipe.of_words),
            entities=entities,
        ),
        sentences="lines",
        annotations=annotator,
    )


def build_batches(
    settings: BuildSettings, shard: ShardId, documents: Sequence[Sequence[str]]
) -> "Built":
    """Builds the rows of one shard, with made-up spans, openings and labels where needed."""
    for openings in settings.recipe.openings.values():
        documents = opened_lines(documents, openings)
    texts = ["".join(f"{line}\n" for line in document).encode() for document in documents]
    records = settings.recipe.pair.records
    labels = [number % 3 for number in range(len(texts))] if records else []
    text = join_documents([document_batch(texts, labels)], deduplicate=True)
    tokens = with_spans(tokenize_shard(text, settings, shard), settings.recipe.annotations)
    examples = arrange_examples(tokens, settings, shard)
    stream = settings.stream(shard)
    counts = collections.Counter({**examples.drawn, LEFT_OUT: examples.left_out})
    rows = corrupt(examples, settings.recipe, settings.vocabulary, stream, counts=counts)
    return Built(list(rows), counts)


class Built(list[pa.RecordBatch]):
    """Record batches, with counts of what they do not show."""

    def __init__(self, batches: Sequence[pa.RecordBatch], counts: Mapping[str, int]) -> None:
        super().__init__(batches)
        self.counts = counts


@dataclasses.dataclass
class Folder:
    """A finished build, whose shards can be changed behind the manifest's back or with it."""

    path: Path
    settings: BuildSettings
    manifest: dict[str, Any]

    def shard(self, number: int = 0) -> Path:
        return self.path / str(self._entry(number)["path"])

    def _entry(self, number: int) -> dict[str, Any]:
        entry: dict[str, Any] = self.manifest["splits"]["train"]["shards"][number]
        return entry

    def seal(self) -> None:
        """Adds the entries up and writes a manifest with the right checksum."""
        train = self.manifest["splits"]["train"]
        for name in ("rows", "tokens"):
            train[name] = sum(entry[name] for entry in train["shards"])
        self.manifest["statistics"] = {
            "train": add_up(entry["statistics"] for entry in train["shards"])
        }
        # What cannot be counted is wrong in rows alone.
        with contextlib.suppress(DamagedError):
            self.manifest.update(with_pairs(self.path, self.settings, train["shards"]))
        (self.path / "manifest.json").write_text(seal(self.manifest), encoding="utf-8")

    def change_rows(self, change: Callable[[Rows], object], number: int = 0) -> None:
        """Changes the rows of a shard, and the manifest so that only the rows can tell."""
        with pa.ipc.open_file(str(self.shard(number))) as file:
            rows = file.read_all().to_pylist()
        change(rows)
        schema = self.settings.recipe.schema(self.settings.vocabulary)
        self.write(pa.RecordBatch.from_pylist(rows, schema=schema), number)

    def write(self, batch: pa.RecordBatch, number: int = 0) -> None:
        """Replaces the rows of a shard and seals the manifest."""
        entry = self._entry(number)
        kept = {name: entry[name] for name in ("documents", "drawn", "left_out")}
        entry.update(write_entry_of(self.path, entry["path"], [batch], self.settings))
        entry.update(kept)
        self.seal()


def write_entry_of(
    folder: Path,
    path: str,
    batches: list[pa.RecordBatch],
    settings: BuildSettings,
    documents: int = 1,
) -> dict[str, Any]:
    """Writes a shard and returns its entry."""
    recipe, vocabulary = settings.recipe, settings.vocabulary
    drawn = dict(batches.counts) if isinstance(batches, Built) else {}
    left_out = drawn.pop(LEFT_OUT, 0)
    sha256, size, counts = write_shard(batches, recipe.schema(vocabulary), str(folder / path))
    found = gather(examine(batch, recipe, vocabulary) for batch in batches)
    return ShardEntry(
        path=path,
        **counts,
        bytes=size,
        sha256=sha256,
        documents=documents,
        duplicates=0,
        encoder="word_table",
        statistics=add_up([found.counts]),
        left_out=left_out,
        drawn=drawn,
    ).to_json()


def build_folder(
    path: Path, recipe: Recipe, shards: int = 2, documents: int = 160, seed: int = 7
) -> Folder:
    """Builds a folder that `shardmill verify` finds nothing wrong with."""
    settings = settings_for(recipe, seed)
    lines = lines_of_documents(documents)
    (path / "train").mkdir(parents=True)
    (path / "tokenizer.json").write_text(settings.tokenizer_json, encoding="utf-8")
    entries = []
    for index in range(shards):
        shard = ShardId("train", index, shards)
        batches = build_batches(settings, shard, lines[index::shards])
        count = len(lines[index::shards])
        entries.append(write_entry_of(path, f"{shard.name}.arrow", batches, settings, count))
    vocabulary, entities = settings.vocabulary, settings.annotations.entities()
    (path / "README.md").write_text("# A build\n", encoding="utf-8")
    (path / "report.html").write_text("<p>A build</p>\n", encoding="utf-8")
    names = ["README.md", "report.html", "tokenizer.json"]
    if entities:
        (path / ENTITIES).write_text(entities_text(entities), encoding="utf-8")
        names.append(ENTITIES)
    if vocabulary.counts:
        (path / COUNTS).write_text(vocabulary.counts.json, encoding="utf-8")
        names.append(COUNTS)
    manifest: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "data_version": DATA_VERSION,
        "recipe": {"name": recipe.name, "settings": settings_of(recipe)},
        "seed": seed,
        "tokenizer": {
            "sha256": hashlib.sha256(settings.tokenizer_json.encode()).hexdigest(),
            "vocab_size": vocabulary.size,
            "special_tokens": dict(vocabulary.names),
        },
        "counts": vocabulary.counts.sha256 if vocabulary.counts else None,
        "sentences": settings.sentences,
        "segmenter": None,
        "annotator": None,
        "entities": _entities_record(entities) if entities else None,
        "deduplicate": True,
        "max_document_mib": 8,
        "shards": {"train": shards, "eval": 0, "eval_below": 0},
        "text_field": "text",
        "inputs": [],
        "software": {"numpy": np.__version__},
        "documents": {
            "read": documents,
            "bytes": 0,
            "empty": 0,
            "split": 0,
            "duplicates": 0,
            "rejected": {},
        },
        "splits": {"train": {"shards": json.loads(json.dumps(entries))}},
        "files": {name: _file_record(path / name) for name in names},
    }
    folder = Folder(path, settings, manifest)
    folder.seal()
    return folder


def _entities_record(entities: Sequence[str]) -> dict[str, Any]:
    return {"count": len(entities), "sha256": entities_sha256(entities)}


def _file_record(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
