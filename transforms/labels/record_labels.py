"""What is predicted of labelled records: a class, or a number."""

import abc
import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers, numpy_of
from schemas.columns import IGNORED, Column
from schemas.label_kinds import CLASS, NUMBER
from schemas.records import Array, ShardText, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples, RecordPacking, Windows
from transforms.contract.attention import BIDIRECTIONAL
from transforms.contract.oracle import Findings, breach
from transforms.contract.part import Part
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch

_MOST_BARS = 20
"""Numbers from 0 to below this are counted by what they round to."""
UNLABELLED = -1
"""Stands for the class of a row without a label; a number that is missing is not a number."""


class RecordLabels(Part, abc.ABC):
    """Labels of records; see `transforms.contract.predicting.PredictLabels`."""

    attention: ClassVar[str] = BIDIRECTIONAL
    of_next: ClassVar[bool] = False
    of_words: ClassVar[bool] = False
    of_labels: ClassVar[bool] = True
    of_records: ClassVar[bool] = True

    names: tuple[str, ...] = ()

    @abc.abstractmethod
    def columns(self) -> tuple[Column, ...]:
        """Returns the columns that hold the labels of rows."""

    def mark_text(self, text: ShardText) -> ShardText:
        """Returns the text of a shard with the spans that labels are of: none."""
        return text

    def mark_tokens(self, tokens: Tokens) -> Tokens:
        """Returns tokens with what labels say of them: nothing."""
        return tokens

    def values(self, packing: RecordPacking) -> Mapping[str, pa.Array]:
        """Returns values of windows, [W] each, by column."""
        return {}

    def whole(self, windows: Windows) -> Windows:
        """Returns the windows of records that need all of theirs and have them: all windows."""
        return windows

    def finish(self, examples: Examples) -> Examples:
        """Returns laid-out rows with the values of all its columns."""
        return examples

    @abc.abstractmethod
    def shown(self, batch: StoredBatch) -> dict[str, Any]:
        """Returns what people and programs are told of the label of the first of some rows."""

    @abc.abstractmethod
    def standard(self) -> tuple[Column, ...]:
        """Returns the columns of labels that models of Hugging Face take."""

    @abc.abstractmethod
    def standard_arrays(self, batch: StoredBatch) -> list[pa.Array]:
        """Returns these columns of some rows."""


def check_names(names: tuple[str, ...]) -> None:
    """Raises ValueError if two classes have the same name."""
    if len(set(names)) < len(names):
        raise ValueError(f"names must differ from one another, got {', '.join(names)}")


def class_counts(labels: Array, classes: int) -> Findings:
    """Counts classes, "label.0000" and on, and what has none, "label.none".

    Args:
      labels: Integers; less than 0 for no class.
      classes: How many there are.
    """
    counts = np.bincount(labels[labels >= 0], minlength=classes)
    named = {f"label.{number:04d}": int(count) for number, count in enumerate(counts)}
    return Findings({**named, "label.none": int(np.count_nonzero(labels < 0))})


def unknown_tokens(batch: StoredBatch, vocabulary: Vocabulary) -> Findings:
    """Counts tokens of text, and those of them that stand for what the tokenizer does not know."""
    text = batch.ids[~batch.special]
    unknown = np.count_nonzero(text == vocabulary.roles["unk"]) if "unk" in vocabulary.roles else 0
    return Findings({"tokens.of_text": len(text), "tokens.unknown": int(unknown)})


def named(names: tuple[str, ...], number: int) -> str | None:
    """Returns the name of a class, its number if it has none; None for no class."""
    if number < 0:
        return None
    return names[number] if number < len(names) else str(number)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassLabel(RecordLabels):
    """One class of several, for each record.

    Attributes:
      names: Of the classes, by number. `shardmill build` finds them in the records.
    """

    name: ClassVar[str] = "classify"
    kind: ClassVar[str] = CLASS

    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_names(self.names)

    def columns(self) -> tuple[Column, ...]:
        meaning = "Number of the row's class, in the order of `predict.names`; -1 without a label."
        return (Column("label", pa.int32(), meaning),)

    def values(self, packing: RecordPacking) -> Mapping[str, pa.Array]:
        found = packing.labels.first(UNLABELLED)[packing.record]
        return {"label": numbers(found.astype(np.int32))}

    def shown(self, batch: StoredBatch) -> dict[str, Any]:
        return {"label": named(self.names, int(numpy_of(batch.values["label"])[0]))}

    def standard(self) -> tuple[Column, ...]:
        return (Column("labels", pa.int32(), "Number of the class; -100 without a label."),)

    def standard_arrays(self, batch: StoredBatch) -> list[pa.Array]:
        labels = numpy_of(batch.values["label"])
        return [numbers(np.where(labels < 0, np.int32(IGNORED), labels))]

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        labels = numpy_of(batch.values["label"])
        wrong = (labels < UNLABELLED) | (labels >= max(len(self.names), 1))
        found = breach("a label is no class of the recipe", wrong)
        found += unknown_tokens(batch, vocabulary)
        return found + class_counts(labels, len(self.names))


@dataclasses.dataclass(frozen=True, kw_only=True)
class NumberLabel(RecordLabels):
    """A number for each record, such as how alike two texts are."""

    name: ClassVar[str] = "regress"
    kind: ClassVar[str] = NUMBER

    def columns(self) -> tuple[Column, ...]:
        return (Column("label", pa.float32(), "The number of the row; NaN without a label."),)

    def values(self, packing: RecordPacking) -> Mapping[str, pa.Array]:
        found = packing.labels.first(np.nan)[packing.record]
        return {"label": numbers(found.astype(np.float32))}

    def shown(self, batch: StoredBatch) -> dict[str, Any]:
        number = float(numpy_of(batch.values["label"])[0])
        return {"label": None if math.isnan(number) else number}

    def standard(self) -> tuple[Column, ...]:
        return (Column("labels", pa.float32(), "The number of the row; NaN without a label."),)

    def standard_arrays(self, batch: StoredBatch) -> list[pa.Array]:
        return [batch.values["label"]]

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        labels = numpy_of(batch.values["label"])
        missing = np.isnan(labels)
        found = breach("a label is not finite", np.isinf(labels))
        counts = {"label.none": int(np.count_nonzero(missing))}
        whole = np.clip(np.round(labels[~missing & ~np.isinf(labels)]), -1, _MOST_BARS)
        bars = np.bincount(whole.astype(np.int64) + 1, minlength=_MOST_BARS + 2).tolist()
        counts |= {"number.below": bars[0], "number.above": bars[-1]}
        rounded = {f"number.rounded_{n}": count for n, count in enumerate(bars[1:-1]) if count}
        return found + unknown_tokens(batch, vocabulary) + Findings({**counts, **rounded})
