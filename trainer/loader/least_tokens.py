"""The least batch that all of the data fit into, so that a smaller one is refused once."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from schemas.errors import UsageError
from trainer.loader.batch_shapes import SmallBatchError, row_bounds
from trainer.rows.row_source import choose_source
from trainer.rows.shard_rows import MappedShards
from transforms.build.corpus import Corpus


@contextlib.contextmanager
def one_limit(corpora: Iterable[Corpus], given: int, copies: str, seed: int) -> Iterator[None]:
    """Raises a `SmallBatchError` again, with a limit that all splits of all builds keep.

    Args:
      corpora: That batches are made of.
      given: Tokens of a batch.
      copies: See `trainer.loader.batches.ArrowBatches`.
      seed: Likewise.
    """
    try:
        yield
    except SmallBatchError as error:
        limits = [_limit(corpus, split, copies, seed) for corpus, split in _splits(corpora)]
        least, what = max(limits, key=lambda limit: limit[0])
        raise UsageError(f"--batch-tokens must be at least {least}, {what}, got {given}") from error


def _splits(corpora: Iterable[Corpus]) -> Iterator[tuple[Corpus, str]]:
    for corpus in corpora:
        for split, shards in corpus.splits.items():
            if any(shard.rows for shard in shards):
                yield corpus, split


def _limit(corpus: Corpus, split: str, copies: str, seed: int) -> tuple[int, str]:
    """Returns the least tokens of a batch of a split, and what needs them."""
    paths = [Path(corpus.folder, entry.path) for entry in corpus.shards(split)]
    shards = MappedShards(paths, corpus.stored_as, corpus.vocabulary)
    bounds = row_bounds(shards, corpus, choose_source(shards, corpus, copies, seed))
    whose = f"of {corpus.folder}/{split}"
    if bounds.records is not None:
        return bounds.most(1)[1], f"the candidates of a record {whose}"
    if (streams := corpus.recipe.segment.streams) > 1:
        return streams * bounds.longest, f"a forward and a reversed row {whose}"
    if corpus.recipe.denoise is not None and not corpus.recipe.denoise.target.flows:
        return bounds.longest, f"the longest source and target {whose}"
    return bounds.longest, f"the longest row {whose}"
