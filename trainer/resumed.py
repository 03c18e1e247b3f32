"""What a run goes on from: its checkpoint, and the options that are not given again."""

import dataclasses
from pathlib import Path
from typing import Any

from schemas.errors import UsageError
from schemas.wording import counted
from trainer.checkpoint import Checkpoint, read_checkpoint
from trainer.kept_checkpoints import Checkpoints
from trainer.loader.training_data import TrainingData
from trainer.options import TrainOptions
from trainer.processes import Processes
from trainer.task_runs import check_task_options, task_defaults

_INHERITED = (
    *("batch_tokens", "batch_rows", "batches_per_step", "lanes", "steps", "warmup", "precision"),
    *("mix", "extra_task_ratio"),
)
"""Options that a resumed run takes from its checkpoint if they are not given."""


def find_checkpoint(
    options: TrainOptions, checkpoints: Checkpoints, processes: Processes
) -> Checkpoint | None:
    """Returns the checkpoint to resume from, whole, or None to start over.

    Raises:
      UsageError: if --resume or --steps does not fit what the run has.
      DamagedError: if the checkpoint is not as it was written.
    """
    run = Path(options.output)
    newest = checkpoints.latest()
    found = newest
    if options.resume == "none":
        if newest is not None:
            raise UsageError(
                f"{run} holds a run at step {newest.step}; name another --output, or resume it "
                "(--resume auto)"
            )
    elif options.resume != "auto":
        found = read_checkpoint(Path(options.resume))
        if newest is not None and newest.step > found.step:
            raise UsageError(
                f"{run} holds a later checkpoint, {newest.path}; name another --output to resume "
                f"from {found.path}"
            )
    if found is not None:
        if options.steps is not None and options.steps < found.step:
            raise UsageError(
                f"--steps {options.steps} is less than the {counted(found.step, 'step')} that "
                f"{found.path} has; ask for more, or name another --output to start over"
            )
        processes.first_does(found.check)
    return found


def settled(
    options: TrainOptions,
    checkpoint: Checkpoint | None,
    processes: Processes,
    data: TrainingData | None = None,
) -> TrainOptions:
    """Fills in what was not given: from the checkpoint, or with defaults for data and device.

    Raises:
      UsageError: if an option is not for this data.
    """
    mixed = data is not None and data.mixed
    if data is not None:
        check_task_options(options, data)
    if options.mix is not None and not mixed:
        raise UsageError(f"--mix is for mixtures, and {options.data} is none")
    cuda = processes.device.type == "cuda"
    defaults: dict[str, Any] = {
        "batch_tokens": 65536 if cuda else 8192,
        "batches_per_step": processes.size,
        "precision": "bf16" if cuda else "fp32",
        "mix": None if not mixed or (data is not None and data.labelled) else "proportional",
    }
    of_data = task_defaults(options, data)
    if checkpoint is not None:
        before = dataclasses.asdict(checkpoint.meta.options)
        defaults = {name: before[name] for name in _INHERITED}
        if options.epochs is not None:
            del defaults["steps"]
    found: dict[str, Any] = {
        name: value
        for name, value in {**of_data, **defaults}.items()
        if getattr(options, name) is None
    }
    return dataclasses.replace(options, **found)
