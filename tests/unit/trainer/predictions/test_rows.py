import numpy as np
import torch

from trainer.predictions.rows import RowArrays
from transforms.arrays.ragged import Ragged


def rows() -> RowArrays:
    lengths = np.array([5, 2, 9, 3])
    ids = np.arange(19, dtype=np.uint16)
    return RowArrays(Ragged.from_lengths(ids, lengths), ids % 2)


def test_batches_have_all_rows_from_the_shortest_as_many_as_fit() -> None:
    assert [each.tolist() for each in rows().batches(10)] == [[1, 3, 0], [2]]
    assert [each.tolist() for each in rows().batches(1)] == [[1], [3], [0], [2]]
    assert [each.tolist() for each in rows().batches(19)] == [[1, 3, 0, 2]]


def test_no_rows_have_no_batches() -> None:
    empty = RowArrays(Ragged(np.empty(0, np.int64), np.zeros(1, np.int64)), np.empty(0, np.int64))
    assert list(empty.batches(10)) == []


def test_rows_are_taken_by_number() -> None:
    found = rows().take(np.array([3, 1]), torch.device("cpu"))
    assert found.ids.tolist() == [16, 17, 18, 5, 6]
    assert found.types.tolist() == [0, 1, 0, 1, 0]
    assert found.lengths.tolist() == [3, 2]
    assert found.positions.tolist() == [0, 1, 2, 0, 1]
