"""From the text of one shard to its rows: a pure function, made of pure functions."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import numpy as np
import pyarrow as pa

from schemas.records import ByteSpans, Examples, ShardId, ShardText, Tokens
from schemas.vocabulary import Vocabulary
from transforms.annotator import Annotator
from transforms.corrupt import Stream, corrupt
from transforms.lay_out import join_examples, lay_out
from transforms.objectives.recipe import Recipe
from transforms.randomness import rng_for
from transforms.sentences import SENTENCE_RULES
from transforms.tokenize_text import TextEncoder
from transforms.words import Segmenter, annotate_words


class Annotations(Protocol):
    """Where the entities and phrases of a text come from."""

    def spans(self, text: ShardText, kinds: Iterable[str]) -> Mapping[str, ByteSpans]:
        """Returns the spans of these kinds in a shard's text.

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
def load_encoder(tokenizer_json: str, positions: bool, unknown: int | None) -> TextEncoder:
    """Loads an encoder once a process, so that its table of words serves all shards."""
    return TextEncoder(tokenizer_json, positions=positions, unknown=unknown)


def tokenize_shard(text: ShardText, settings: BuildSettings, shard: ShardId) -> Tokens:
    """Splits the text into sentences, marks what is needed to be known of it, and encodes."""
    recipe = settings.recipe
    starts = SENTENCE_RULES[settings.sentences](text.data)
    text = dataclasses.replace(text, sentence_starts=starts)
    if recipe.needs_words:
        text = annotate_words(text, settings.segmenter)
    if recipe.annotations:
        spans = settings.annotations.spans(text, recipe.annotations)
        text = dataclasses.replace(text, spans=spans)
    encoder = load_encoder(
        settings.tokenizer_json,
        bool(recipe.needs),
        settings.vocabulary.roles.get("unk"),
    )
    return encoder.encode(text, settings.stream(shard)("check", 0))


def arrange_examples(tokens: Tokens, settings: BuildSettings, shard: ShardId) -> Examples:
    """Packs, pairs and lays out the examples of all passes."""
    recipe, stream = settings.recipe, settings.stream(shard)
    parts = []
    for number in range(recipe.passes):
        packing = recipe.segment.pack(
            tokens, recipe.capacity, settings.vocabulary, stream("pack", number)
        )
        windows = recipe.pair.pair(packing, recipe.capacity, stream("pair", number))
        parts.append(lay_out(windows, recipe.layout, settings.vocabulary))
    return join_examples(parts)


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
