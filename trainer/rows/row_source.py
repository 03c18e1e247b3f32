"""Chooses what makes a model's rows of those of a build."""

from collections.abc import Sequence
from typing import Any, Protocol

from schemas.records import Array, Int64
from trainer.rows.flow_rows import FlowRows, flow_tokens
from trainer.rows.labelled_rows import LabelledRows
from trainer.rows.masked_rows import FreshMasks, StoredMasks
from trainer.rows.next_token_rows import NextTokenRows
from trainer.rows.next_word_rows import NextWordRows
from trainer.rows.pair_source import FreshPairs, StoredPairs
from trainer.rows.shard_rows import MappedShards
from transforms.build.corpus import Corpus
from transforms.contract.attention import RECURRENT
from transforms.objectives.recipe import Recipe


class Source(Protocol):
    """Makes what a model is given of rows; `trainer.rows.masked_rows.RowSource` says how."""

    @property
    def lengths(self) -> Array: ...
    @property
    def sequences(self) -> Array | None: ...
    @property
    def target_names(self) -> Sequence[str]: ...

    def draw(self, rows: Int64, epoch: int, batch: int) -> Any: ...
    def context(self) -> float: ...
    def most_targets(self) -> list[Array]: ...


def choose_source(shards: MappedShards, corpus: Corpus, copies: str, seed: int) -> Source:
    """Returns the stored copies of a build if there are any and they are wanted, else fresh ones.

    Where nothing is corrupted it returns labelled rows, next tokens, or next words.

    Args:
      shards: Of the build.
      corpus: The build, or what its rows are taken for.
      copies: "cycle" for stored masks and edits, "dynamic" for fresh ones.
      seed: Of fresh ones.
    """
    recipe, fields = corpus.recipe, (shards, corpus.recipe, seed, corpus.vocabulary)
    cycle = copies == "cycle" and corpus.built is None
    if recipe.denoise is not None:
        pairs = StoredPairs(*fields) if cycle else FreshPairs(*fields)
        return FlowRows(pairs) if recipe.denoise.target.flows else pairs
    if recipe.labelled is not None:
        return LabelledRows(*fields)
    if recipe.attention == RECURRENT:
        return NextWordRows(*fields)
    if recipe.predict is not None:
        return NextTokenRows(*fields)
    if cycle and recipe.stored:
        return StoredMasks(*fields)
    return FreshMasks(*fields)


def given_tokens(recipe: Recipe, length: int) -> int:
    """Returns how many tokens a model is given of a row of so many, at most."""
    if recipe.denoise is not None and recipe.denoise.target.flows:
        return flow_tokens(recipe, length)
    return length - (recipe.predict is not None and recipe.labelled is None)
