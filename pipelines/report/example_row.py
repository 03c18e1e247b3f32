"""A real row of a recipe, made of the bundled sample, as the documentation shows it."""

import dataclasses
import functools
import io
import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console

from pipelines.report.row import Row
from pipelines.report.rows import RowDecoder
from pipelines.report.terminal import show
from schemas.arrow_columns import numpy_of
from schemas.columns import ENTITY_IDS
from schemas.documents import document_batch
from schemas.records import ShardId
from schemas.vocabulary import ROLES, read_vocabulary
from schemas.word_list import WordList
from transforms.annotate.annotator import Annotator
from transforms.annotate.gazetteer import Gazetteer
from transforms.build.build_examples import BuildSettings, build_examples
from transforms.build.corpus import Corpus
from transforms.objectives.recipe import Recipe
from transforms.records.shard_text import join_documents
from transforms.text.normalize import normalize_texts
from transforms.text.separate_words import separate_words
from transforms.text.words import Segmenter, annotate_words
from transforms.tokens.train_tokenizer import Training, train_tokenizer
from transforms.tokens.word_counts import count_words

SAMPLE = Path(__file__).resolve().parents[2] / "sample"
_SEED = 12345
_LENGTH = 64
_COPIES = 3
_ROWS = 200
_WIDTH = 110
_SENTINELS = 20


def example_row(recipe: Recipe) -> str:
    """Returns one row as `shardmill inspect` shows it: short, and one that shows much.

    The sample must be beside this package, as it is where the project is, but not where it is
    installed.
    """
    recipe = dataclasses.replace(
        recipe,
        max_seq_length=min(recipe.max_seq_length, _LENGTH),
        copies=_COPIES if recipe.stores_copies else 1,
    )
    aligned = ENTITY_IDS in recipe.needs
    entities = _annotator().entities() if aligned else ()
    sentinels = recipe.denoise is not None and recipe.denoise.target.sentinels
    if recipe.of_words:
        tokenizer = _words().tokenizer_json
    else:
        tokenizer = _tokenizer("eod" in recipe.roles, _SENTINELS if sentinels else 0)
    vocabulary = read_vocabulary(tokenizer, needed=recipe.roles)
    corpus = Corpus(
        folder=str(SAMPLE),
        manifest=None,
        recipe=recipe,
        tokenizer_json=tokenizer,
        vocabulary=dataclasses.replace(vocabulary, entities=len(entities)),
        entities=entities,
    )
    page = io.StringIO()
    show([_richest_row(corpus)], Console(file=page, width=_WIDTH, color_system=None))
    return page.getvalue().rstrip()


def _richest_row(corpus: Corpus) -> Row:
    """Returns the one of the first rows that has most to show."""
    settings = BuildSettings(
        recipe=corpus.recipe,
        seed=_SEED,
        tokenizer_json=corpus.tokenizer_json,
        vocabulary=corpus.vocabulary,
        annotations=_annotator() if corpus.entities else Annotator(),
    )
    batch = _records() if corpus.recipe.pair.records else document_batch(_documents())
    text = join_documents([batch], deduplicate=True)
    batch = next(build_examples(text, settings, ShardId("train", 0, 1)))
    decoder, copy = RowDecoder(corpus), corpus.recipe.copies - 1
    rows = [
        decoder.decode(
            "sample",
            number,
            batch.slice(number, 1),
            copy,
            batch.slice(number - 1, 1) if number else None,
        )
        for number in range(min(_ROWS, batch.num_rows))
    ]
    return max(rows, key=_shown_count)


def _shown_count(row: Row) -> tuple[int, int]:
    labels, spans = (sum(map(len, each.values())) for each in (row.labels, row.spans))
    edits = sum(each.edits for each in row.edited or ())
    marks = len(row.selected) + edits + labels + spans + len(row.entities or ())
    # A document that begins inside a row shows how the one before ends.
    inside = sum(start > 0 for start in row.documents or ())
    return marks + inside, len(row.segments)


@functools.cache
def _annotator() -> Annotator:
    """Finds the entities that are listed beside the sample."""
    surfaces = (SAMPLE / "entities.tsv").read_text("utf-8")
    return Annotator(kinds=(ENTITY_IDS,), gazetteer=Gazetteer(surfaces=surfaces))


@functools.cache
def _documents() -> list[bytes]:
    texts = [path.read_bytes() for path in sorted(SAMPLE.glob("*.txt"))]
    return normalize_texts([part for text in texts for part in text.split(b"\n\n")])


def _records() -> pa.RecordBatch:
    """Returns headings of the sample with a line of their own document, and of the next one."""
    lines = [document.decode().split("\n") for document in _documents()]
    records = [
        (f"{own[0]}\n{title}".encode(), label)
        for own, following in itertools.pairwise(lines)
        for title, label in ((own[1], 0), (following[1], 2))
    ]
    return document_batch([text for text, _ in records], [label for _, label in records])


@functools.cache
def _words() -> WordList:
    """Returns the words that occur twice in the sample."""
    text = join_documents([document_batch(_documents())], deduplicate=True)
    counts = count_words(separate_words(annotate_words(text, Segmenter())).data)
    frequent = counts.filter(pc.field("count") > 1)
    ordered = frequent.sort_by([("count", "descending"), ("word", "ascending")])
    words = ordered["word"].cast(pa.large_string()).to_pylist()
    return WordList(words, numpy_of(ordered["count"]))


@functools.cache
def _tokenizer(ended: bool, sentinels: int) -> str:
    """Returns a tokenizer of the sample, with an end-of-document token if it is to have one."""
    training = Training(
        model="wordpiece",
        size=5000,
        lowercase=True,
        eod_token=ROLES["eod"][0] if ended else "",
        sentinels=sentinels,
    )
    return train_tokenizer(_documents(), training)
