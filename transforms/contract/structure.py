"""What must hold of stored rows before anything is read from them by index."""

import itertools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numpy_of
from schemas.columns import (
    ANNOTATION_VALUES,
    ANNOTATIONS,
    EDITS,
    FRAGMENT_STARTS,
    ROTATIONS,
    SENTENCE_ORDERS,
    SENTENCES,
    edit_ids,
    has_spans,
)
from schemas.records import Bool, Int64
from transforms.arrays.edits import count_encoded
from transforms.arrays.marks import column_positions, token_spans
from transforms.arrays.ragged import read_only
from transforms.arrays.sequences import CleanRows, sentence_counts
from transforms.contract.oracle import Findings, breach, gather
from transforms.contract.rules import RowRules, StoredEdits
from transforms.contract.stored import any_copy
from transforms.contract.stored_columns import edit_lists, ragged, ragged_copies, starts_of


def structure(batch: pa.RecordBatch, rules: RowRules) -> Findings:
    """Checks that every row has a list a copy, with as many positions as ids, and some tokens."""
    copies, stored = rules.copies, rules.corruptions
    wrong = _wrong_copies(batch, rules)
    if wrong.any():
        return breach("a row has another number of copies than the recipe", wrong)
    found = []
    for each in stored:
        positions, seen = (ragged_copies(batch[name]) for name in (each.positions, each.seen))
        differ = positions.lengths != seen.lengths
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
    if rules.edits is not None:
        found.append(_edits(batch, rules, lengths))
    if rules.objective_column:
        names = np.array(batch.column("objective").to_pylist(), np.str_)
        found.append(breach("objective is not the name of the recipe", names != rules.name))
    return gather([*found, breach("a row is empty", lengths == 0)])


def _wrong_copies(batch: pa.RecordBatch, rules: RowRules) -> Bool:
    """Returns bool[R]: rows that have another number of copies."""
    pairs = [(each.positions, each.seen) for each in rules.corruptions]
    edits = () if rules.edits is None else columns_of(rules.edits)
    wrong = np.zeros(batch.num_rows, np.bool_)
    for name in itertools.chain(*pairs, edits):
        wrong |= np.diff(numpy_of(batch.column(name).offsets)) != rules.copies
    return wrong


def columns_of(rules: StoredEdits) -> list[str]:
    """Returns the columns that hold edits, each with a value or a list a copy."""
    names = {FRAGMENT_STARTS.name: rules.part is not None, EDITS.name: rules.part is None}
    names |= {edit_ids("uint16").name: rules.ids}
    names |= {SENTENCE_ORDERS.name: rules.orders, ROTATIONS.name: rules.rotations}
    return [name for name, stored in names.items() if stored]


def _edits(batch: pa.RecordBatch, rules: RowRules, lengths: Int64) -> Findings:
    """Checks that edits can be read, lie in their row, and have the ids that they ask for."""
    assert rules.edits is not None
    copies = rules.copies
    if rules.edits.part is not None:
        outside = starts_of(batch, rules.edits.part)[1]
        return breach("edits are damaged", any_copy(outside.reshape(-1, copies)))
    codes, ids = edit_lists(batch, rules.edits)
    found = count_encoded(codes, lengths, copies, marked=rules.edits.marked)
    wrong: dict[str, Bool] = {
        "edits are damaged": found[:, 0] < 0,
        "edits and edit_ids differ": found[:, 1] != ids.lengths,
    }
    if rules.edits.orders:
        name = "sentence_orders are no permutations of the sentences of their row"
        wrong[name] = _wrong_orders(batch, rules)
    return gather(
        breach(name, any_copy(lists.reshape(-1, copies))) for name, lists in wrong.items()
    )


def _wrong_orders(batch: pa.RecordBatch, rules: RowRules) -> Bool:
    """Returns bool[L]: the orders that are not of the sentences of their row."""
    from transforms.kernels.arranging import check_orders

    ids = ragged(batch.column("input_ids"))
    positions, rows = column_positions(batch.column(ANNOTATIONS[SENTENCES].name))
    flags = np.zeros(len(ids.values), np.bool_)
    # What lies outside its row is a breach of its own.
    flags[np.minimum(np.repeat(ids.offsets[:-1], np.diff(rows)) + positions, len(flags) - 1)] = True
    counts = sentence_counts(CleanRows(ids.values, ids.offsets, flags), rules.layout.edges)
    orders = ragged_copies(batch.column(SENTENCE_ORDERS.name))
    wrong = np.empty(len(orders), np.bool_)
    lists = read_only(orders.offsets), read_only(orders.values)
    check_orders(lists, read_only(counts), rules.copies, wrong)
    return wrong


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
