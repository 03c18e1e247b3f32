import numpy as np
import pyarrow as pa

from schemas.records import Examples
from transforms.arrays.arrow_lists import arrow_list, interleave
from transforms.arrays.spans import Spans
from transforms.corruption.targets import MaskedTokens


def spans(*pairs: tuple[int, int]) -> Spans:
    return Spans(*np.array(pairs, np.int64).reshape(-1, 2).T)


def rows(*lengths: int) -> Examples:
    total = sum(lengths)
    return Examples(
        ids=np.arange(total).astype(np.uint16),
        offsets=np.append(0, np.cumsum(lengths)).astype(np.int64),
        second_segment_start=np.array(lengths, np.int64),
        special=np.zeros(total, np.bool_),
    )


def test_positions_count_from_the_row_and_copies_stay_apart() -> None:
    first = spans((1, 3), (5, 6), (8, 9)), np.array([90, 91, 92, 93], np.uint16)
    second = spans((0, 1), (7, 9)), np.array([80, 81, 82], np.uint16)
    positions, seen = MaskedTokens().build(rows(4, 3, 2), [first, second])
    assert positions.to_pylist() == [[[1, 2], [0]], [[1], []], [[1], [0, 1]]]
    assert seen.to_pylist() == [[[90, 91], [80]], [[92], []], [[93], [81, 82]]]


def test_a_span_over_nothing_and_rows_without_any() -> None:
    nothing = spans(), np.empty(0, np.uint32)
    positions, seen = MaskedTokens().build(rows(2, 0, 1), [nothing])
    assert positions.to_pylist() == seen.to_pylist() == [[[]], [[]], [[]]]
    some = spans((2, 3)), np.array([7], np.uint32)
    positions, seen = MaskedTokens().build(rows(2, 0, 1), [nothing, some])
    assert positions.to_pylist() == [[[], []], [[], []], [[], [0]]]
    assert seen.to_pylist() == [[[], []], [[], []], [[], [7]]]


def test_the_last_position_of_the_longest_row() -> None:
    last = spans((65534, 65535)), np.array([1], np.uint16)
    positions, _ = MaskedTokens().build(rows(65535), [last])
    assert positions.to_pylist() == [[[65534]]]


def test_types_are_those_of_the_columns() -> None:
    for id_type in ("uint16", "uint32"):
        copy = spans((0, 1)), np.array([1], id_type)
        built = MaskedTokens().build(rows(1), [copy])
        expected = [column.type for column in MaskedTokens().columns(id_type)]
        assert [array.type for array in built] == expected


def test_interleave() -> None:
    copies = [np.array([1, 2, 3], np.int64), np.array([4, 5], np.int64), np.array([6], np.int64)]
    counts = [np.array([2, 1]), np.array([0, 2]), np.array([1, 0])]
    assert interleave(copies, counts).to_pylist() == [[[1, 2], [], [6]], [[3], [4, 5], []]]


def test_arrow_list() -> None:
    array = arrow_list(np.array([0, 2, 2, 3]), pa.array([1, 2, 3], pa.int8()))
    assert array.to_pylist() == [[1, 2], [], [3]]
    assert not array.type.value_field.nullable
    array.validate(full=True)
