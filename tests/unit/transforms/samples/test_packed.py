import numpy as np
import pyarrow as pa
import pytest

from transforms.arrays.ragged import Ragged
from transforms.samples.packed import fixed_bytes, join_pieces, positions, text_bytes, value_bytes


def rows_of(found: Ragged) -> list[bytes]:
    return [found.row(number).tobytes() for number in range(len(found))]


def test_pieces_of_each_row_are_joined() -> None:
    letters = text_bytes(pa.array(["a", "", "bc"]))
    numbers = fixed_bytes(np.array([1, 2, 3], "<u2"))
    assert rows_of(join_pieces([letters, numbers, letters])) == [
        b"a\x01\0a",
        b"\x02\0",
        b"bc\x03\0bc",
    ]


def test_values_of_a_part_of_a_column() -> None:
    lists = pa.array([[9, 9], [1], [], [2, 3]], pa.list_(pa.int16())).slice(1)
    assert rows_of(value_bytes(lists)) == [b"\x01\0", b"", b"\x02\0\x03\0"]
    flags = pa.array([True, False, True]).slice(1)
    assert rows_of(value_bytes(flags)) == [b"\0", b"\x01"]
    assert rows_of(text_bytes(pa.array(["x", "", "ä"]).slice(1))) == [b"", "ä".encode()]


def test_positions_count_what_stands_before() -> None:
    batches = [fixed_bytes(np.zeros((2, 5), np.uint8)), fixed_bytes(np.zeros((1, 3), np.uint8))]
    assert positions(batches, 10).tolist() == [26, 31, 36, 39]
    assert positions([], 4).tolist() == [8]


def test_a_file_has_less_than_four_gigabytes() -> None:
    huge = Ragged(np.empty(0, np.uint8), np.array([0, 1 << 32], np.int64))
    with pytest.raises(ValueError, match=r"4,294,967,308 bytes do not fit"):
        positions([huge], 4)
