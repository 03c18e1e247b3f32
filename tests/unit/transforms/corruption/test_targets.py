import numpy as np
import pyarrow as pa

from transforms.arrays.arrow_lists import arrow_list
from transforms.arrays.ragged import Ragged
from transforms.corruption.targets import MaskedTokens


def lists(*lengths: int) -> Ragged:
    """Returns lists of these lengths, of positions 0, 1, 2, ..."""
    positions = np.concatenate([np.arange(length) for length in lengths]).astype(np.uint16)
    return Ragged.from_lengths(positions, np.array(lengths))


def test_copies_of_a_row_stand_together() -> None:
    seen = np.arange(90, 96).astype(np.uint16)
    positions, ids = MaskedTokens().build(lists(2, 1, 1, 0, 0, 2), seen, 2)
    assert positions.to_pylist() == [[[0, 1], [0]], [[0], []], [[], [0, 1]]]
    assert ids.to_pylist() == [[[90, 91], [92]], [[93], []], [[], [94, 95]]]


def test_types_are_those_of_the_columns() -> None:
    for id_type in ("uint16", "uint32"):
        built = MaskedTokens().build(lists(1), np.array([1], id_type), 1)
        expected = [column.type for column in MaskedTokens().columns(id_type)]
        assert [array.type for array in built] == expected


def test_arrow_list() -> None:
    array = arrow_list(np.array([0, 2, 2, 3]), pa.array([1, 2, 3], pa.int8()))
    assert array.to_pylist() == [[1, 2], [], [3]]
    assert not array.type.value_field.nullable
    array.validate(full=True)
