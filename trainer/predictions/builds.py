"""Rows of a build, in their order, as chunks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.label_kinds import CHOICE, NUMBER, TAGS
from schemas.records import Array, Int64
from trainer.exits.fine_tuned import a_label
from trainer.loader.open_corpus import open_local_corpus, shard_problem
from trainer.models.same_tokenizer import check_tokenizer
from trainer.predictions.options import PredictOptions
from trainer.predictions.rows import Chunk, RowArrays, Words
from trainer.predictions.saved_model import SavedModel
from trainer.predictions.texts import words_of_labels
from trainer.rows.shard_rows import MappedShards
from trainer.rows.stored_rows import Rows
from trainer.tasks.choices import record_begins
from transforms.arrays.ragged import Ragged

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
        self._split = options.split

    def check(self, model: SavedModel) -> None:
        """Refuses a model of other labels, or of other tokens.

        Raises:
          UsageError: saying what differs.
        """
        task, folder = self._task, self.corpus.folder
        if task.kind != model.kind:
            raise UsageError(
                f"--model {model.folder} predicts {a_label(model.kind)}, and --data {folder} is "
                f"labelled with {a_label(task.kind)}; give a build of the model's task"
            )
        if task.names and tuple(task.names) != model.names:
            raise UsageError(
                f"--model {model.folder} has the classes {', '.join(model.names)}, and --data "
                f"{folder} {', '.join(task.names)}; build it with --labels {','.join(model.names)}"
            )
        if task.kind == TAGS and not task.names:
            raise UsageError(
                f"--data {folder} has no tags, which say where its words begin; give the records "
                "themselves with --input"
            )
        check_tokenizer(model.folder, "", [self.corpus])
        longest = int(self._rows.lengths.max(initial=0))
        if longest > model.longest:
            raise UsageError(
                f"--model {model.folder} has positions for {model.longest} tokens, the longest row "
                f"of {folder} has {longest}; build it with a smaller --max-seq-length"
            )

    def __iter__(self) -> Iterator[Chunk]:
        borders = np.append(self._begins(), len(self._rows))
        for first in range(0, len(borders) - 1, CHUNK):
            part = borders[first : first + CHUNK + 1]
            numbers = np.arange(part[0], part[-1])
            rows = self._rows.rows(numbers)
            arrays = RowArrays(rows.tokens, rows.token_types)
            record = np.repeat(np.arange(len(part) - 1), np.diff(part))
            words = None
            if self._task.kind == TAGS:
                tags = rows.values["labels"]
                assert isinstance(tags, Ragged)
                words = words_of_labels(tags.values, tags.offsets)
            labels = self._labels(rows, record, words)
            records = [
                {"split": self._split, "row": row, "label": label}
                for row, label in zip(part[:-1].tolist(), self._said(labels, words), strict=True)
            ]
            yield Chunk(records, arrays, record, labels, words)

    def _begins(self) -> Int64:
        """Returns the first row of each record whose rows are predicted together."""
        if self._task.kind == CHOICE:
            columns = (self._rows.values(name) for name in ("record", "candidates"))
            return record_begins(*(each.astype(np.int64) for each in columns))
        return np.arange(len(self._rows))

    def _labels(self, rows: Rows, record: Int64, words: Words | None) -> Array:
        """Returns what is right of each row, of each word, or of each record of candidates."""
        if words is not None:
            tags = rows.values["labels"]
            assert isinstance(tags, Ragged)
            return tags.values[words.token]
        found = rows.values["label"]
        assert isinstance(found, np.ndarray)
        if self._task.kind != CHOICE:
            return found
        right = np.flatnonzero(found == 1)
        labels = np.full(int(record[-1]) + 1 if len(record) else 0, -1, np.int64)
        labels[record[right]] = right - np.searchsorted(record, record[right])
        return labels

    def _said(self, labels: Array, words: Words | None) -> list[Any]:
        """Returns the labels of records as their files have them; None where there is none."""
        names = self._task.names
        if words is not None:
            tags = [names[number] for number in labels.tolist()]
            ends = np.cumsum(words.counts).tolist()
            return [tags[end - count : end] for end, count in zip(ends, words.counts, strict=True)]
        known = ~np.isnan(labels) if self._task.kind == NUMBER else labels >= 0
        said = [names[label] for label in labels.tolist()] if names else labels.tolist()
        return [label if good else None for label, good in zip(said, known.tolist(), strict=True)]
