"""Opens a build for one loader, and maps the shards of one of its splits."""

import os
from pathlib import Path

from schemas.errors import UsageError
from trainer.loader.open_corpus import open_local_corpus, shard_problem
from trainer.loader.other_objective import with_objective
from trainer.rows.shard_rows import MappedShards
from transforms.build.corpus import Corpus


def opened_build(data: str | os.PathLike[str] | Corpus, objective: str | None) -> Corpus:
    """Opens a build that is not open yet, and gives it another objective where one is named.

    Raises:
      UsageError: if there is no finished build, or it lacks what the objective needs.
      DamagedError: if its manifest, recipe or tokenizer cannot be understood.
    """
    corpus = data if isinstance(data, Corpus) else open_local_corpus(data)
    return corpus if objective is None else with_objective(corpus, objective)


def map_split(corpus: Corpus, split: str, checksums: bool) -> MappedShards:
    """Maps the shards of a split, which must be those of the manifest.

    Args:
      corpus: The build.
      split: "train" or "eval".
      checksums: Compare their sha256, too, not their sizes alone.

    Raises:
      UsageError: if they are not.
    """
    shards = [(corpus.folder, entry) for entry in corpus.shards(split)]
    if problem := shard_problem(shards, checksums=checksums):
        raise UsageError(problem)
    paths = [Path(folder, entry.path) for folder, entry in shards]
    return MappedShards(paths, corpus.stored_as, corpus.vocabulary)
