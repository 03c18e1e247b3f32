"""Opens everything that a run needs, and restores its checkpoint."""

import contextlib
import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from trainer.checkpoint import Checkpoint, Checkpoints, check_identity, read_checkpoint
from trainer.checkpoint_files import checksum
from trainer.loader.batches import ArrowBatches
from trainer.loader.mixed_batches import MixedBatches
from trainer.loader.other_objective import read_settings, untaught
from trainer.loader.training_data import TrainingData, open_data
from trainer.loop import Loop
from trainer.meter import Meter
from trainer.models.family import configuration
from trainer.models.load import load_model
from trainer.open_loaders import (
    Loaders,
    check_shards,
    held_out_loaders,
    scheduled,
    training_loaders,
)
from trainer.optim import DECAYS, OPTIMIZERS, learning_rate, parameter_groups
from trainer.options import TrainOptions
from trainer.processes import Processes
from trainer.run import Run
from trainer.run_folder import check_place, find_run
from trainer.seeding import seed_torch
from trainer.tasks.of_recipes import tasks_of
from transforms.build.saved_tokenizer import tokenizer_files

_INHERITED = ("batch_tokens", "batches_per_step", "steps", "warmup", "precision", "mix")
"""Options that a resumed run takes from its checkpoint if they are not given."""
_REPORTED = ("steps", "lr", "schedule", "warmup", "weight_decay", "clip", "precision")
"""Options that may change when a run is resumed, and change what it computes."""


def prepare(options: TrainOptions, processes: Processes) -> Run:
    """Prepares a run.

    Raises:
      UsageError: if something is missing or does not fit.
    """
    run = Path(options.output)
    check_place(run, Path(options.data))
    data = open_data(
        options.data, options.weights, options.objective, read_settings(options.settings)
    )
    for corpus in data.corpora.values():
        tasks_of(corpus.recipe)
    name, checkpoints = find_run(run), Checkpoints(run, options.keep)
    checkpoint = _find_checkpoint(options, checkpoints, processes)
    options = _settled(options, checkpoint, processes, data)
    longest = _longest(options, data)
    seed_torch(options.seed, "weights")
    plain = load_model(
        options.model, data.first, longest, data.others, options.entity_embeddings
    ).to(processes.device)
    identity = _identity(options, data, plain)
    if checkpoint is not None:
        check_identity(checkpoint, identity)
    check_shards(data, options, processes)
    layout = getattr(plain, "layout", "packed")
    members = training_loaders(data, options, processes, layout)
    epochs = (each.corpus.recipe.copies * each.steps(0) for each in members.values())
    steps = options.steps or sum(epochs)
    warmup = steps // 20 if options.warmup is None else options.warmup
    options = dataclasses.replace(options, steps=steps, warmup=warmup)
    batches = scheduled(data, members, options, processes)
    if checkpoint is not None:
        batches.load_state_dict(checkpoint.meta.loader)
    loop = _loop(options, processes, plain, batches)
    if checkpoint is not None:
        checkpoint.load(plain, loop.optimizer)
    return Run(
        options=options,
        steps=steps,
        tokenizer=tokenizer_files(
            [each.recipe for each in data.corpora.values()],
            data.first.tokenizer_json,
            data.first.vocabulary,
        ),
        processes=processes,
        loop=loop,
        held_out=held_out_loaders(data, options, processes, layout),
        checkpoints=checkpoints,
        begin=checkpoint.step if checkpoint else 0,
        name=name,
        identity=identity,
        notices=[
            _sizes(options, members, identity, processes),
            *filter(None, [untaught(data.first), getattr(plain, "notice", "")]),
            *_changes(options, checkpoint),
        ],
    )


def _find_checkpoint(
    options: TrainOptions, checkpoints: Checkpoints, processes: Processes
) -> Checkpoint | None:
    """Returns the checkpoint to resume from, whole, or None to start over."""
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
                f"--steps {options.steps} is less than the {found.step} steps that {found.path} "
                "has; ask for more, or name another --output to start over"
            )
        _check_files(found, processes)
    return found


def _check_files(checkpoint: Checkpoint, processes: Processes) -> None:
    """Compares a checkpoint with its checksums, in the first process for all."""
    problem: Exception | None = None
    if processes.first:
        try:
            checkpoint.check()
        except DamagedError as error:
            problem = error
    processes.agree(problem)


def _settled(
    options: TrainOptions, checkpoint: Checkpoint | None, processes: Processes, data: TrainingData
) -> TrainOptions:
    """Fills in what was not given: from the checkpoint, or with defaults for the device."""
    if options.mix is not None and not data.mixed:
        raise UsageError(f"--mix is for mixtures, and {data.folder} is none")
    cuda = processes.device.type == "cuda"
    defaults = {
        "batch_tokens": 65536 if cuda else 8192,
        "batches_per_step": processes.size,
        "precision": "bf16" if cuda else "fp32",
        "mix": "proportional" if data.mixed else None,
    }
    open_ones = [name for name in _INHERITED if getattr(options, name) is None]
    before: Any = None if checkpoint is None else checkpoint.meta.options
    found: dict[str, Any] = {
        name: defaults.get(name) if before is None else getattr(before, name) for name in open_ones
    }
    return dataclasses.replace(options, **found)


def _longest(options: TrainOptions, data: TrainingData) -> int:
    """Returns the maximum tokens of a row, which must fit into a batch."""
    for corpus in data.corpora.values():
        if not any(shard.rows for shard in corpus.splits.get("train", ())):
            advice = "; build the mixture without it" if data.mixed else ""
            raise UsageError(f"{corpus.folder} has no rows to train on{advice}")
    longest = max(shard.max_length for _, shard in data.shards)
    if (options.batch_tokens or 0) < longest:
        raise UsageError(
            f"--batch-tokens must be at least {longest}, the longest row of {options.data}, got "
            f"{options.batch_tokens}"
        )
    return longest


def _identity(options: TrainOptions, data: TrainingData, model: torch.nn.Module) -> dict[str, Any]:
    """Returns what cannot change when a run is resumed."""
    shapes = [(name, tuple(tensor.shape)) for name, tensor in model.state_dict().items()]
    digest = hashlib.blake2b(repr(shapes).encode(), digest_size=4).hexdigest()
    count = sum(parameter.numel() for parameter in model.parameters())
    mixture = {"members": data.weights_text(), "mix": options.mix} if data.mixed else {}
    given = options.entity_embeddings
    embeddings = {"entity_embeddings": checksum(Path(given))[:16]} if given else {}
    return {
        **mixture,
        **embeddings,
        "data": data.checksum[:16],
        "model": f"{count:,} parameters, shapes {digest}",
        "configuration": configuration(model),
        "seed": options.seed,
        "batch_tokens": options.batch_tokens,
        "batches_per_step": options.batches_per_step,
        "copies": options.copies,
        "objective": data.first.objective,
        "optimizer": options.optimizer,
    }


def _loop(
    options: TrainOptions, processes: Processes, plain: Any, batches: ArrowBatches | MixedBatches
) -> Loop:
    device = processes.device
    groups = parameter_groups(plain, options.weight_decay)
    model: Any = torch.compile(plain, dynamic=False) if options.compile else plain
    if processes.size > 1:
        # A step of a mixture leaves the heads of other members without a gradient.
        model = DistributedDataParallel(
            model,
            broadcast_buffers=False,
            find_unused_parameters=isinstance(batches, MixedBatches),
        )
    return Loop(
        model=model,
        plain=plain,
        optimizer=OPTIMIZERS[options.optimizer](groups, options.lr),
        rate=functools.partial(
            learning_rate,
            peak=options.lr,
            warmup=options.warmup or 0,
            steps=options.steps or 1,
            decay=DECAYS[options.schedule],
        ),
        batches=batches,
        processes=processes,
        autocast=_autocast(device, options.precision),
        clip=options.clip,
        seed=options.seed,
        accumulation=(options.batches_per_step or 1) // processes.size,
        meter=Meter(
            processes,
            torch.bfloat16 if options.precision == "bf16" else torch.float32,
            _flops(plain, batches),
        ),
        skipped=torch.zeros((), dtype=torch.int64, device=device),
        gradient_norm=torch.zeros((), device=device),
    )


def _autocast(
    device: torch.device, precision: str | None
) -> Callable[[], contextlib.AbstractContextManager[Any]]:
    """Returns what makes the autocast context; weights are float32 in any case."""
    if precision == "fp32":
        return contextlib.nullcontext
    return functools.partial(torch.autocast, device.type, torch.bfloat16)


def _flops(model: Any, batches: ArrowBatches | MixedBatches) -> float | None:
    """Returns the operations of a step for each token; None if the model does not say."""
    if not hasattr(model, "flops_per_token"):
        return None
    return float(model.flops_per_token(batches.context, batches.target_share))


def _sizes(
    options: TrainOptions,
    members: Loaders,
    identity: Mapping[str, Any],
    processes: Processes,
) -> str:
    """Returns a note on the size of the model, the data and the batches."""
    precision = f"{options.precision}, {'compiled' if options.compile else 'not compiled'}"
    sizes = (
        f"{name}{': ' if name else ''}{len(each.lengths):,} rows, "
        f"{int(each.lengths.sum()):,} tokens, {each.steps(0):,} steps an epoch"
        for name, each in members.items()
    )
    return (
        f"{options.model}: {identity['model']}; {'; '.join(sizes)} of "
        f"{options.batches_per_step} x {options.batch_tokens:,} tokens; {processes.size} x "
        f"{processes.device.type}, {precision}"
    )


def _changes(options: TrainOptions, checkpoint: Checkpoint | None) -> list[str]:
    """Returns a note that the run is resumed, with the options that changed."""
    if checkpoint is None:
        return []
    before = checkpoint.meta.options
    changed = [
        f"{name} is {getattr(options, name)}, was {getattr(before, name)}"
        for name in _REPORTED
        if getattr(options, name) != getattr(before, name)
    ]
    return ["; ".join([f"resumed from {checkpoint.path}", *changed])]
