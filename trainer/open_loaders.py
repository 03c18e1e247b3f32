"""Opens the loaders of a run, for a build alone and for the members of a mixture."""

from collections.abc import Mapping
from typing import Any, Literal

from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.terminal import say
from schemas.wording import counted
from trainer.loader.batch_shapes import check_layout
from trainer.loader.batches import ArrowBatches
from trainer.loader.lanes import choose_lanes
from trainer.loader.mixed_batches import MixedBatches
from trainer.loader.open_corpus import shard_problem
from trainer.loader.training_data import TrainingData, has_rows
from trainer.options import TrainOptions
from trainer.processes import Processes
from transforms.build.corpus import Corpus
from transforms.objectives.schedule import SCHEDULES


def lanes_of(data: TrainingData, options: TrainOptions, model: Any) -> int | None:
    """Returns the number of lanes of a step; None if the model takes rows on their own.

    Raises:
      UsageError: if there cannot be so many, or the rows cannot have the layout of the model.
    """
    for corpus in data.corpora.values():
        check_layout(model.layout, corpus.recipe)
    if model.layout != "lanes":
        if options.lanes is not None:
            raise UsageError(
                f"--lanes {options.lanes} is for a model that takes rows in lanes, and "
                f"{options.model} takes each row on its own; leave it out"
            )
        if model.stateful:
            raise UsageError(
                f"--model {options.model} remembers the rows before, so its layout must be lanes, "
                f"and is {model.layout}"
            )
        return None
    if data.mixed:
        raise UsageError(
            f"--model {options.model} takes rows in lanes, and a step of a mixture would break "
            f"them; train it on a member, such as {data.first.folder}"
        )
    found = choose_lanes(
        data.first,
        "train",
        options.lanes,
        batch_tokens=options.batch_tokens or 0,
        step=options.batches_per_step or 1,
    )
    return found if data.first.recipe.order == "lanes" else None


def check_shards(data: TrainingData, options: TrainOptions, processes: Processes) -> None:
    """Compares the shards with the manifest; every process reads its share of them.

    Raises:
      DamagedError: if one differs, in all processes.
    """
    if processes.first and options.checksums:
        size, count = sum(shard.bytes for _, shard in data.shards), len(data.shards)
        say(f"reading {counted(count, 'shard')} ({size / 1e6:,.1f} MB) for their sha256")
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

    For evaluation the rows come in their order, with their stored masks, and once in each mode of
    attention if there are several, by the names of members and modes. Lanes are shared out to as
    many batches as in training, so that they are the same for any number of processes.
    """
    training = split == "train"
    step = options.batches_per_step if training or layout == "lanes" else processes.size
    return {
        "/".join(filter(None, (name, mode))): ArrowBatches(
            corpus,
            split=split,
            batch_tokens=options.batch_tokens or 0,
            layout=layout,
            copies=options.copies if training else "cycle",
            seed=options.seed,
            shuffle=training,
            rank=processes.rank,
            world_size=processes.size,
            batches_per_step=step,
            lanes=options.lanes if training else None,
            checksums=False,
            member=number if data.mixed else None,
            mode=mode,
            batch_rows=options.batch_rows,
        )
        for number, (name, corpus) in enumerate(data.corpora.items())
        if has_rows(corpus, split)
        for mode in modes_of(corpus, training=training)
    }


def modes_of(corpus: Corpus, *, training: bool) -> list[str | None]:
    """Returns the modes of attention that rows are shown in, None for the one that is drawn."""
    shown: list[str | None] = [mode.name for mode in corpus.recipe.modes if mode.share]
    return [None] if training or not shown else shown


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
