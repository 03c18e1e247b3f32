"""A run: opens a build of words, and trains vectors on it epoch by epoch."""

import dataclasses
import os
import sys
from pathlib import Path

import numpy as np

from schemas.checked_json import DamagedError
from schemas.errors import RunError, UsageError
from schemas.lock import hold
from schemas.records import Int64
from schemas.software import software_versions
from schemas.word_list import words_by_id
from schemas.wording import counted
from trainer.loader.open_corpus import open_local_corpus, shard_problem
from trainer.vectors.device import use_cuda
from trainer.vectors.laws import FIRST_WORD
from trainer.vectors.methods import check_options, method_of
from trainer.vectors.model import Learned, Model, Setting, Task
from trainer.vectors.options import VectorsOptions, saved_options
from trainer.vectors.progress import Progress, described
from trainer.vectors.run_folder import SAVED, NgramFacts, RunFolder, VectorsRecord, check_place
from trainer.vectors.write_files import write_learned
from transforms.build.corpus import Corpus

_MOST_LOSS = 1e4
"""Above any mean loss of vectors that learn: with 1,000 negatives it begins at 694, and GloVe's of
counts up to 1e12 at 382."""


def train_vectors(options: VectorsOptions) -> int:
    """Trains vectors into a folder, or finishes what was begun there; returns the exit status.

    Raises:
      UsageError: if something is missing or does not fit.
      DamagedError: if the build is not what its manifest says.
      RunError: if the vectors grew beyond all bounds, or cannot be written.
    """
    run = Path(options.output)
    check_place(run, Path(options.data))
    corpus = open_local_corpus(options.data)
    method = method_of(corpus)
    task = task_of(options, corpus)
    record = VectorsRecord(
        identity={"recipe": corpus.recipe.name, "data": corpus.checksum[:16], **task.settings},
        software=software_versions("numba", "shardmill"),
    )
    with hold(run, "vectors"):
        folder = RunFolder(run)
        if folder.is_finished(record, overwrite=options.overwrite):
            sys.stdout.write(f"{run}: the vectors are finished already\n")
            return 0
        # What cannot be trained leaves nothing in the folder, and what lies there as it is.
        _check_words(task)
        _check_shards(options, corpus)
        model = method.model(task)
        folder.begin(record, overwrite=options.overwrite)
        loss = _go(model, task, folder)
        learned = model.learned()
        folder.save_options(saved_options(options, task.settings))
        folder.finish(_final(record, learned, loss), [*write_learned(run, learned), SAVED])
    words, dim = learned.vectors.shape
    sys.stdout.write(f"{run}: vectors of {counted(words, 'word')}, {counted(dim, 'number')} each\n")
    return 0


def task_of(options: VectorsOptions, corpus: Corpus) -> Task:
    """Returns what there is to learn.

    Raises:
      UsageError: if options do not fit the recipe of the build.
    """
    method = method_of(corpus)
    check_options(options, method, corpus)
    epochs = method.epochs if options.epochs is None else options.epochs
    settings: dict[str, Setting] = {
        "dim": options.dim,
        "epochs": epochs,
        "seed": options.seed,
        **method.settings(corpus.recipe.predict, options),
    }
    return Task(
        corpus=corpus,
        options=options,
        settings=settings,
        words=words_by_id(corpus.tokenizer_json),
        counts=_counts_of(corpus),
        threads=options.threads or len(os.sched_getaffinity(0)),
        cuda=use_cuda(options.device, able=method.gpu, threads=options.threads),
    )


def _counts_of(corpus: Corpus) -> Int64:
    """Returns int64[V]; how often each id occurs."""
    counts = np.zeros(corpus.vocabulary.size, np.int64)
    if corpus.vocabulary.counts is not None:
        found = corpus.vocabulary.counts.counts
        counts[list(found)] = list(found.values())
    return counts


def _check_words(task: Task) -> None:
    """Refuses a build with too few words."""
    if len(task.words) < FIRST_WORD + 2:
        raise UsageError(
            f"--data {task.corpus.folder} has less than two words, of which nothing can be "
            "learned; build it with a longer list of words"
        )


def _check_shards(options: VectorsOptions, corpus: Corpus) -> None:
    """Refuses shards that are not those of the manifest, and a build without rows."""
    shards = corpus.splits.get("train", ())
    if not any(shard.rows for shard in shards):
        raise UsageError(f"--data {corpus.folder} has no rows to train on")
    named = [(corpus.folder, shard) for shard in shards]
    if problem := shard_problem(named, checksums=options.checksums):
        raise DamagedError(problem)


def _go(model: Model, task: Task, folder: RunFolder) -> float:
    """Goes through all epochs that are left; returns the mean loss of the last."""
    epochs = task.number("epochs")
    done, loss = folder.load(model.arrays)
    progress = Progress(model.unit, model.size, epochs, done)
    again = f", after {counted(done, 'epoch')} that a run before has done" if done else ""
    progress.say(f"training on {described(model.size, model.unit, epochs)}{again}")
    for epoch in range(done, epochs):
        loss = model.epoch(epoch, progress)
        if _is_lost(model, loss):
            folder.give_up()
            raise RunError(
                f"the vectors grew beyond all bounds in epoch {epoch + 1}, with a loss of "
                f"{loss:.3g}; give a smaller --lr than {task.lr:g}"
            )
        folder.save(model.arrays, epoch + 1, loss)
    return loss


def _is_lost(model: Model, loss: float) -> bool:
    """Whether training has diverged; a loss that is no number is one of no predictions at all."""
    finite = all(np.isfinite(array).all() for array in model.arrays.values())
    return loss > _MOST_LOSS or not finite


def _final(record: VectorsRecord, learned: Learned, loss: float) -> VectorsRecord:
    """Returns the record of finished vectors, without their files."""
    ngrams = learned.ngrams
    facts = None
    if ngrams is not None:
        facts = NgramFacts(min_n=ngrams.min_n, max_n=ngrams.max_n, buckets=ngrams.buckets)
    words, dim = learned.vectors.shape
    return dataclasses.replace(record, words=words, dim=dim, loss=loss, ngrams=facts)
