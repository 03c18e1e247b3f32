"""Chooses what makes a model's rows of those of a build."""

from trainer.rows.masked_rows import FreshMasks, RowSource, StoredMasks
from trainer.rows.next_token_rows import NextTokenRows
from trainer.rows.shard_rows import MappedShards
from transforms.build.corpus import Corpus


def choose_source(shards: MappedShards, corpus: Corpus, copies: str, seed: int) -> RowSource:
    """Returns the stored masks of a build if there are any and they are wanted, else fresh ones.

    Where nothing is masked it returns next tokens.

    Args:
      shards: Of the build.
      corpus: The build, or what its rows are taken for.
      copies: "cycle" for stored masks, "dynamic" for fresh ones.
      seed: Of fresh masks.
    """
    recipe, fields = corpus.recipe, (shards, corpus.recipe, seed, corpus.vocabulary)
    if recipe.predict is not None:
        return NextTokenRows(*fields)
    if copies == "cycle" and recipe.stored and corpus.built is None:
        return StoredMasks(*fields)
    return FreshMasks(*fields)
