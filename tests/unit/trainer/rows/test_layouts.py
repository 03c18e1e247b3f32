from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.oracles.batches import plain
from trainer.rows.layouts import Packed, Padded
from trainer.rows.masked_rows import MaskedRows
from trainer.rows.stored_rows import Rows
from transforms.arrays.ragged import Ragged

PAD, MASK = 9, 4
LABEL = "next_sentence_label"
PACKED = Packed(tokens=14, targets=5, rows=3, longest=5, pad=PAD, pair_label=LABEL)
PADDED = Padded(rows=3, longest=5, pad=PAD, pair_label=LABEL)


def masked(
    rows: Sequence[Sequence[int]],
    seconds: Sequence[int],
    targets: Sequence[int],
    relation: Sequence[int] | None,
) -> MaskedRows:
    """Returns rows of these ids, with the mask token at flat positions."""
    values = np.array([token for row in rows for token in row], np.uint16)
    seen = values.copy()
    seen[list(targets)] = MASK
    stored = Rows(
        tokens=Ragged.from_lengths(values, np.array([len(row) for row in rows], np.int64)),
        second_segment_start=np.array(seconds, np.int64),
        pair_label=None if relation is None else np.array(relation, np.int64),
    )
    at = np.array(targets, np.int64)
    return MaskedRows(stored, seen, at, stored.tokens.values[at])


def two_rows(relation: Sequence[int] | None = (1, 0)) -> MaskedRows:
    """Five tokens, the second segment from 3 on; and three tokens without a second segment."""
    rows = [[20, 21, 22, 23, 24], [30, 31, 32]]
    return masked(rows, [3, 3], [1, 4, 6], relation)


def three_rows() -> MaskedRows:
    rows = [[20, 21, 22, 23, 24], [30], [40, 41, 42, 43, 44]]
    return masked(rows, [1, 1, 4], [0, 5, 9], [0, 1, 1])


def no_rows(relation: Sequence[int] | None = ()) -> MaskedRows:
    return masked([], [], [], relation)


def numbers(*rows: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array(rows, np.int64)


def types_of(batch: Mapping[str, Tensor]) -> dict[str, torch.dtype]:
    return {name: tensor.dtype for name, tensor in batch.items()}


def test_packed_rows() -> None:
    assert plain(PACKED.tensors(two_rows(), numbers(7, 8))) == {
        "input_ids": [[20, MASK, 22, 23, MASK, 30, MASK, 32, 9, 9, 9, 9, 9, 9]],
        "position_ids": [[0, 1, 2, 3, 4, 0, 1, 2, 0, 1, 2, 3, 4, 0]],
        "token_type_ids": [[0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
        "cu_seqlens": [0, 5, 8, 13, 14, 14, 14],
        "target_positions": [1, 4, 6, 0, 0],
        "labels": [21, 24, 31, -100, -100],
        "next_sentence_label": [1, 0, -100, -100, -100, -100],
        "row_ids": [7, 8, -1, -1, -1, -1],
        "num_tokens": 8,
    }


def test_packed_rows_as_many_as_fit() -> None:
    assert plain(PACKED.tensors(three_rows(), numbers(0, 5, 6))) == {
        "input_ids": [[MASK, 21, 22, 23, 24, MASK, 40, 41, 42, MASK, 44, 9, 9, 9]],
        "position_ids": [[0, 1, 2, 3, 4, 0, 0, 1, 2, 3, 4, 0, 1, 2]],
        "token_type_ids": [[0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0]],
        "cu_seqlens": [0, 5, 6, 11, 14, 14, 14],
        "target_positions": [0, 5, 9, 0, 0],
        "labels": [20, 30, 43, -100, -100],
        "next_sentence_label": [0, 1, 1, -100, -100, -100],
        "row_ids": [0, 5, 6, -1, -1, -1],
        "num_tokens": 11,
    }


def test_packed_rows_that_leave_nothing_unused() -> None:
    layout = Packed(tokens=8, targets=3, rows=2, longest=5, pad=PAD, pair_label=LABEL)
    found = plain(layout.tensors(two_rows(), numbers(7, 8)))
    assert found["input_ids"] == [[20, MASK, 22, 23, MASK, 30, MASK, 32]]
    assert found["cu_seqlens"] == [0, 5, 8, 8, 8]
    assert found["labels"] == [21, 24, 31]


def test_a_packed_batch_without_rows_is_padding_in_segments() -> None:
    assert plain(PACKED.tensors(no_rows(), numbers())) == {
        "input_ids": [[9] * 14],
        "position_ids": [[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3]],
        "token_type_ids": [[0] * 14],
        "cu_seqlens": [0, 5, 10, 14, 14, 14, 14],
        "target_positions": [0] * 5,
        "labels": [-100] * 5,
        "next_sentence_label": [-100] * 6,
        "row_ids": [-1] * 6,
        "num_tokens": 0,
    }


@pytest.mark.parametrize(
    ("longest", "borders"),
    [
        (5, [0, 5, 8, 13, 14, 14, 14]),
        (6, [0, 5, 8, 14, 14, 14, 14]),
        (7, [0, 5, 8, 14, 14, 14]),
        (14, [0, 5, 8, 14, 14]),
    ],
)
def test_padding_is_cut_at_the_longest_segment(longest: int, borders: list[int]) -> None:
    layout = Packed(tokens=14, targets=5, rows=3, longest=longest, pad=PAD, pair_label=LABEL)
    assert plain(layout.tensors(two_rows(), numbers(7, 8)))["cu_seqlens"] == borders


def test_packed_types() -> None:
    found = types_of(PACKED.tensors(two_rows(), numbers(7, 8)))
    assert found.pop("cu_seqlens") == torch.int32
    assert set(found.values()) == {torch.int64}


def test_packed_limits() -> None:
    limits = PACKED.limits
    assert (limits.rows, limits.tokens, limits.targets) == (3, 14, 5)
    assert PACKED.sequences == 6


def test_padded_rows() -> None:
    assert plain(PADDED.tensors(two_rows(), numbers(7, 8))) == {
        "input_ids": [[20, MASK, 22, 23, MASK], [30, MASK, 32, 9, 9], [9, 9, 9, 9, 9]],
        "attention_mask": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]],
        "token_type_ids": [[0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
        "labels": [
            [-100, 21, -100, -100, 24],
            [-100, 31, -100, -100, -100],
            [-100, -100, -100, -100, -100],
        ],
        "next_sentence_label": [1, 0, -100],
        "row_ids": [7, 8, -1],
        "num_tokens": 8,
    }


def test_padded_rows_as_many_as_fit() -> None:
    assert plain(PADDED.tensors(three_rows(), numbers(0, 5, 6))) == {
        "input_ids": [[MASK, 21, 22, 23, 24], [MASK, 9, 9, 9, 9], [40, 41, 42, MASK, 44]],
        "attention_mask": [[1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]],
        "token_type_ids": [[0, 1, 1, 1, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]],
        "labels": [
            [20, -100, -100, -100, -100],
            [30, -100, -100, -100, -100],
            [-100, -100, -100, 43, -100],
        ],
        "next_sentence_label": [0, 1, 1],
        "row_ids": [0, 5, 6],
        "num_tokens": 11,
    }


def test_a_padded_batch_without_rows_attends_to_one_token_a_line() -> None:
    assert plain(PADDED.tensors(no_rows(), numbers())) == {
        "input_ids": [[9] * 5] * 3,
        "attention_mask": [[1, 0, 0, 0, 0]] * 3,
        "token_type_ids": [[0] * 5] * 3,
        "labels": [[-100] * 5] * 3,
        "next_sentence_label": [-100] * 3,
        "row_ids": [-1] * 3,
        "num_tokens": 0,
    }


def test_padded_types() -> None:
    found = types_of(PADDED.tensors(two_rows(), numbers(7, 8)))
    assert set(found.values()) == {torch.int64}


def test_padded_limits() -> None:
    limits = PADDED.limits
    assert (limits.rows, limits.tokens, limits.targets) == (3, 15, 15)


@pytest.mark.parametrize("rows", [two_rows(None), no_rows(None)])
def test_rows_without_pairs_have_no_sentence_label(rows: MaskedRows) -> None:
    taken = np.arange(len(rows.rows.tokens))
    packed = Packed(tokens=14, targets=5, rows=3, longest=5, pad=PAD, pair_label=None)
    padded = Padded(rows=3, longest=5, pad=PAD, pair_label=None)
    for layout in (packed, padded):
        assert "next_sentence_label" not in layout.tensors(rows, taken)


@pytest.mark.parametrize("layout", [PACKED, PADDED])
def test_rows_are_not_changed(layout: Packed | Padded) -> None:
    rows = two_rows()
    layout.tensors(rows, numbers(7, 8))["input_ids"].fill_(0)
    assert rows.rows.tokens.values.tolist() == [20, 21, 22, 23, 24, 30, 31, 32]
    assert rows.seen.tolist() == [20, MASK, 22, 23, MASK, 30, MASK, 32]


@pytest.mark.parametrize("layout", [PACKED, PADDED])
def test_shapes_do_not_depend_on_the_rows(layout: Packed | Padded) -> None:
    found = [
        layout.tensors(rows, np.arange(len(rows.rows.tokens)))
        for rows in (no_rows(), two_rows(), three_rows())
    ]
    shapes = [{name: tensor.shape for name, tensor in batch.items()} for batch in found]
    assert shapes[0] == shapes[1] == shapes[2]


@pytest.mark.parametrize("layout", [PACKED, PADDED])
def test_ids_beyond_two_bytes(layout: Packed | Padded) -> None:
    rows = two_rows()
    large = rows.rows.tokens.values.astype(np.uint32) + 70_000
    stored = Rows(
        tokens=Ragged(large, rows.rows.tokens.offsets),
        second_segment_start=rows.rows.second_segment_start,
        pair_label=rows.rows.pair_label,
    )
    found = layout.tensors(
        MaskedRows(stored, large, rows.targets, large[rows.targets]), numbers(7, 8)
    )
    assert found["input_ids"].flatten()[:5].tolist() == [70_020, 70_021, 70_022, 70_023, 70_024]
    assert 70_031 in found["labels"].flatten().tolist()
