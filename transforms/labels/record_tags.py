"""What is predicted of records of words: a class for each word."""

import dataclasses
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers
from schemas.columns import IGNORED, Column, list_of
from schemas.label_kinds import TAGS
from schemas.records import Bool, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples
from transforms.arrays.arrow_lists import arrow_list
from transforms.arrays.ragged import row_numbers
from transforms.contract.oracle import Findings, breach
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.contract.stored_columns import ragged
from transforms.labels.record_labels import (
    RecordLabels,
    check_names,
    class_counts,
    named,
    unknown_tokens,
)

_MARK = "tags"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TagLabels(RecordLabels):
    """One class of several, for the first token of each word.

    Attributes:
      names: Of the classes, by number. `shardmill build` finds them in the records.

    Source: google-research/bert, Devlin et al. 2019, 5.3 (the first token of a word stands for it);
      huggingface/transformers run_ner.py.
    """

    name: ClassVar[str] = "tag"
    kind: ClassVar[str] = TAGS

    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_names(self.names)

    def columns(self) -> tuple[Column, ...]:
        meaning = (
            "Number of the class of each token of the row, in the order of `predict.names`; -1 "
            "where nothing is predicted: special tokens, tokens of a word after its first, words "
            "without a label."
        )
        return (Column("labels", list_of(pa.int16()), meaning),)

    # Words of 2 and 1 tokens with the classes 4 and 0: marks 5 0 1.
    def mark_tokens(self, tokens: Tokens) -> Tokens:
        """Returns tokens with one more than the class at the first token of each word, else 0."""
        marks = np.zeros(len(tokens.ids), np.int32)
        if tokens.labels is not None and tokens.lines is not None:
            record = row_numbers(np.diff(tokens.document_offsets))
            there = tokens.lines < tokens.labels.counts[record]
            at = tokens.labels.offsets[:-1][record] + tokens.lines
            firsts = tokens.sentence_offsets[:-1][there]
            marks[firsts] = tokens.labels.values[at[there]].astype(np.int32) + 1
        return dataclasses.replace(tokens, annotations={**tokens.annotations, _MARK: marks})

    def finish(self, examples: Examples) -> Examples:
        labels = (examples.annotations[_MARK] - 1).astype(np.int16)
        column = arrow_list(examples.offsets, numbers(labels))
        rest = {name: each for name, each in examples.annotations.items() if name != _MARK}
        return dataclasses.replace(examples, values={"labels": column}, annotations=rest)

    def shown(self, batch: StoredBatch) -> dict[str, Any]:
        labels = ragged(batch.values["labels"]).row(0)
        at = np.flatnonzero(labels >= 0)
        names = [named(self.names, number) for number in labels[at].tolist()]
        return {"tags": [list(pair) for pair in zip(at.tolist(), names, strict=True)]}

    def standard(self) -> tuple[Column, ...]:
        meaning = "Number of the class at the first token of each word, else -100."
        return (Column("labels", list_of(pa.int32()), meaning),)

    def standard_arrays(self, batch: StoredBatch) -> list[pa.Array]:
        labels = ragged(batch.values["labels"])
        found = np.where(labels.values < 0, IGNORED, labels.values).astype(np.int32)
        return [arrow_list(labels.offsets, numbers(found))]

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        stored = ragged(batch.values["labels"])
        wrong_size = stored.lengths != batch.lengths
        if wrong_size.any():
            return breach("a row has another number of labels than of tokens", wrong_size)
        wrong = (stored.values < -1) | (stored.values >= max(len(self.names), 1))
        special = batch.special & (stored.values != -1)
        found = _rows_with("a label is no class of the recipe", wrong, batch)
        found += _rows_with("a special token has a label", special, batch)
        there = stored.values[stored.values >= 0]
        none = int(np.count_nonzero(~batch.special)) - len(there)
        found += unknown_tokens(batch, vocabulary)
        return found + class_counts(there, len(self.names)) + Findings({"tokens.unlabelled": none})


def _rows_with(name: str, wrong: Bool, batch: StoredBatch) -> Findings:
    """Returns a breach of the rows in which a token is wrong."""
    rows = row_numbers(batch.lengths)[wrong]
    return breach(name, np.bincount(rows, minlength=len(batch)) > 0)
