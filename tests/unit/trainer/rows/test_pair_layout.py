"""Batches of pairs, cell by cell."""

import dataclasses

import numpy as np
import pytest

from trainer.rows.pair_layout import Pairs
from trainer.rows.pair_rows import PairRows
from transforms.arrays.ragged import Ragged

LAYOUT = Pairs(rows=3, pad=9, source=4, target=3, targets=6)


def ragged(*rows: list[int]) -> Ragged:
    values = np.array([value for row in rows for value in row], np.uint16)
    return Ragged.from_lengths(values, np.array([len(row) for row in rows]))


ROWS = PairRows(
    source=ragged([1, 2, 3], [4]),
    decoder_input=ragged([0, 5], [0, 6, 7]),
    labels=np.array([5, 8, 6, 7, -100]),
)


def test_pairs_stand_side_by_side() -> None:
    batch = LAYOUT.tensors(ROWS, np.array([11, 40]))
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[1, 2, 3, 9], [4, 9, 9, 9], [9, 9, 9, 9]],
        # The line without a row attends to its first cell.
        "attention_mask": [[1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]],
        "decoder_input_ids": [[0, 5, 9], [0, 6, 7], [9, 9, 9]],
        "labels": [[5, 8, -100], [6, 7, -100], [-100, -100, -100]],
        "target_positions": [0, 1, 3, 4, 5, -1],
        "row_ids": [11, 40, -1],
        "num_tokens": 9,
    }


def test_positions_places_and_hidden_tokens() -> None:
    rows = dataclasses.replace(
        ROWS,
        decoder_positions=np.array([2, 3, 0, 1, 7], np.uint16),
        target_places=np.array([0, 1, 0, 1, 0]),
        hidden=np.array([False, True, False, False]),
    )
    batch = LAYOUT.tensors(rows, np.array([11, 40]))
    assert batch["decoder_position_ids"].tolist() == [[2, 3, 0], [0, 1, 7], [0, 0, 0]]
    assert batch["target_places"].tolist() == [0, 1, 0, 1, 0, 0]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    assert batch["cross_attention_mask"].tolist() == [[1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]]


def test_a_batch_without_rows() -> None:
    empty = PairRows(ragged(), ragged(), np.empty(0, np.uint16))
    batch = LAYOUT.tensors(empty, np.empty(0, np.int64))
    assert batch["attention_mask"].sum() == 3
    assert batch["target_positions"].tolist() == [-1] * 6
    assert int(batch["num_tokens"]) == 0


@pytest.mark.parametrize(
    ("room", "told"),
    [
        ({"targets": 4}, "5 targets do not fit into 4"),
        ({"target": 2}, "2 rows with a target of up to 3 tokens do not fit into 3 lines of 2"),
        ({"source": 2}, "2 rows with a source of up to 3 tokens do not fit into 3 lines of 2"),
        ({"rows": 1}, "2 rows with a source of up to 3 tokens do not fit into 1 lines of 4"),
    ],
)
def test_pairs_that_do_not_fit_are_an_error(room: dict[str, int], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        dataclasses.replace(LAYOUT, **room).tensors(ROWS, np.array([11, 40]))
