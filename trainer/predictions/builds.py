"""Rows of a build, in their order, as chunks."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.label_kinds import CLASS
from schemas.records import Array
from schemas.shards import map_file
from trainer.loader.open_corpus import open_local_corpus, shard_problem
from trainer.predictions.options import PredictOptions
from trainer.predictions.rows import Chunk, RowArrays
from trainer.predictions.saved_model import SavedModel
from trainer.rows.shard_rows import MappedShards

CHUNK = 4096


class BuildChunks:
    """Rows of a split of a build."""

    def __init__(self, options: PredictOptions) -> None:
        """Opens the build.

        Raises:
          UsageError: if it is none of labelled records, or has no such split.
          DamagedError: if a shard is not what the manifest says.
        """
        folder = str(options.data)
        self.corpus = open_local_corpus(folder)
        self._task: Any = self.corpus.recipe.labelled
        if self._task is None:
            raise UsageError(
                f"--data {folder} is a build of {self.corpus.recipe.name}, which is no task; give "
                "one of labelled records, or --input"
            )
        shards = self.corpus.shards(options.split)
        if problem := shard_problem([(folder, each) for each in shards], checksums=True):
            raise DamagedError(problem)
        paths = [Path(folder, each.path) for each in shards]
        self._rows = MappedShards(paths, self.corpus.recipe, self.corpus.vocabulary)
        self._labels = _labels(paths)
        self._split = options.split

    def check(self, model: SavedModel) -> None:
        """Refuses a model of other labels, or of other tokens.

        Raises:
          UsageError: saying what differs.
        """
        labelled, folder = self._task, self.corpus.folder
        if labelled.kind != model.kind:
            raise UsageError(
                f"--model {model.folder} predicts a {model.kind}, and --data {folder} is labelled "
                f"with a {labelled.kind}; give a build of the model's task"
            )
        if labelled.names and tuple(labelled.names) != model.names:
            raise UsageError(
                f"--model {model.folder} has the classes {', '.join(model.names)}, and --data "
                f"{folder} {', '.join(labelled.names)}; build it with --labels "
                f"{','.join(model.names)}"
            )
        longest = int(self._rows.lengths.max(initial=0))
        if longest > model.longest:
            raise UsageError(
                f"--model {model.folder} has positions for {model.longest} tokens, the longest row "
                f"of {folder} has {longest}; build it with a smaller --max-seq-length"
            )

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Chunk]:
        for begin in range(0, len(self), CHUNK):
            numbers = np.arange(begin, min(begin + CHUNK, len(self)))
            rows = self._rows.rows(numbers)
            records = [
                {"split": self._split, "row": number, "label": self._label(label)}
                for number, label in zip(
                    numbers.tolist(), self._labels[numbers].tolist(), strict=True
                )
            ]
            arrays = RowArrays(rows.tokens, rows.token_types)
            yield Chunk(records, arrays, numbers - begin, self._labels[numbers])

    def _label(self, label: float) -> str | float | None:
        """Returns the label of a row as records have it; None if it has none."""
        if self._task.kind == CLASS:
            return None if label < 0 else self._task.names[int(label)]
        return None if math.isnan(label) else label


def _labels(paths: list[Path]) -> Array:
    """Returns [R]: the labels of all rows."""
    found = []
    for path in paths:
        with map_file(path) as file:
            table = pa.ipc.open_file(file).read_all()
        found.append(table.column("label").to_numpy())
    return np.concatenate(found) if found else np.empty(0)
