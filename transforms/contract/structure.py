"""What must hold of stored rows before anything is read from them by index."""

import itertools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numpy_of
from schemas.columns import ANNOTATION_VALUES, ANNOTATIONS, has_spans
from schemas.records import Bool, Int64
from transforms.arrays.marks import column_positions, token_spans
from transforms.contract.oracle import Findings, breach, gather
from transforms.contract.rules import RowRules
from transforms.contract.stored import any_copy, ragged, ragged_copies


def structure(batch: pa.RecordBatch, rules: RowRules) -> Findings:
    """Checks that every row has a list a copy, with as many positions as ids, and some tokens."""
    copies, stored = rules.copies, rules.corruptions
    pairs = [(batch.column(each.positions), batch.column(each.seen)) for each in stored]
    wrong = np.zeros(batch.num_rows, np.bool_)
    for column in itertools.chain(*pairs):
        wrong |= np.diff(numpy_of(column.offsets)) != copies
    if wrong.any():
        return breach("a row has another number of copies than the recipe", wrong)
    found = []
    for each, (positions, seen) in zip(stored, pairs, strict=True):
        differ = ragged_copies(positions).lengths != ragged_copies(seen).lengths
        name = f"{each.positions} and {each.seen} differ in length"
        found.append(breach(name, any_copy(differ.reshape(-1, copies))))
    lengths = np.diff(numpy_of(batch.column("input_ids").offsets))
    for name in rules.annotations:
        column = ANNOTATIONS[name].name
        wrong = (_wrong_spans if has_spans(name) else _wrong_positions)(batch[column], lengths)
        found.append(breach(f"{column} are not ascending and disjoint within their row", wrong))
        if name in ANNOTATION_VALUES:
            values = ANNOTATION_VALUES[name].name
            differ = ragged(batch[column]).lengths != ragged(batch[values]).lengths
            if differ.any():
                return breach(f"{column} and {values} differ in length", differ)
    for each in stored:
        if each.stages:
            name = f"{each.name}_stages"
            wrong = _wrong_lists(batch.column(name), each.stages)
            found.append(breach(f"{name} are not the stages that the recipe gives copies", wrong))
    if rules.objective_column:
        names = np.array(batch.column("objective").to_pylist(), np.str_)
        found.append(breach("objective is not the name of the recipe", names != rules.name))
    return gather([*found, breach("a row is empty", lengths == 0)])


def _wrong_lists(column: pa.ListArray, expected: Sequence[int]) -> Bool:
    """Returns bool[R]: rows whose list is another one."""
    lists = ragged(column)
    wrong = lists.lengths != len(expected)
    if not wrong.any():
        wrong = (lists.values.reshape(-1, len(expected)) != expected).any(axis=1)
    return wrong


def _wrong_spans(column: pa.ListArray, lengths: Int64) -> Bool:
    """Returns bool[R]: rows with a span that is empty, outside, or not behind the last one."""
    starts, ends, offsets = token_spans(column)
    row = np.repeat(np.arange(len(lengths)), np.diff(offsets))
    wrong = (starts >= ends) | (ends > lengths[row])
    wrong[1:] |= (starts[1:] < ends[:-1]) & (row[1:] == row[:-1])
    return np.bincount(row[wrong], minlength=len(lengths)) > 0


def _wrong_positions(column: pa.ListArray, lengths: Int64) -> Bool:
    """Returns bool[R]: rows with a position that is outside, or not behind the last one."""
    positions, offsets = column_positions(column)
    row = np.repeat(np.arange(len(lengths)), np.diff(offsets))
    wrong = positions >= lengths[row]
    wrong[1:] |= (positions[1:] <= positions[:-1]) & (row[1:] == row[:-1])
    return np.bincount(row[wrong], minlength=len(lengths)) > 0
