"""Opens the loaders of a run, for a build alone and for the members of a mixture."""

import sys
from collections.abc import Mapping
from typing import Literal

from schemas.checked_json import DamagedError
from trainer.loader.batches import ArrowBatches
from trainer.loader.mixed_batches import MixedBatches
from trainer.loader.open_corpus import shard_problem
from trainer.loader.training_data import TrainingData, has_rows
from trainer.options import TrainOptions
from trainer.processes import Processes
from transforms.objectives.schedule import SCHEDULES


def check_shards(data: TrainingData, options: TrainOptions, processes: Processes) -> None:
    """Compares the shards with the manifest; every process reads its share of them.

    Raises:
      DamagedError: if one differs, in all processes.
    """
    if processes.first and options.checksums:
        size, count = sum(shard.bytes for _, shard in data.shards), len(data.shards)
        sys.stderr.write(f"reading {count} shards ({size / 1e6:,.1f} MB) for their sha256\n")
    share = data.shards[processes.rank :: processes.size]
    problem = shard_problem(share, checksums=options.checksums)
    processes.agree(DamagedError(problem) if problem else None)


def open_loaders(
    split: Literal["train", "eval"],
    data: TrainingData,
    options: TrainOptions,
    processes: Processes,
    layout: str,
) -> dict[str, ArrowBatches]:
    """Opens a split of every member that has rows in it, by the members' names.

    For evaluation the rows come in their order, with their stored masks.
    """
    training = split == "train"
    return {
        name: ArrowBatches(
            corpus,
            split=split,
            batch_tokens=options.batch_tokens or 0,
            layout=layout,
            copies=options.copies if training else "cycle",
            seed=options.seed,
            shuffle=training,
            rank=processes.rank,
            world_size=processes.size,
            batches_per_step=options.batches_per_step if training else processes.size,
            checksums=False,
            member=number if data.mixed else None,
        )
        for number, (name, corpus) in enumerate(data.corpora.items())
        if has_rows(corpus, split)
    }


def scheduled(
    data: TrainingData,
    loaders: Mapping[str, ArrowBatches],
    options: TrainOptions,
    processes: Processes,
) -> ArrowBatches | MixedBatches:
    """Returns the batches of the steps: those of the build, or of the members as scheduled."""
    if not data.mixed:
        return loaders[""]
    schedule = SCHEDULES[options.mix or "proportional"]
    return MixedBatches(
        loaders,
        schedule(list(data.weights.values()), options.steps or 1),
        seed=options.seed,
        accumulation=(options.batches_per_step or 1) // processes.size,
    )
