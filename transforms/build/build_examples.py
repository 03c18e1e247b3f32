"""From the text of one shard to its rows: a pure function, made of pure functions."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from schemas import columns
from schemas.annotations import KINDS
from schemas.records import ByteSpans, ShardId, ShardText, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples
from transforms.annotate.annotations import mark_documents, mark_sentences, mark_sources
from transforms.annotate.annotator import Annotator
from transforms.arrays.randomness import rng_for
from transforms.build.corrupt import Stream, corrupt
from transforms.contract.packing import Segment
from transforms.objectives.recipe import Recipe
from transforms.text.openings import find_openings
from transforms.text.sentences import SENTENCE_RULES
from transforms.text.separate_words import separate_words
from transforms.text.words import Segmenter, annotate_words
from transforms.tokens.tokenize_text import TextEncoder
from transforms.windows.examples import join_examples
from transforms.windows.lay_out import cut_lone, lay_out
from transforms.windows.row_sources import with_sources
from transforms.windows.text_rows import keep_text


class Annotations(Protocol):
    """Where the entities and phrases of a text come from."""

    def entities(self) -> tuple[str, ...]:
        """Returns the ids of all entities that there may be, in the order of their numbers."""
        ...

    def spans(self, text: ShardText, kinds: Iterable[str]) -> Mapping[str, ByteSpans]:
        """Returns the spans of these kinds in a shard's text.

        The kind `schemas.columns.ENTITY_IDS` are `EntitySpans`: entities with an id.

        Raises:
          AnnotationError: if they cannot be had.
        """
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildSettings:
    """Everything that decides a shard's bytes, besides its text.

    Attributes:
      recipe: How examples are built.
      seed: Of every random choice.
      tokenizer_json: Content of the tokenizer file.
      vocabulary: Of that tokenizer.
      sentences: Name of the sentence rule, a key of `SENTENCE_RULES`.
      segmenter: Finds Chinese words where the recipe asks for words.
      annotations: Finds entities and phrases where the recipe asks for them.
    """

    recipe: Recipe
    seed: int
    tokenizer_json: str
    vocabulary: Vocabulary
    sentences: str = "rules"
    segmenter: Segmenter = Segmenter()
    annotations: Annotations = Annotator()

    def stream(self, shard: ShardId) -> Stream:
        """Returns the shard's generators: step and copy (or pass) to generator."""
        return functools.partial(_stream, self.seed, self.recipe.name, shard)


def _stream(seed: int, name: str, shard: ShardId, step: str, copy: int) -> np.random.Generator:
    return rng_for(seed, name, step, shard.split, shard.index, copy)


@functools.lru_cache(maxsize=2)
def load_encoder(
    tokenizer_json: str,
    positions: bool,
    unknown: int | None,
    special: tuple[int, ...],
    capitals: bool,
) -> TextEncoder:
    """Loads an encoder once a process, so that its table of words serves all shards."""
    return TextEncoder(
        tokenizer_json, positions=positions, unknown=unknown, special=special, capitals=capitals
    )


def tokenize_shard(
    text: ShardText,
    settings: BuildSettings,
    shard: ShardId,
    others: Iterable[Recipe] = (),
) -> Tokens:
    """Splits the text into sentences, marks what is needed to be known of it, and encodes.

    Args:
      text: The shard's documents, sorted and without duplicates.
      settings: Recipe, seed and tokenizer.
      shard: Names the shard's random streams.
      others: Recipes besides the one of the settings that are built of the same tokens.
    """
    recipes = (settings.recipe, *others)
    needs = frozenset[str]().union(*(recipe.needs for recipe in recipes))
    starts = SENTENCE_RULES[settings.sentences](text.data)
    text = dataclasses.replace(text, sentence_starts=starts)
    text_bytes = len(text.data)
    if settings.recipe.of_words:
        text = separate_words(annotate_words(text, settings.segmenter))
    if columns.WORDS in needs:
        text = annotate_words(text, settings.segmenter)
    if kinds := [kind for kind in (*KINDS, columns.ENTITY_IDS) if kind in needs]:
        text = dataclasses.replace(text, spans=settings.annotations.spans(text, kinds))
    openings = {name: texts for recipe in recipes for name, texts in recipe.openings.items()}
    found = {name: find_openings(text.data, starts, texts) for name, texts in openings.items()}
    text = dataclasses.replace(text, spans={**text.spans, **found})
    if settings.recipe.labelled is not None:
        text = settings.recipe.labelled.mark_text(text)
    encoder = load_encoder(
        settings.tokenizer_json,
        bool(needs - {columns.SENTENCES, columns.DOCUMENTS, columns.SOURCE}),
        settings.vocabulary.roles.get("unk"),
        tuple(settings.vocabulary.roles.values()),
        columns.CAPITALS in needs,
    )
    tokens = encoder.encode(text, settings.stream(shard)("check", 0))
    tokens = dataclasses.replace(tokens, text_bytes=text_bytes)
    tokens = mark_sentences(tokens) if columns.SENTENCES in needs else tokens
    tokens = mark_documents(tokens) if columns.DOCUMENTS in needs else tokens
    return mark_sources(tokens) if columns.SOURCE in needs else tokens


def tokens_for(tokens: Tokens, recipe: Recipe) -> Tokens:
    """Returns tokens with what the recipe needs to know of them, and nothing else."""
    return dataclasses.replace(
        tokens,
        word_starts=tokens.word_starts if recipe.needs_words else None,
        annotations={
            name: marks for name, marks in tokens.annotations.items() if name in recipe.needs
        },
    )


def arrange_examples(tokens: Tokens, settings: BuildSettings, shard: ShardId) -> Examples:
    """Packs, pairs and lays out the examples of all passes."""
    recipe, stream = settings.recipe, settings.stream(shard)
    labelled = recipe.labelled
    if labelled is not None:
        tokens = labelled.mark_tokens(tokens)
    parts = []
    for number in range(recipe.passes):
        packing: Any = recipe.segment.pack(
            tokens, recipe.capacity, settings.vocabulary, stream("pack", number)
        )
        windows = recipe.pair.pair(packing, recipe.capacity, stream("pair", number))
        if labelled is not None:
            windows = dataclasses.replace(windows, values=labelled.values(packing))
        windows = cut_lone(windows, recipe.layout, recipe.max_seq_length)
        without_text = 0
        if not recipe.segment.of_streams:
            windows, without_text = keep_text(windows, recipe.pair, settings.vocabulary)
        if labelled is not None:
            count, windows = len(windows.first), labelled.whole(windows)
            without_text += count - len(windows.first)
        for labels in recipe.labels:
            windows = labels.prepare(windows)
        examples = with_sources(lay_out(windows, recipe.layout, settings.vocabulary))
        for labels in recipe.labels:
            examples = labels.finish(examples)
        if labelled is not None:
            examples = labelled.finish(examples)
        left_out = windows.left_out + without_text + examples.left_out
        examples = _in_streams(examples, recipe.segment, number)
        parts.append(dataclasses.replace(examples, left_out=left_out))
    return join_examples(parts)


def _in_streams(examples: Examples, segment: Segment, number: int) -> Examples:
    """Returns the examples of a pass, with the numbers that its streams have in the shard."""
    if examples.stream is None:
        return examples
    stream = examples.stream + number * segment.streams
    return dataclasses.replace(examples, stream=stream)


def build_examples(
    text: ShardText, settings: BuildSettings, shard: ShardId
) -> Iterator[pa.RecordBatch]:
    """Yields the finished rows of one shard.

    Args:
      text: The shard's documents, sorted and without duplicates.
      settings: Recipe, seed and tokenizer.
      shard: Names the shard's random streams.

    Raises:
      LoneDocumentError: if the recipe needs a segment from another document and there is none.
    """
    tokens = tokenize_shard(text, settings, shard)
    examples = arrange_examples(tokens, settings, shard)
    del tokens
    yield from corrupt(examples, settings.recipe, settings.vocabulary, settings.stream(shard))
