"""Where the batches of a run come from: finished builds, or a stream."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from schemas.errors import UsageError
from schemas.wording import counted
from trainer.checkpoint import Checkpoint
from trainer.course import Course
from trainer.feed import Feed, FixedFeed
from trainer.loader.batches import ArrowBatches
from trainer.loader.mixed_batches import MixedBatches
from trainer.loader.training_data import TrainingData
from trainer.loop import Loop
from trainer.notices import sizes
from trainer.open_loaders import check_shards, open_loaders, scheduled
from trainer.open_slots import SlotLoaders
from trainer.options import TrainOptions
from trainer.processes import Processes
from trainer.stopping import StopSignal
from trainer.stream_feed import StreamFeed
from trainer.stream_start import first_slot, stream_note
from trainer.task_runs import task_batches, task_notice


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Where batches come from.

    Attributes:
      batches: Of training, or of a stream the first ones.
      steps: Total steps; None if there is no end.
      note: On the sizes of all.
      notice: What else the user should know of it.
      feed: Makes what takes the steps.
    """

    batches: ArrowBatches | MixedBatches
    steps: int | None
    note: str
    feed: Callable[[Loop], Feed]
    notice: str = ""


def open_build(
    data: TrainingData,
    options: TrainOptions,
    processes: Processes,
    layout: str,
    identity: Mapping[str, Any],
    checkpoint: Checkpoint | None,
) -> Source:
    """Opens a finished build, or the members of a mixture.

    Raises:
      UsageError: if shards are not what their manifest says, or options do not fit them.
    """
    check_shards(data, options, processes)
    members = open_loaders("train", data, options, processes, layout)
    batches: ArrowBatches | MixedBatches
    if data.labelled:
        batches, steps = task_batches(data, members, options, processes)
    else:
        steps = options.steps or sum(
            (options.epochs or each.corpus.recipe.copies) * each.steps(0)
            for each in members.values()
        )
        batches = scheduled(data, members, dataclasses.replace(options, steps=steps), processes)
    _check_steps(options, steps, checkpoint)
    evaluated = open_loaders("eval", data, options, processes, layout)
    feed = functools.partial(
        FixedFeed,
        processes=processes,
        last=steps,
        batches=batches,
        evaluated=evaluated,
        tokens_per_byte={name: each.tokens_per_byte for name, each in members.items()},
    )
    return Source(
        batches=batches,
        steps=steps,
        note=sizes(options, members, identity["model"], processes),
        notice=task_notice(options, data, evaluated),
        feed=lambda loop: feed(loop=loop),
    )


def _check_steps(options: TrainOptions, steps: int, checkpoint: Checkpoint | None) -> None:
    """Refuses epochs that have fewer steps than were taken; `find_checkpoint` does for steps."""
    if checkpoint is not None and steps < checkpoint.step:
        raise UsageError(
            f"{checkpoint.path} has {counted(checkpoint.step, 'step')} already, and --epochs "
            f"{options.epochs} is {steps}; ask for more, or name another --output to start over"
        )


def open_stream(loaders: SlotLoaders, identity: Mapping[str, Any], stop: StopSignal) -> Source:
    """Opens the first slot of a stream, and reads what the run has decided before."""
    options, processes = loaders.options, loaders.processes
    course = Course(Path(options.output))
    processes.first_does(course.read)
    return Source(
        batches=first_slot(loaders, stop),
        steps=options.steps,
        note=stream_note(loaders, identity["model"]),
        feed=lambda loop: StreamFeed(loaders, loop, course),
    )
