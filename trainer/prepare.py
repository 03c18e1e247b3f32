"""Opens everything that a run needs, and restores its checkpoint."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from schemas.errors import UsageError
from schemas.wording import counted
from trainer.checkpoint import Checkpoint, Checkpoints, read_checkpoint
from trainer.course import Course
from trainer.exits.load_teacher import load_teacher
from trainer.feed import Feed, FixedFeed
from trainer.hardware import device_name
from trainer.identity import check_identity, identity_of
from trainer.loader.batch_shapes import SmallBatchError
from trainer.loader.batches import ArrowBatches
from trainer.loader.least_tokens import one_limit
from trainer.loader.mixed_batches import MixedBatches
from trainer.loader.other_objective import not_learned, read_settings
from trainer.loader.stream_folder import StreamFolder
from trainer.loader.task_data import open_tasks
from trainer.loader.training_data import TrainingData, has_rows, open_data
from trainer.loop import Loop
from trainer.make_loop import make_loop, with_warmup
from trainer.models.load import load_model
from trainer.models.token_types import has_one_type
from trainer.notices import changes, sizes
from trainer.open_loaders import check_shards, lanes_of, open_loaders, scheduled
from trainer.open_slots import SlotLoaders
from trainer.options import TrainOptions
from trainer.probes.probe import ROWS, Probes, open_probes
from trainer.processes import Processes
from trainer.report.describe_data import about_of
from trainer.report.samples import Sampler
from trainer.rows.row_source import given_tokens
from trainer.run import Run
from trainer.run_folder import check_place, find_run
from trainer.seeding import seed_torch
from trainer.stopping import StopSignal
from trainer.stream_feed import StreamFeed
from trainer.stream_start import first_slot, first_window, longest_of, stream_note
from trainer.task_runs import (
    WARMUP_PART,
    check_task_options,
    task_batches,
    task_defaults,
    task_notice,
)
from trainer.tasks.next_tokens import set_penalties
from trainer.tasks.of_recipes import tasks_of
from trainer.tasks.vocabulary_loss import Penalties
from transforms.build.saved_tokenizer import tokenizer_files

_INHERITED = (
    *("batch_tokens", "batch_rows", "batches_per_step", "lanes", "steps", "warmup", "precision"),
    *("mix", "extra_task_ratio"),
)
"""Options that a resumed run takes from its checkpoint if they are not given."""


def prepare(options: TrainOptions, processes: Processes, stop: StopSignal) -> Run:
    """Prepares a run; on a stream it waits for the first window.

    Raises:
      UsageError: if something is missing or does not fit.
      Stopped: if a signal came while it waited.
    """
    run = Path(options.output)
    for folder in options.folders:
        check_place(run, Path(folder), growing=options.follow)
    name, checkpoints = find_run(run), Checkpoints(run, options.keep)
    checkpoint = _find_checkpoint(options, checkpoints, processes)
    stream = StreamFolder(options.data) if options.follow else None
    if stream is not None:
        options = _settled(options, checkpoint, processes)
        # What cannot be is refused before the first window is waited for.
        with_warmup(options, options.steps)
        data = first_window(stream, processes, stop)
    else:
        data = _opened(options)
        options = _settled(options, checkpoint, processes, data)
    corpora = list(data.corpora.values())
    for corpus in corpora:
        tasks_of(corpus.recipe)
    batch = options.batch_tokens or 0
    fits = functools.partial(one_limit, corpora, batch, options.copies, options.seed)
    if stream is None:
        with fits():
            longest = _longest(options, data)
    else:
        longest = longest_of(options, data.first)
    seed_torch(options.seed, "weights")
    plain = _model(options, data, longest)
    set_penalties(plain, Penalties(label_smoothing=options.label_smoothing, z_loss=options.z_loss))
    plain = plain.to(processes.device)
    with fits():
        options = dataclasses.replace(options, lanes=lanes_of(data, options, plain))
    probes = _probes(options, data, plain, processes)
    identity = identity_of(options, data, plain)
    if checkpoint is not None:
        check_identity(checkpoint, identity)
    if stream is not None:
        source = _of_stream(SlotLoaders(stream, options, processes, plain.layout), identity, stop)
    else:
        with fits():
            source = _of_build(data, options, processes, plain.layout, identity, checkpoint)
    options = with_warmup(options, source.steps, WARMUP_PART if data.labelled else 20)
    loop = make_loop(options, processes, plain, source.batches)
    feed = source.feed(loop)
    if checkpoint is not None:
        feed.restore(checkpoint.meta.loader)
        loop.tokens = int(checkpoint.meta.loader.get("tokens", 0))
        loop.memory.restore(checkpoint.load(plain, loop.optimizer), processes)
    notices = [
        source.note,
        source.notice,
        not_learned(data.first),
        plain.notice,
        changes(options, checkpoint),
    ]
    return Run(
        options=options,
        steps=source.steps,
        tokenizer=tokenizer_files(
            [each.recipe for each in corpora],
            data.first.tokenizer_json,
            data.first.vocabulary,
            # Fine-tuned models are of `transformers`.
            one_type=data.labelled and has_one_type(plain.hf.config),
        ),
        processes=processes,
        loop=loop,
        feed=feed,
        checkpoints=checkpoints,
        begin=checkpoint.step if checkpoint else 0,
        name=name,
        identity=identity,
        notices=[*filter(None, notices)],
        best=checkpoint.meta.best if checkpoint else None,
        probes=probes,
        about=about_of(data, device_name(processes.device), processes.size),
        sampler=Sampler(plain, data.corpora, options.seed) if processes.first else None,
    )


def _probes(
    options: TrainOptions, data: TrainingData, model: Any, processes: Processes
) -> Probes | None:
    """Opens the probes of a run, in all processes; None if there are none."""
    if not options.probe:
        return None
    for folder in options.probe:
        check_place(Path(options.output), Path(folder), option="--probe")
    return processes.all_do(
        lambda: open_probes(
            options.probe,
            data.first,
            model,
            model_name=options.model,
            rows=options.probe_rows or ROWS,
            tokens=options.batch_tokens or 0,
            checksums=options.checksums,
        )
    )


def _model(options: TrainOptions, data: TrainingData, longest: int) -> Any:
    """Returns the model to train: one that is asked for, or one that teaches its exits."""
    corpora = list(data.corpora.values())
    if options.exit_width is not None:
        return load_teacher(options.model, corpora, longest, options.exit_width)
    names = [name for name in data.corpora if name] if data.labelled else []
    return load_model(options.model, corpora, longest, options.entity_embeddings, names)


def _opened(options: TrainOptions) -> TrainingData:
    """Opens finished builds."""
    if options.more_data:
        for option, value in (("--objective", options.objective), ("--weights", options.weights)):
            if value is not None:
                raise UsageError(f"{option} {value} is not for several --data; leave it out")
        return open_tasks(options.folders)
    settings = read_settings(options.settings)
    return open_data(options.data, options.weights, options.objective, settings)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Source:
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


def _of_build(
    data: TrainingData,
    options: TrainOptions,
    processes: Processes,
    layout: str,
    identity: Mapping[str, Any],
    checkpoint: Checkpoint | None,
) -> _Source:
    """Opens a finished build, or the members of a mixture."""
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
    return _Source(
        batches=batches,
        steps=steps,
        note=sizes(options, members, identity["model"], processes),
        notice=task_notice(options, data, evaluated),
        feed=lambda loop: feed(loop=loop),
    )


def _check_steps(options: TrainOptions, steps: int, checkpoint: Checkpoint | None) -> None:
    """Refuses epochs that have fewer steps than were taken; `_find_checkpoint` does for steps."""
    if checkpoint is not None and steps < checkpoint.step:
        raise UsageError(
            f"{checkpoint.path} has {counted(checkpoint.step, 'step')} already, and --epochs "
            f"{options.epochs} is {steps}; ask for more, or name another --output to start over"
        )


def _of_stream(loaders: SlotLoaders, identity: Mapping[str, Any], stop: StopSignal) -> _Source:
    """Opens the first slot of a stream, and reads what the run has decided before."""
    options, processes = loaders.options, loaders.processes
    course = Course(Path(options.output))
    processes.first_does(course.read)
    return _Source(
        batches=first_slot(loaders, stop),
        steps=options.steps,
        note=stream_note(loaders, identity["model"]),
        feed=lambda loop: StreamFeed(loaders, loop, course),
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
                f"--steps {options.steps} is less than the {counted(found.step, 'step')} that "
                f"{found.path} has; ask for more, or name another --output to start over"
            )
        processes.first_does(found.check)
    return found


def _settled(
    options: TrainOptions,
    checkpoint: Checkpoint | None,
    processes: Processes,
    data: TrainingData | None = None,
) -> TrainOptions:
    """Fills in what was not given: from the checkpoint, or with defaults for data and device."""
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


def _longest(options: TrainOptions, data: TrainingData) -> int:
    """Returns the maximum tokens of a row; what a model is given of it must fit into a batch."""
    for corpus in data.corpora.values():
        if not has_rows(corpus, "train"):
            advice = "; build the mixture without it" if data.mixed else ""
            advice = "; leave it out" if data.mixed and data.labelled else advice
            raise UsageError(f"{corpus.folder} has no rows to train on{advice}")
    given = max(
        given_tokens(corpus.recipe, shard.max_length)
        for corpus in data.corpora.values()
        for split in corpus.splits.values()
        for shard in split
    )
    if (options.batch_tokens or 0) < given:
        raise SmallBatchError(f"batch_tokens must be at least {given}")
    return max(shard.max_length for _, shard in data.shards)
