"""What a run says of itself at its beginning."""

from collections.abc import Mapping

from schemas.wording import counted
from trainer.checkpoint import Checkpoint
from trainer.loader.batches import ArrowBatches
from trainer.options import TrainOptions
from trainer.processes import Processes

_REPORTED = (
    *("steps", "lr", "schedule", "warmup", "weight_decay", "clip", "precision"),
    *("warmup_tokens", "decay_tokens"),
    *("label_smoothing", "z_loss"),
)
"""Options that may change when a run is resumed, and change what it computes."""


def sizes(
    options: TrainOptions,
    members: Mapping[str, ArrowBatches],
    model: str,
    processes: Processes,
) -> str:
    """Returns a note on the size of the model, the data and the batches."""
    precision = f"{options.precision}, {'compiled' if options.compile else 'not compiled'}"
    rows = (
        f"{name}{': ' if name else ''}{counted(len(each.lengths), 'row')}, "
        f"{counted(int(each.lengths.sum()), 'token')}, {counted(each.steps(0), 'step')} an epoch"
        + ("" if each.lanes is None else f" in {counted(each.lanes, 'lane')}")
        for name, each in members.items()
    )
    return (
        f"{options.model}: {model}; {'; '.join(rows)} of "
        f"{options.batches_per_step} x {options.batch_tokens:,} tokens; {processes.size} x "
        f"{processes.device.type}, {precision}"
    )


def changes(options: TrainOptions, checkpoint: Checkpoint | None) -> str:
    """Returns a note that a run is resumed, with the options that changed; "" if it is new."""
    if checkpoint is None:
        return ""
    before = checkpoint.meta.options
    changed = [
        f"{name} is {getattr(options, name)}, was {getattr(before, name)}"
        for name in _REPORTED
        if getattr(options, name) != getattr(before, name)
    ]
    return "; ".join([f"resumed from {checkpoint.path}", *changed])
