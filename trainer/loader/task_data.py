"""Several builds of labelled records, for which one model is fine-tuned."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from schemas.errors import UsageError
from trainer.loader.training_data import TrainingData, open_data

MAX_TASKS = 250
"""A schedule holds the number of a task in a byte."""


def open_tasks(folders: Sequence[str]) -> TrainingData:
    """Opens builds of labelled records with one tokenizer.

    Args:
      folders: Of the builds, two or more.

    Raises:
      UsageError: if one holds other rows, or they do not have the same tokenizer.
      DamagedError: if something in one cannot be understood.
    """
    if len(folders) > MAX_TASKS:
        raise UsageError(
            f"--data names {len(folders)} folders, and a model learns {MAX_TASKS} tasks at most"
        )
    opened = [open_data(folder) for folder in folders]
    first = opened[0].first
    for data in opened:
        corpus = data.first
        if data.mixed or corpus.recipe.labelled is None:
            raise UsageError(
                f"--data {data.folder} is a build of {corpus.recipe.name}; several --data are for "
                "labelled records (shardmill build classify, ...): train on it alone"
            )
        if corpus.tokenizer_json != first.tokenizer_json:
            raise UsageError(
                f"{corpus.folder} is built with another tokenizer than {first.folder}, and a model "
                "has one; build it again with that one"
            )
    if len(set(map(os.path.realpath, folders))) < len(folders):
        raise UsageError(f"--data names a folder twice: {', '.join(folders)}; name each once")
    names = task_names(folders)
    checksums = "\n".join(data.checksum for data in opened)
    return TrainingData(
        ", ".join(folders),
        hashlib.sha256(checksums.encode()).hexdigest(),
        dict(zip(names, (data.first for data in opened), strict=True)),
        dict.fromkeys(names, 1.0),
    )


def task_names(folders: Sequence[str]) -> list[str]:
    """Returns a name for each folder: its own, with a number where others have it, too.

    >>> task_names(["a/sst", "rte/", "b/sst"])
    ['sst', 'rte', 'sst-2']
    """
    found: list[str] = []
    for folder in folders:
        own = Path(os.path.abspath(folder)).name or "task"
        tried = [own, *(f"{own}-{number}" for number in range(2, len(folders) + 2))]
        found.append(next(name for name in tried if name not in found))
    return found
