"""Opens everything that a run needs, and restores its checkpoint."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

from schemas.errors import UsageError
from trainer.batch_source import open_build, open_stream
from trainer.exits.load_teacher import load_teacher
from trainer.hardware import device_name
from trainer.identity import check_identity, identity_of
from trainer.kept_checkpoints import Checkpoints
from trainer.loader.batch_shapes import SmallBatchError
from trainer.loader.least_tokens import one_limit
from trainer.loader.other_objective import not_learned, read_settings
from trainer.loader.stream_folder import StreamFolder
from trainer.loader.task_data import open_tasks
from trainer.loader.training_data import TrainingData, has_rows, open_data
from trainer.make_loop import make_loop, with_warmup
from trainer.models.load import load_model
from trainer.models.token_types import has_one_type
from trainer.notices import changes
from trainer.open_loaders import lanes_of
from trainer.open_slots import SlotLoaders
from trainer.options import TrainOptions
from trainer.probes.probe import ROWS, Probes, open_probes
from trainer.processes import Processes
from trainer.report.describe_data import about_of
from trainer.report.samples import Sampler
from trainer.resumed import find_checkpoint, settled
from trainer.rows.row_source import given_tokens
from trainer.run import Run
from trainer.run_folder import check_place, find_run
from trainer.seeding import seed_torch
from trainer.stopping import StopSignal
from trainer.stream_start import first_window, longest_of
from trainer.task_runs import WARMUP_PART
from trainer.tasks.next_tokens import set_penalties
from trainer.tasks.of_recipes import tasks_of
from trainer.tasks.vocabulary_loss import Penalties
from transforms.build.saved_tokenizer import tokenizer_files


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
    checkpoint = find_checkpoint(options, checkpoints, processes)
    stream = StreamFolder(options.data) if options.follow else None
    if stream is not None:
        options = settled(options, checkpoint, processes)
        # What cannot be is refused before the first window is waited for.
        with_warmup(options, options.steps)
        data = first_window(stream, processes, stop)
    else:
        data = _opened(options)
        options = settled(options, checkpoint, processes, data)
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
        source = open_stream(SlotLoaders(stream, options, processes, plain.layout), identity, stop)
    else:
        with fits():
            source = open_build(data, options, processes, plain.layout, identity, checkpoint)
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
