"""Batches of lanes, followed by hand."""

import numpy as np
import torch

from trainer.rows.lane_rows import Lanes
from trainer.rows.masked_rows import MaskedRows, Order
from trainer.rows.stored_rows import Rows
from transforms.arrays.ragged import Ragged

LANES = Lanes(rows=4, longest=3, pad=7, pair_label=None)


def causal(*rows: list[int]) -> MaskedRows:
    """Returns rows from whose tokens, but for 20, the next numbers are predicted."""
    lengths = np.array([len(row) for row in rows], np.int64)
    ids = np.array([token for row in rows for token in row], np.uint16)
    targets = np.flatnonzero(ids != 20)
    stored = Rows(Ragged.from_lengths(ids, lengths), lengths, None)
    return MaskedRows(stored, ids, targets, ids[targets] + 1)


def permuted(targets: list[int]) -> MaskedRows:
    """Returns rows 10 11 3 and 12 13 3, whose last tokens are special and of rank 1."""
    ids = np.array([10, 11, 3, 12, 13, 3], np.uint32)
    stored = Rows(
        Ragged.from_lengths(ids, np.array([3, 3])), np.array([1, 2]), None, {}, None, (2,)
    )
    ranks = np.full(6, -1)
    ranks[targets], ranks[[2, 5]] = 0, 1
    at = np.array(targets, np.int64)
    order = Order(ranks, ids == 3)
    return MaskedRows(stored, ids, at, ids[at], order=order)


def test_next_tokens() -> None:
    found = LANES.tensors(
        causal([10, 11, 12], [20, 21, 22]), np.array([5, -1, 8]), (), np.array([False, True, True])
    )
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        "input_ids": [[10, 11, 12], [7, 7, 7], [20, 21, 22], [7, 7, 7]],
        "labels": [[11, 12, 13], [-100] * 3, [-100, 22, 23], [-100] * 3],
        "reset": [False, True, True, True],
        "row_ids": [5, -1, 8, -1],
        "num_tokens": 6,
    }
    kinds = {name: tensor.dtype for name, tensor in found.items()}
    assert kinds == {**dict.fromkeys(kinds, torch.int64), "reset": torch.bool}


def test_shorter_rows() -> None:
    found = LANES.tensors(causal([10], [20, 21, 22], []), np.array([3, 4, 5]))
    assert found["input_ids"].tolist() == [[10, 7, 7], [20, 21, 22], [7, 7, 7], [7, 7, 7]]
    assert found["labels"].tolist() == [
        [11, -100, -100],
        [-100, 22, 23],
        [-100, -100, -100],
        [-100, -100, -100],
    ]
    assert found["reset"].tolist() == [True] * 4


def test_no_rows() -> None:
    found = LANES.tensors(causal(), np.full(4, -1), (), np.ones(4, np.bool_))
    assert found["input_ids"].tolist() == [[7] * 3] * 4
    assert found["labels"].tolist() == [[-100] * 3] * 4
    assert found["num_tokens"] == 0


def test_a_factorization_order() -> None:
    layout = Lanes(rows=3, longest=3, pad=7, pair_label=None, targets=2)
    found = layout.tensors(permuted([0, 1, 4]), np.array([1, -1, 6]))
    del found["reset"]  # type: ignore[attr-defined]
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        "input_ids": [[10, 11, 3], [7, 7, 7], [12, 13, 3]],
        "token_type_ids": [[0, 1, 2], [0, 0, 0], [0, 0, 2]],
        "ranks": [[0, 0, 1], [-1, -1, -1], [-1, 0, 1]],
        "special_tokens_mask": [[0, 0, 1], [0, 0, 0], [0, 0, 1]],
        "target_positions": [[0, 1], [0, 0], [1, 0]],
        "labels": [[10, 11], [-100, -100], [13, -100]],
        "row_ids": [1, -1, 6],
        "num_tokens": 6,
    }


def test_an_order_without_rows_or_targets() -> None:
    layout = Lanes(rows=3, longest=3, pad=7, pair_label=None, targets=2)
    found = layout.tensors(permuted([]), np.array([1, 6]))
    assert found["labels"].tolist() == [[-100, -100]] * 3
    assert found["ranks"].tolist() == [[-1, -1, 1], [-1, -1, 1], [-1, -1, -1]]
    assert layout.limits.tokens == 9
