"""What a model is fine-tuned for: the labels of records, by the heads that `transformers` has.

A row has its labels beside its tokens, so each task says what of them stands in a batch, which
class of `transformers` predicts them, the loss, and the figures of a whole split.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from schemas.columns import IGNORED
from schemas.records import Array
from trainer.metrics.classes import class_figures, number_figures
from trainer.rows.filled_arrays import filled
from trainer.rows.layouts import Batch, Packed
from trainer.rows.masked_rows import MaskedRows
from trainer.rows.shard_rows import MappedShards
from trainer.tasks.gather import gather_rows
from trainer.tasks.guesses import Chosen, Guess, name_in, row_guesses
from trainer.tasks.losses import LossTerm, cross_entropy_term
from trainer.tasks.task import Head, Task
from transforms.arrays.ragged import Ragged

ROW_LABELS = "row_labels"
"""The labels of rows in a batch, [S]."""
ROW_IDS = "row_ids"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Classifiers:
    """Where a family of models has the classifiers of rows. Each is given the model.

    Attributes:
      rows: Logits float[S, C] of a model for sequence classification, of first tokens float[S, d].
      choices: Scores float[S, 1] of a model for multiple choice, of the same.
    """

    rows: Callable[[Any, Tensor], Tensor]
    choices: Callable[[Any, Tensor], Tensor]


@dataclasses.dataclass(frozen=True)
class LabelTask(Task):
    """A kind of labels.

    Attributes:
      names: Of the classes, by number; empty without classes.
      model: Which class of `transformers` predicts them: what its name ends with.
      problem: What its configuration calls the problem; None if it has no name.
      main: The figure that the best model has most of.
      whole_records: All rows of a record must be in one batch.
    """

    names: tuple[str, ...] = ()

    model: ClassVar[str]
    problem: ClassVar[str | None] = None
    main: ClassVar[str]
    whole_records: ClassVar[bool] = False

    @property
    def of_records(self) -> bool:
        return True

    @property
    def labels(self) -> tuple[str, ...]:
        """What the outputs of the classifier stand for; empty if it has no such names."""
        return self.names

    @property
    def outputs(self) -> int:
        """How many numbers the classifier has."""
        return len(self.names)

    def labelled(self, shards: MappedShards) -> int:
        """Returns how many rows of some shards have a label."""
        raise NotImplementedError

    def head(self, architecture: Any, config: Any) -> "LabelledHead":
        """Makes the head; the architecture has `classifiers`."""
        return LabelledHead(self, architecture.classifiers)

    def logits(self, classifiers: Classifiers, hf: Any, hidden: Tensor, batch: Batch) -> Tensor:
        """Returns what the classifier of a model says; see `Head.forward`."""
        raise NotImplementedError

    def counts(self, batch: Batch) -> Tensor:
        """Returns int64[]: the number of labels in a batch."""
        raise NotImplementedError

    def term(self, logits: Tensor, batch: Batch) -> LossTerm:
        """Returns the summed loss, given what `logits` returned."""
        raise NotImplementedError

    def kept(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Returns what `figures` needs of a batch, `rows` among it."""
        raise NotImplementedError

    def figures(self, kept: Mapping[str, Array]) -> dict[str, float]:
        """Returns the figures of a split, by name; none if nothing in it is labelled."""
        raise NotImplementedError

    def guesses(self, logits: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        """Returns what is predicted of a few rows, see `Head.guesses`, given `logits`."""
        raise NotImplementedError


class LabelledHead(Head):
    """Predicts labels with the classifier that the model has."""

    def __init__(self, task: LabelTask, classifiers: Classifiers) -> None:
        super().__init__()
        self.task, self._classifiers = task, classifiers

    def counts(self, batch: Batch) -> Tensor:
        return self.task.counts(batch)

    def logits(self, hf: Any, hidden: Tensor, batch: Batch) -> Tensor:
        """Returns what the classifier says, float32; see `forward`."""
        return self.task.logits(self._classifiers, hf, hidden, batch).float()

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> LossTerm:
        logits = self.logits(hf, hidden, batch)
        term = self.task.term(logits, batch)
        return term if self.training else term._replace(kept=self.task.kept(logits, batch))

    def guesses(self, hf: Any, hidden: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        return self.task.guesses(self.logits(hf, hidden, batch), batch, chosen)


def first_tokens(hidden: Tensor, batch: Batch) -> Tensor:
    """Returns float[S, d]: the hidden states of the first tokens of sequences.

    Args:
      hidden: float[T, d].
      batch: Of `trainer.rows.layouts.Packed`; of an empty sequence the last token counts.
    """
    return gather_rows(hidden, batch["cu_seqlens"][:-1].clamp(max=len(hidden) - 1))


class RowTask(LabelTask):
    """A label for each row; batches hold `ROW_LABELS`."""

    model = "ForSequenceClassification"

    def logits(self, classifiers: Classifiers, hf: Any, hidden: Tensor, batch: Batch) -> Tensor:
        return classifiers.rows(hf, first_tokens(hidden, batch))


class ClassTask(RowTask):
    """One class of several; `ROW_LABELS` are int64[S], -100 without a label or a row."""

    problem = "single_label_classification"
    main = "accuracy"

    @property
    def name(self) -> str:
        return "classify"

    def labelled(self, shards: MappedShards) -> int:
        return int(np.count_nonzero(shards.values("label") >= 0))

    def packed(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        found = column_of(masked, "label").astype(np.int64)
        return {ROW_LABELS: filled(np.where(found < 0, IGNORED, found), layout.sequences, IGNORED)}

    def counts(self, batch: Batch) -> Tensor:
        return (batch[ROW_LABELS] != IGNORED).sum()

    def term(self, logits: Tensor, batch: Batch) -> LossTerm:
        return cross_entropy_term(logits, batch[ROW_LABELS])

    def kept(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        labels, predicted = batch[ROW_LABELS], logits.argmax(-1)
        return {"rows": batch[ROW_IDS], "labels": labels, "predicted": predicted}

    def figures(self, kept: Mapping[str, Array]) -> dict[str, float]:
        known = kept["labels"] != IGNORED
        if not known.any():
            return {}
        return class_figures(kept["labels"][known], kept["predicted"][known], len(self.names))

    def guesses(self, logits: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        return row_guesses(logits, batch[ROW_LABELS], chosen, name_in(self.names))


class NumberTask(RowTask):
    """A number; `ROW_LABELS` are float32[S], not a number without a label or a row.

    The loss is the squared error.
    """

    problem = "regression"
    main = "pearson"

    @property
    def name(self) -> str:
        return "regress"

    def labelled(self, shards: MappedShards) -> int:
        return int(np.count_nonzero(~np.isnan(shards.values("label"))))

    @property
    def outputs(self) -> int:
        return 1

    def packed(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        labels = np.full(layout.sequences, np.nan, np.float32)
        found = column_of(masked, "label")
        labels[: len(found)] = found
        return {ROW_LABELS: labels}

    def counts(self, batch: Batch) -> Tensor:
        return (~batch[ROW_LABELS].isnan()).sum()

    def term(self, logits: Tensor, batch: Batch) -> LossTerm:
        labels = batch[ROW_LABELS]
        known = ~labels.isnan()
        errors = torch.where(known, logits[:, 0] - labels.nan_to_num(), 0.0)
        return LossTerm(errors.square().sum(), None)

    def kept(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {
            "rows": batch[ROW_IDS],
            "labels": batch[ROW_LABELS],
            "predicted": logits[:, 0],
        }

    def figures(self, kept: Mapping[str, Array]) -> dict[str, float]:
        known = ~np.isnan(kept["labels"])
        if not known.any():
            return {}
        return number_figures(kept["labels"][known], kept["predicted"][known])

    def guesses(self, logits: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        labels, found = batch[ROW_LABELS].tolist(), logits[:, 0].tolist()
        return [
            Guess(
                row,
                -1,
                "" if np.isnan(labels[row]) else f"{labels[row]:.3g}",
                ((f"{found[row]:.3g}", None),),
            )
            for row in chosen.rows
        ]


def column_of(masked: MaskedRows, name: str) -> Array:
    """Returns [R]: a column of labels, of one value for each row."""
    found = masked.rows.values[name]
    assert isinstance(found, np.ndarray)
    return found


def lists_of(found: Array | Ragged) -> Ragged:
    """Returns a column of labels, of a list for each row."""
    assert isinstance(found, Ragged)
    return found
